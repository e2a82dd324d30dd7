//! The files of a run, written, cut, and gone on with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tl_events::{Epoch, EventFiles, EventsError, FORMAT, Record, Scalar, Step, read_json_lines, read_scalars};

fn started() -> Record {
    Record::Started { format: FORMAT, settings: "epochs = 2\n".to_owned() }
}

fn step(step: usize, loss: f64) -> Record {
    Record::Step(Step { epoch: 1, step, n_steps: 8, loss, learning_rate: 1e-3, photos_per_second: 100.0 })
}

fn epoch(epoch: usize, step: usize) -> Record {
    Record::Epoch(Epoch {
        epoch,
        n_epochs: 2,
        step,
        train_loss: 0.5,
        train_accuracy: 0.75,
        val_loss: None,
        val_accuracy: Some(0.5),
        learning_rate: 1e-3,
        photos_per_second: 100.0,
        seconds: 1.0,
    })
}

fn write(files: &mut EventFiles, records: &[Record]) {
    for record in records {
        files.write(record).unwrap();
    }
    files.flush().unwrap();
}

fn told(folder: &Path) -> Vec<Record> {
    read_json_lines(&folder.join("events.jsonl")).unwrap().into_iter().map(|line| line.record).collect()
}

fn curve(folder: &Path, tag: &str) -> Vec<(i64, f32)> {
    let scalars = read_scalars(folder).unwrap();
    scalars.iter().filter(|scalar| scalar.tag == tag).map(|Scalar { step, value, .. }| (*step, *value)).collect()
}

fn event_files(folder: &Path) -> Vec<PathBuf> {
    EventFiles::of(folder).into_iter().filter(|path| tl_events::is_event_file(path)).collect()
}

#[test]
fn all_but_steps_can_be_read_at_once() {
    let folder = TempDir::new().unwrap();
    let mut files = EventFiles::create(folder.path()).unwrap();
    files.write(&started()).unwrap();
    assert_eq!(told(folder.path()), [started()]);
    files.write(&epoch(1, 2)).unwrap();
    assert_eq!(curve(folder.path(), "epoch"), [(2, 1.0)]);
}

#[test]
fn what_is_written_is_read() {
    let folder = TempDir::new().unwrap();
    let records = [started(), step(1, 0.7), step(2, 0.6), epoch(1, 2)];
    write(&mut EventFiles::create(folder.path()).unwrap(), &records);
    let lines = read_json_lines(&folder.path().join("events.jsonl")).unwrap();
    assert_eq!(lines.iter().map(|line| line.record.clone()).collect::<Vec<_>>(), records);
    assert!(lines.windows(2).all(|pair| pair[0].time <= pair[1].time));
    assert_eq!(curve(folder.path(), "step/loss"), [(1, 0.7), (2, 0.6)]);
    assert_eq!(curve(folder.path(), "accuracy/validation"), [(2, 0.5)]);
    assert_eq!(curve(folder.path(), "loss/validation"), [], "what is not known has no point");
    assert!(EventFiles::create(folder.path()).is_err(), "a run's events are not written over");
}

#[test]
fn a_line_is_flat_and_names_its_event() {
    let folder = TempDir::new().unwrap();
    EventFiles::create(folder.path()).unwrap().write_at(12.5, &step(3, 0.25)).unwrap();
    let text = fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
    let expected = r#"{"time":12.5,"event":"step","epoch":1,"step":3,"n_steps":8,"loss":0.25,"learning_rate":0.001,"photos_per_second":100.0}"#;
    assert_eq!(text.trim_end(), expected);
}

