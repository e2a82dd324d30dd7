//! The event files that a run leaves.

use tl_events::{Line, Record, is_event_file, read_json_lines, read_scalars};
use tl_metrics::EpochRecord;

use crate::harness::Work;

pub(crate) fn told(work: &Work, run: &str) -> Vec<Line> {
    read_json_lines(&work.path(run).join("events.jsonl")).unwrap()
}

/// The numbers of the steps and of the epochs that a run's lines tell of.
pub(crate) fn steps_and_epochs(work: &Work, run: &str) -> (Vec<usize>, Vec<usize>) {
    let (mut steps, mut epochs) = (Vec::new(), Vec::new());
    for line in told(work, run) {
        match line.record {
            Record::Step(step) => steps.push(step.step),
            Record::Epoch(epoch) => epochs.push(epoch.epoch),
            _ => {}
        }
    }
    (steps, epochs)
}

/// The points of a curve as TensorBoard sees it.
pub(crate) fn curve(work: &Work, run: &str, tag: &str) -> Vec<(i64, f32)> {
    let scalars = read_scalars(&work.path(run)).unwrap();
    scalars.into_iter().filter(|scalar| scalar.tag == tag).map(|scalar| (scalar.step, scalar.value)).collect()
}

fn history(work: &Work, run: &str) -> Vec<EpochRecord> {
    let mut csv = csv::Reader::from_path(work.path(run).join("history.csv")).unwrap();
    csv.deserialize().map(Result::unwrap).collect()
}

#[test]
fn both_files_hold_every_step_and_epoch() {
    let work = Work::with_photos(9);
    work.ok(&["train", "photos", "--hidden", "8", "--epochs", "3", "--batch-size", "4"]);
    let (run, n_steps) = ("runs/latest", 3 * 4);
    let history = history(&work, run);

    let lines = told(&work, run);
    let records: Vec<&Record> = lines.iter().map(|line| &line.record).collect();
    assert!(matches!(records[0], Record::Started { settings, .. } if settings.contains("epochs = 3")));
    assert!(matches!(records.last().unwrap(), Record::Finished { val_accuracy: Some(_), .. }));
    assert_eq!(records.iter().filter(|record| matches!(record, Record::Step(_))).count(), n_steps);
    let epochs: Vec<(usize, f64, Option<f64>)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Epoch(epoch) => Some((epoch.step, epoch.train_loss, epoch.val_accuracy)),
            _ => None,
        })
        .collect();
    let expected: Vec<_> =
        history.iter().map(|epoch| (epoch.epoch * 4, epoch.train_loss, epoch.val_accuracy)).collect();
    assert_eq!(epochs, expected);

    assert_eq!(curve(&work, run, "step/loss").len(), n_steps);
    let of = |number: fn(&EpochRecord) -> f64| -> Vec<(i64, f32)> {
        history.iter().map(|epoch| (epoch.epoch as i64 * 4, number(epoch) as f32)).collect()
    };
    assert_eq!(curve(&work, run, "loss/train"), of(|epoch| epoch.train_loss));
    assert_eq!(curve(&work, run, "loss/validation"), of(|epoch| epoch.val_loss.unwrap()));
    assert_eq!(curve(&work, run, "accuracy/train"), of(|epoch| epoch.train_accuracy));
    assert_eq!(curve(&work, run, "accuracy/validation"), of(|epoch| epoch.val_accuracy.unwrap()));
    assert_eq!(curve(&work, run, "learning_rate"), of(|epoch| epoch.learning_rate));
    assert!(curve(&work, run, "photos_per_second").iter().all(|(_, rate)| *rate > 0.0));
}

#[test]
fn fine_tuning_numbers_its_steps_on_from_the_heads() {
    let work = Work::with_photos(6);
    let (common, by_steps) = (
        ["--recipe", "finetune", "--backbone", "v3_small", "--epochs", "2", "--batch-size", "4"],
        ["--head", "mlp", "--hidden", "8", "--set", "head_epochs=2", "--name", "mlp"],
    );
    work.ok(&[&["train", "photos"], &common[..], &by_steps[..]].concat());
    let steps: Vec<i64> = curve(&work, "runs/mlp", "step/loss").into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, (1..=4 * 3).collect::<Vec<_>>());
    assert_eq!(curve(&work, "runs/mlp", "epoch"), [(3, 1.0), (6, 2.0), (9, 3.0), (12, 4.0)]);
    // A head that is fitted to its optimum takes no steps.
    work.ok(&[&["train", "photos"], &common[..], &["--head", "logistic", "--name", "logistic"]].concat());
    assert_eq!(curve(&work, "runs/logistic", "epoch"), [(0, 1.0), (3, 2.0), (6, 3.0)]);
}

#[test]
fn a_run_goes_on_where_its_events_cannot_be_written() {
    let work = Work::with_photos(6);
    let run = work.trained();
    // As if it had been killed before its end.
    std::fs::remove_file(run.join("metrics.json")).unwrap();
    std::fs::remove_file(run.join("events.jsonl")).unwrap();
    std::fs::create_dir(run.join("events.jsonl")).unwrap();
    let again = work.ok(&["train", "--resume", "runs/run"]);
    assert!(again.stderr().contains("Careful: cannot write events into runs/run/events.jsonl"), "{}", again.stderr());
    assert!(again.stdout().contains("Validation accuracy"), "{}", again.stdout());
}

#[test]
fn a_run_that_starts_over_has_no_step_twice() {
    let work = Work::with_photos(6);
    let run = work.trained();
    std::fs::remove_file(run.join("metrics.json")).unwrap();
    let (before, n_before) = (curve(&work, "runs/run", "step/loss"), steps_and_epochs(&work, "runs/run"));
    let again = work.ok(&["train", "--resume", "runs/run"]);
    assert!(again.stderr().contains("had saved no checkpoint yet: it starts over"), "{}", again.stderr());
    assert_eq!(curve(&work, "runs/run", "step/loss"), before);
    assert_eq!(steps_and_epochs(&work, "runs/run"), n_before);
    let files = std::fs::read_dir(work.path("runs/run")).unwrap();
    assert_eq!(files.filter(|file| is_event_file(&file.as_ref().unwrap().path())).count(), 2);
}

#[test]
fn a_dashboard_needs_a_terminal() {
    let work = Work::with_photos(6);
    let run = work.ok(&["train", "photos", "--hidden", "8", "--epochs", "2", "--tui"]);
    assert!(run.stderr().contains("--tui needs a terminal"), "{}", run.stderr());
    assert!(run.stderr().contains("Epoch 2/2"), "{}", run.stderr());
    assert_eq!(work.run(&["train", "photos", "--tui", "--quiet"]).code(), 2);
}
