//! The event files of a run's folder.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fs_err::File;

use crate::{
    error::EventsError,
    json_lines,
    record::{Epoch, Line, Record, Step, now},
    tfevents::TfEvents,
};

const JSON_LINES: &str = "events.jsonl";
/// What TensorBoard looks for in a file's name. It reads the files of a folder in the order of their names.
const TFEVENTS: &str = "events.out.tfevents.";

/// The steps that a killed process may lose.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Whether TensorBoard would read this file.
#[must_use]
pub fn is_event_file(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(TFEVENTS))
}

/// `events.jsonl` and an event file for TensorBoard, both buffered.
#[derive(Debug)]
pub struct EventFiles {
    json: BufWriter<File>,
    json_path: PathBuf,
    tensorboard: TfEvents<BufWriter<File>>,
    tensorboard_path: PathBuf,
    is_resumed: bool,
    /// Settings that wait for the step at which a resumed run goes on.
    waiting: Option<String>,
    flushed: Instant,
}

impl EventFiles {
    /// Makes the files of a new run.
    ///
    /// # Errors
    /// [`EventsError::Write`] when the system refuses, or `events.jsonl` is there already.
    pub fn create(folder: &Path) -> Result<Self, EventsError> {
        Self::open(folder, json_lines::create, false)
    }

    /// Goes on with the files of a run that was interrupted.
    ///
    /// The next `StartsOver`, `Resumed`, `Step` or `Epoch` takes back what the files say of later steps and epochs.
    ///
    /// # Errors
    /// [`EventsError::Write`] when the system refuses.
    pub fn resume(folder: &Path) -> Result<Self, EventsError> {
        Self::open(folder, json_lines::append, true)
    }

    fn open(
        folder: &Path,
        open_json: impl Fn(&Path) -> io::Result<File>,
        is_resumed: bool,
    ) -> Result<Self, EventsError> {
        let time = now();
        let json_path = folder.join(JSON_LINES);
        let json = open_json(&json_path).map_err(EventsError::write(&json_path))?;
        let (tensorboard_path, file) = first_free(folder, time as u64)?;
        let tensorboard = TfEvents::new(BufWriter::new(file), time).map_err(EventsError::write(&tensorboard_path))?;
        let flushed = Instant::now();
        let json = BufWriter::new(json);
        Ok(Self { json, json_path, tensorboard, tensorboard_path, is_resumed, waiting: None, flushed })
    }

    /// The files of a run's folder that this crate writes.
    #[must_use]
    pub fn of(folder: &Path) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_ours = |path: &PathBuf| is_event_file(path) || path.file_name().is_some_and(|name| name == JSON_LINES);
        let mut files: Vec<PathBuf> = entries.filter(is_ours).collect();
        files.sort();
        files
    }

    /// Writes what happened just now. Steps may come by the thousand, and are handed to the system once a second; all else
    /// is at once.
    ///
    /// # Errors
    /// [`EventsError::Write`] when the system refuses.
    pub fn write(&mut self, record: &Record) -> Result<(), EventsError> {
        self.write_at(now(), record)?;
        if !matches!(record, Record::Step(_)) || self.flushed.elapsed() >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what happened at `time`, in seconds since 1970, without handing it to the system.
    ///
    /// # Errors
    /// [`EventsError::Write`] when the system refuses.
    pub fn write_at(&mut self, time: f64, record: &Record) -> Result<(), EventsError> {
        if self.is_resumed && record.says_where_to_go_on() {
            self.take_back(record).map_err(EventsError::write(&self.json_path))?;
        }
        let line = Line { time, record: record.clone() };
        json_lines::write_line(&mut self.json, &line).map_err(EventsError::write(&self.json_path))?;
        self.write_tensorboard(time, record).map_err(EventsError::write(&self.tensorboard_path))
    }

    /// Hands all that was written to the system.
    ///
    /// # Errors
    /// [`EventsError::Write`] when the system refuses.
    pub fn flush(&mut self) -> Result<(), EventsError> {
        self.flushed = Instant::now();
        self.json.flush().map_err(EventsError::write(&self.json_path))?;
        self.tensorboard.flush().map_err(EventsError::write(&self.tensorboard_path))
    }

    fn take_back(&mut self, record: &Record) -> io::Result<()> {
        self.json.flush()?;
        json_lines::take_back(self.json.get_mut(), |earlier| record.takes_back(earlier))
    }

    fn write_tensorboard(&mut self, time: f64, record: &Record) -> io::Result<()> {
        match record {
            Record::Started { settings, .. } if self.is_resumed => {
                self.waiting = Some(settings.clone());
                Ok(())
            }
            Record::Started { settings, .. } => self.settings(time, 0, settings),
            Record::StartsOver => self.restart(time, 0),
            Record::Resumed { step, .. } => self.restart(time, step + 1),
            Record::Step(step) => {
                self.restart(time, step.step)?;
                self.step(time, step)
            }
            Record::Epoch(epoch) => {
                self.restart(time, epoch.step)?;
                self.epoch(time, epoch)
            }
            _ => Ok(()),
        }
    }

    /// Says once where a resumed run goes on.
    fn restart(&mut self, time: f64, step: usize) -> io::Result<()> {
        if !std::mem::take(&mut self.is_resumed) {
            return Ok(());
        }
        self.tensorboard.restart(time, step)?;
        match self.waiting.take() {
            Some(settings) => self.settings(time, step, &settings),
            None => Ok(()),
        }
    }

    fn settings(&mut self, time: f64, step: usize, settings: &str) -> io::Result<()> {
        // Indented lines are code in Markdown, and shown as they are.
        let text: String = settings.lines().flat_map(|line| ["    ", line, "\n"]).collect();
        self.tensorboard.text(time, step, "settings", &text)
    }

    fn step(&mut self, time: f64, step: &Step) -> io::Result<()> {
        let scalars = [
            ("step/loss", step.loss),
            ("step/learning_rate", step.learning_rate),
            ("step/photos_per_second", step.photos_per_second),
        ];
        self.tensorboard.scalars(time, step.step, &scalars)
    }

    fn epoch(&mut self, time: f64, epoch: &Epoch) -> io::Result<()> {
        let scalars = [
            ("loss/train", Some(epoch.train_loss)),
            ("loss/validation", epoch.val_loss),
            ("accuracy/train", Some(epoch.train_accuracy)),
            ("accuracy/validation", epoch.val_accuracy),
            ("learning_rate", Some(epoch.learning_rate)),
            ("photos_per_second", Some(epoch.photos_per_second)),
            ("epoch", Some(epoch.epoch as f64)),
        ];
        let known: Vec<_> = scalars.into_iter().filter_map(|(tag, value)| Some((tag, value?))).collect();
        self.tensorboard.scalars(time, epoch.step, &known)
    }
}

/// The time in the last name of the files that are there: the clock may have been set back since.
fn last_of(folder: &Path) -> Option<u64> {
    let time_of = |name: &str| name.strip_prefix(TFEVENTS)?.strip_suffix(".tl")?.parse().ok();
    EventFiles::of(folder).iter().filter_map(|file| time_of(file.file_name()?.to_str()?)).max()
}

/// A new file whose name sorts behind those that are there.
fn first_free(folder: &Path, seconds: u64) -> Result<(PathBuf, File), EventsError> {
    let mut seconds = last_of(folder).map_or(seconds, |last| seconds.max(last + 1));
    loop {
        let path = folder.join(format!("{TFEVENTS}{seconds:010}.tl"));
        match json_lines::create(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => seconds += 1,
            Err(error) => return Err(EventsError::write(&path)(error)),
        }
    }
}