#[test]
fn a_resumed_run_takes_back_the_steps_after_its_checkpoint() {
    let folder = TempDir::new().unwrap();
    let before = [started(), step(1, 0.7), step(2, 0.6), epoch(1, 2), step(3, 0.5)];
    write(&mut EventFiles::create(folder.path()).unwrap(), &before);
    let resumed = Record::Resumed { epochs: 0, steps: 1, step: 1 };
    let after = [started(), resumed, step(2, 0.65), epoch(1, 2), step(3, 0.55)];
    write(&mut EventFiles::resume(folder.path()).unwrap(), &after);
    assert_eq!(event_files(folder.path()).len(), 2);
    assert_eq!(curve(folder.path(), "step/loss"), [(1, 0.7), (2, 0.65), (3, 0.55)]);
    assert_eq!(curve(folder.path(), "loss/train"), [(2, 0.5)]);
    assert_eq!(told(folder.path()), [&before[..2], &after].concat());
}

#[test]
fn a_run_that_starts_over_takes_back_everything() {
    let folder = TempDir::new().unwrap();
    let fitted = epoch(1, 0);
    let before = [started(), fitted.clone(), step(1, 0.7), step(2, 0.6), epoch(2, 2)];
    write(&mut EventFiles::create(folder.path()).unwrap(), &before);
    let after = [started(), Record::StartsOver, fitted, step(1, 0.9)];
    write(&mut EventFiles::resume(folder.path()).unwrap(), &after);
    assert_eq!(curve(folder.path(), "step/loss"), [(1, 0.9)]);
    assert_eq!(curve(folder.path(), "loss/train"), [(0, 0.5)]);
    assert_eq!(told(folder.path()), [&before[..1], &after].concat());
}

#[test]
fn an_epoch_whose_steps_were_saved_without_its_end_is_told_once() {
    let folder = TempDir::new().unwrap();
    let before = [started(), step(1, 0.7), step(2, 0.6), epoch(1, 2)];
    write(&mut EventFiles::create(folder.path()).unwrap(), &before);
    let after = [Record::Resumed { epochs: 0, steps: 2, step: 2 }, epoch(1, 2)];
    write(&mut EventFiles::resume(folder.path()).unwrap(), &after);
    assert_eq!(told(folder.path()), [&before[..3], &after].concat());
}

#[test]
fn a_killed_process_leaves_whole_records_and_a_cut_one() {
    let folder = TempDir::new().unwrap();
    write(&mut EventFiles::create(folder.path()).unwrap(), &[started(), step(1, 0.7), step(2, 0.6)]);
    for file in EventFiles::of(folder.path()) {
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 7]).unwrap();
    }
    let lines = folder.path().join("events.jsonl");
    assert_eq!(read_json_lines(&lines).unwrap().len(), 2);
    assert_eq!(curve(folder.path(), "step/loss"), [(1, 0.7)]);
    write(&mut EventFiles::resume(folder.path()).unwrap(), &[started(), step(2, 0.65)]);
    let read = read_json_lines(&lines).unwrap();
    assert_eq!(read.iter().map(|line| &line.record).collect::<Vec<_>>().last(), Some(&&step(2, 0.65)));
    assert_eq!(read.len(), 4);
    assert_eq!(curve(folder.path(), "step/loss"), [(1, 0.7), (2, 0.65)]);
}

#[test]
fn damage_is_told_with_its_place() {
    let folder = TempDir::new().unwrap();
    write(&mut EventFiles::create(folder.path()).unwrap(), &[started(), step(1, 0.7)]);
    let file = event_files(folder.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = read_scalars(folder.path()).unwrap_err();
    assert!(matches!(error, EventsError::Damaged { at: 0, .. }), "{error}");
    let lines = folder.path().join("events.jsonl");
    let whole = "{\"time\":1,\"event\":\"ignored\",\"n_files\":1}\n";
    fs::write(&lines, format!("{whole}nonsense\n")).unwrap();
    let error = read_json_lines(&lines).unwrap_err();
    assert!(matches!(error, EventsError::Damaged { at, .. } if at == whole.len()), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_the_file() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("events.jsonl")).unwrap();
    for files in [EventFiles::create(folder.path()), EventFiles::resume(folder.path())] {
        let error = files.unwrap_err().to_string();
        assert!(error.contains("cannot write events into") && error.contains("events.jsonl"), "{error}");
    }
}
