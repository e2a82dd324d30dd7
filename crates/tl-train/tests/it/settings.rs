//! Settings and what is wrong with them.

use std::sync::atomic::AtomicBool;

use tl_train::{Event, HeadKind, Keep, OptimizerKind, Plan, RunFolder, TrainError, TrainOptions, train};

use crate::run::{inputs, options, photos, run};

#[test]
fn every_problem_of_a_plan_is_reported() {
    let wrong = TrainOptions { epochs: 0, accumulate: 0, lr: f64::NAN, val_fraction: 1.0, ..TrainOptions::default() };
    match Plan::new(wrong) {
        Err(TrainError::Options { problems }) => assert_eq!(problems.len(), 4, "{problems:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_usual_learning_rate_depends_on_optimizer_and_head() {
    let lr = |options: TrainOptions| Plan::new(options).unwrap().options().lr;
    let plain = TrainOptions::default;
    for (options, expected) in [
        (plain(), 3e-4),
        (TrainOptions { hidden: vec![128, 256], ..plain() }, 1.2e-3),
        (TrainOptions { hidden: vec![8], ..plain() }, 5e-3),
        (TrainOptions { head: HeadKind::Linear, ..plain() }, 5e-3),
        (TrainOptions { optimizer: OptimizerKind::Sgd, ..plain() }, 1e-2),
        (TrainOptions { optimizer: OptimizerKind::Lion, ..plain() }, 1e-4),
        (TrainOptions { lr: 0.7, ..plain() }, 0.7),
        (tl_train::Recipe::Notebook.options(), 1e-3),
        (tl_train::Recipe::Finetune.options(), 1e-3),
        (TrainOptions { optimizer: OptimizerKind::AdamW, ..tl_train::Recipe::Finetune.options() }, 1e-5),
    ] {
        let found = lr(options.clone());
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} for {options:?}");
    }
}

#[test]
fn options_come_back_from_toml() {
    let options = TrainOptions { data: Some("a/b".into()), seed: 9, keep: Keep::Best, ..TrainOptions::default() };
    let text = toml::to_string(&options).unwrap();
    assert_eq!(toml::from_str::<TrainOptions>(&text).unwrap(), options);
    assert!(toml::from_str::<TrainOptions>("epochz = 1").is_err());
}

#[test]
fn patience_and_the_best_without_validation_photos_are_refused() {
    let dir = photos();
    let blind = TrainOptions { val_fraction: 0.0, keep: Keep::Best, ..options(&dir) };
    let options = TrainOptions { patience: 3, target_accuracy: Some(0.9), ..blind };
    let folder = RunFolder::create(&dir.path().join("runs"), Some("blind"), "").unwrap();
    match train(inputs(options, folder), &mut |_: &Event<'_>| {}, &AtomicBool::new(false)) {
        Err(TrainError::Options { problems }) => assert_eq!(problems.len(), 3, "{problems:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn momentum_and_betas_are_settings() {
    let dir = photos();
    let loss = |optimizer: OptimizerKind, [momentum, beta1, beta2]: [Option<f64>; 3], nesterov: Option<bool>| {
        let options = TrainOptions { optimizer, momentum, beta1, beta2, nesterov, epochs: 1, ..options(&dir) };
        run(options, &dir, &format!("{optimizer:?}-{momentum:?}-{beta1:?}-{beta2:?}-{nesterov:?}")).train_loss.to_bits()
    };
    let (none, momentum) = ([None; 3], |momentum| [Some(momentum), None, None]);
    for (optimizer, usual, others) in [
        (OptimizerKind::Sgd, momentum(0.9), vec![momentum(0.5), momentum(0.0)]),
        (OptimizerKind::RmsProp, momentum(0.9), vec![momentum(0.0)]),
        (OptimizerKind::Adam, [None, Some(0.9), Some(0.999)], vec![[None, Some(0.5), None], [None, None, Some(0.9)]]),
        (OptimizerKind::Lion, [None, Some(0.9), Some(0.99)], vec![[None, None, Some(0.5)]]),
    ] {
        let plain = loss(optimizer, none, None);
        assert_eq!(plain, loss(optimizer, usual, None), "{optimizer:?}");
        for other in others {
            assert_ne!(plain, loss(optimizer, other, None), "{optimizer:?} {other:?}");
        }
    }
    assert_ne!(loss(OptimizerKind::Sgd, none, Some(true)), loss(OptimizerKind::Sgd, none, Some(false)));
    let with_epsilon = |epsilon| {
        let options = TrainOptions { epsilon, epochs: 1, ..options(&dir) };
        run(options, &dir, &format!("epsilon-{epsilon:?}")).train_loss.to_bits()
    };
    let usual = with_epsilon(None);
    assert_eq!(usual, with_epsilon(Some(1e-7)));
    assert_ne!(usual, with_epsilon(Some(0.1)));
}

#[test]
fn the_constants_of_an_optimizer_are_spelled_out_and_checked() {
    let spelled = |optimizer| {
        let plan = Plan::new(TrainOptions { optimizer, ..TrainOptions::default() }).unwrap();
        let TrainOptions { momentum, nesterov, beta1, beta2, epsilon, .. } = *plan.options();
        (momentum, nesterov, beta1, beta2, epsilon)
    };
    assert_eq!(spelled(OptimizerKind::Adam), (None, None, Some(0.9), Some(0.999), Some(1e-7)));
    assert_eq!(spelled(OptimizerKind::Lion), (None, None, Some(0.9), Some(0.99), None));
    assert_eq!(spelled(OptimizerKind::Sgd), (Some(0.9), Some(true), None, None, None));
    assert_eq!(spelled(OptimizerKind::RmsProp), (Some(0.9), None, None, None, Some(1e-8)));
    let sgd = TrainOptions { optimizer: OptimizerKind::Sgd, ..TrainOptions::default() };
    for (wrong, words) in [
        (TrainOptions { momentum: Some(1.0), ..sgd.clone() }, "momentum is 1"),
        (TrainOptions { momentum: Some(0.0), nesterov: Some(true), ..sgd.clone() }, "nesterov needs a momentum"),
        (TrainOptions { weight_decay: Some(-1.0), ..sgd }, "weight_decay is -1"),
        (TrainOptions { beta1: Some(-0.1), ..TrainOptions::default() }, "beta1 is -0.1"),
        (TrainOptions { epsilon: Some(-1.0), ..TrainOptions::default() }, "epsilon is -1"),
        (TrainOptions { beta2: Some(f64::NAN), ..TrainOptions::default() }, "beta2 is NaN"),
    ] {
        let error = Plan::new(wrong).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
