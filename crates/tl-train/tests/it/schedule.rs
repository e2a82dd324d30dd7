//! Learning rates against PyTorch's schedulers; `tests/schedule.py` made the numbers.

use tl_train::{ClassWeights, HeadKind, LearningRate, OptimizerKind, Plan, Sampler, Schedule, TrainOptions};

fn rates(schedule: Schedule, warmup_steps: usize) -> Vec<f64> {
    let rate = LearningRate { schedule, peak: 0.1, warmup_steps, n_steps: 12, drops: (0.1, 2) };
    (0..12).map(|step| rate.at(step)).collect()
}

#[test]
#[rustfmt::skip]
fn every_step_has_the_rate_that_pytorch_gives_it() {
    for (schedule, warmup, expected) in [
        (Schedule::Cosine, 0, [
            0.1, 0.098_296_291_314, 0.093_301_270_189, 0.085_355_339_059, 0.075, 0.062_940_952_255, 0.05,
            0.037_059_047_745, 0.025, 0.014_644_660_941, 0.006_698_729_811, 0.001_703_708_686,
        ]),
        (Schedule::Cosine, 3, [
            0.025, 0.05, 0.075, 0.1, 0.096_984_631_039, 0.088_302_222_156, 0.075, 0.058_682_408_883,
            0.041_317_591_117, 0.025, 0.011_697_777_844, 0.003_015_368_961,
        ]),
        (Schedule::Constant, 3, [0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
        (Schedule::OneCycle, 0, [
            0.004, 0.034_978_965_422, 0.087_928_515_912, 0.099_441_543_545, 0.093_301_296_984, 0.081_174_565_395,
            0.064_737_899_77, 0.046_263_710_267, 0.028_306_099_821, 0.013_347_753_019, 0.003_456_698_743, 4e-7,
        ]),
        (Schedule::Step, 0, [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001]),
    ] {
        for (step, (found, expected)) in rates(schedule, warmup).into_iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-11, "{schedule:?} at {step}: {found} is not {expected}");
        }
    }
}

#[test]
fn a_rate_falls_as_often_and_as_far_as_is_said() {
    let rate = LearningRate { schedule: Schedule::Step, peak: 8.0, warmup_steps: 2, n_steps: 10, drops: (0.5, 3) };
    let rates: Vec<f64> = (2..10).map(|step| rate.at(step)).collect();
    assert_eq!(rates, [8.0, 8.0, 4.0, 4.0, 2.0, 2.0, 1.0, 1.0]);
}

proptest::proptest! {
    /// Runs of any length, of one step too, have rates above zero and at most the peak.
    #[test]
    fn rates_stay_between_zero_and_the_peak(n_steps in 1usize..60, warmup in 0.0f64..0.99, step in 0usize..60) {
        let warmup_steps = (warmup * n_steps as f64) as usize;
        for schedule in [Schedule::Constant, Schedule::Cosine, Schedule::OneCycle, Schedule::Step, Schedule::Plateau] {
            let rate = LearningRate { schedule, peak: 0.1, warmup_steps, n_steps, drops: (0.1, 2) }.at(step % n_steps);
            proptest::prop_assert!(rate > 0.0 && rate <= 0.1 + 1e-12, "{:?} gives {}", schedule, rate);
        }
    }
}

#[test]
fn settings_outside_their_range_are_all_named() {
    let options = TrainOptions {
        warmup: 0.5,
        schedule: Schedule::OneCycle,
        weight_decay: Some(-1.0),
        clip_norm: Some(0.0),
        ..TrainOptions::default()
    };
    assert_eq!(
        Plan::new(options).unwrap_err().to_string(),
        "warmup is set, but the schedule onecycle has a warm-up of its own; leave it out\n\
         clip_norm is 0.0, but it must be above 0 (1 is usual)\n\
         weight_decay is -1, but it must be 0 or more"
    );
}

#[test]
fn what_evens_out_or_averages_is_checked() {
    let options = TrainOptions {
        head: HeadKind::Logistic,
        sampler: Sampler::Balanced,
        class_weights: ClassWeights::Balanced,
        clip_value: Some(0.0),
        ema_decay: Some(1.0),
        accumulate: 0,
        plateau_factor: 1.0,
        mixup: 5.0,
        cutmix: 0.5,
        ..TrainOptions::default()
    };
    assert_eq!(Plan::new(options).unwrap_err().to_string().lines().count(), 8);
}

#[test]
fn settings_are_words_in_the_file() {
    let text = "optimizer = \"rmsprop\"\nschedule = \"onecycle\"\nclip_norm = 1.0\n";
    let options: TrainOptions = toml::from_str(text).unwrap();
    assert_eq!((options.optimizer, options.schedule), (OptimizerKind::RmsProp, Schedule::OneCycle));
    assert_eq!(options.clip_norm, Some(1.0));
    assert_eq!(toml::from_str::<TrainOptions>(&toml::to_string(&options).unwrap()).unwrap(), options);
}
