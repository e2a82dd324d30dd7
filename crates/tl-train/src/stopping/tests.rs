use super::*;

fn stopping(options: &TrainOptions) -> Stopping {
    Stopping::new(options, Instant::now(), 1, Pace::new(1, 10, 0))
}

/// Epochs of the given accuracies until there is a reason to stop.
fn epochs_until(stopping: &mut Stopping, accuracies: &[f64]) -> (usize, Option<StopReason>) {
    for (epoch, accuracy) in accuracies.iter().enumerate() {
        stopping.after_epoch(1.0, *accuracy);
        if let reason @ Some(_) = stopping.reason(epoch + 1, 100) {
            return (epoch + 1, reason);
        }
    }
    (accuracies.len(), None)
}

#[test]
fn patience_counts_epochs_that_are_no_better() {
    let mut stopping = stopping(&TrainOptions { patience: 2, ..TrainOptions::default() });
    let (epoch, reason) = epochs_until(&mut stopping, &[0.5, 0.4, 0.6, 0.6, 0.6, 0.9]);
    assert_eq!((epoch, reason), (5, Some(StopReason::Patience(2))));
}

#[test]
fn a_lower_loss_at_the_same_accuracy_is_better() {
    let mut stopping = stopping(&TrainOptions { patience: 1, ..TrainOptions::default() });
    stopping.after_epoch(0.5, 0.9);
    stopping.after_epoch(0.4, 0.9);
    assert_eq!(stopping.reason(2, 100), None);
    stopping.after_epoch(0.4, 0.9);
    assert_eq!(stopping.reason(3, 100), Some(StopReason::Patience(1)));
}

#[test]
fn a_target_ends_the_run_unless_it_is_over_anyway() {
    let mut stopping = stopping(&TrainOptions { target_accuracy: Some(0.95), ..TrainOptions::default() });
    assert_eq!(epochs_until(&mut stopping, &[0.5, 0.94, 0.95]), (3, Some(StopReason::TargetAccuracy(0.95))));
    assert_eq!(stopping.reason(3, 3), None);
}

#[test]
fn what_a_run_begins_with_may_be_enough() {
    let mut stopping = stopping(&TrainOptions { target_accuracy: Some(0.95), ..TrainOptions::default() });
    stopping.begins_with(0.5, 0.94);
    assert_eq!(stopping.reason(0, 3), None);
    stopping.begins_with(0.5, 0.95);
    assert_eq!(stopping.reason(0, 3), Some(StopReason::TargetAccuracy(0.95)));
}

#[test]
fn patience_counts_from_what_a_run_begins_with() {
    let mut stopping = stopping(&TrainOptions { patience: 2, ..TrainOptions::default() });
    stopping.begins_with(0.5, 0.8);
    assert_eq!(epochs_until(&mut stopping, &[0.7, 0.8, 0.9]), (2, Some(StopReason::Patience(2))));
}

#[test]
fn the_state_survives_an_interruption() {
    let options = TrainOptions { patience: 2, ..TrainOptions::default() };
    let mut first = stopping(&options);
    epochs_until(&mut first, &[0.5, 0.4]);
    let mut second = stopping(&options);
    second.restore(serde_json::from_str(&serde_json::to_string(&first.state()).unwrap()).unwrap());
    assert_eq!(epochs_until(&mut second, &[0.4]), (1, Some(StopReason::Patience(2))));
}

#[test]
fn without_a_budget_every_step_fits() {
    let mut stopping = stopping(&TrainOptions::default());
    (1..=40).for_each(|done| stopping.after_step(1e-3, done, 100));
    assert_eq!((stopping.n_steps(100), stopping.cuts(99, 100)), (100, false));
}

#[test]
fn a_budget_that_is_spent_leaves_the_least_number_of_steps() {
    let options = TrainOptions { time_s: Some(1e-9), ..TrainOptions::default() };
    let mut stopping = Stopping::new(&options, Instant::now(), 5, Pace::new(1, 10, 0));
    (1..=3).for_each(|done| stopping.after_step(1e-3, done, 100));
    assert_eq!(stopping.n_steps(100), 5);
    assert!(!stopping.cuts(4, 100) && stopping.cuts(5, 100));
    assert_eq!(stopping.reason(5, 100), Some(StopReason::Time(1e-9)));
}

#[test]
fn a_run_that_was_cut_is_over_also_in_its_last_epoch() {
    let options = TrainOptions { time_s: Some(1e-9), ..TrainOptions::default() };
    let mut stopping = stopping(&options);
    assert!(stopping.cuts(95, 100));
    // The epoch is written down as if it were whole.
    assert_eq!(stopping.reason(100, 100), Some(StopReason::Time(1e-9)));
    let mut resumed = Stopping::new(&options, Instant::now(), 1, Pace::new(1, 10, 0));
    resumed.restore(stopping.state());
    assert_eq!(resumed.reason(100, 100), Some(StopReason::Time(1e-9)));
    assert!(!resumed.cuts(100, 100), "all steps were taken");
}

#[test]
fn what_fits_follows_the_pace() {
    let options = TrainOptions { time_s: Some(1000.0), ..TrainOptions::default() };
    let mut stopping = Stopping::new(&options, Instant::now(), 1, Pace::new(1, 1000, 0));
    stopping.after_step(9.0, 1, 1000);
    assert_eq!(stopping.n_steps(1000), 1000, "a first step says nothing");
    // Of this budget 998 s are for training, and none of them is over yet.
    stopping.after_step(4.0, 2, 1000);
    assert_eq!(stopping.n_steps(1000), 2 + 249);
    stopping.after_step(6.0, 3, 1000);
    assert_eq!(stopping.n_steps(1000), 3 + 199);
    stopping.changes_pace();
    (4..=5).for_each(|done| stopping.after_step(10.0, done, 1000));
    assert_eq!(stopping.n_steps(1000), 5 + 99);
}

#[test]
fn a_large_budget_lays_all_steps_out() {
    let mut stopping = stopping(&TrainOptions { time_s: Some(1e9), ..TrainOptions::default() });
    (1..=20).for_each(|done| stopping.after_step(1e-3, done, 100));
    assert_eq!((stopping.n_steps(100), stopping.reason(99, 100)), (100, None));
}

#[test]
fn a_step_that_no_longer_fits_is_not_begun() {
    // Of this budget 998 s are for training, and none of them is over yet.
    let options = TrainOptions { time_s: Some(1000.0), ..TrainOptions::default() };
    for (step, is_over) in [(900.0, false), (990.0, true), (1001.0, true)] {
        let mut stopping = Stopping::new(&options, Instant::now(), 1, Pace::new(1, 10, 0));
        stopping.after_step(step, 1, 100);
        stopping.after_end_of_epoch(50.0);
        assert_eq!(stopping.cuts(1, 100), is_over, "{step} s");
        assert_eq!(stopping.reason(1, 100), is_over.then_some(StopReason::Time(1000.0)), "{step} s");
    }
}
