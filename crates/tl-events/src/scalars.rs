//! Event files, read.

use std::path::{Path, PathBuf};

use prost::Message;

use crate::{
    error::EventsError,
    event_files::is_event_file,
    proto::{Datum, Event, START, What},
    tfrecord::Records,
};

/// A number of a run at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// The curve that it is a point of.
    pub tag: String,
    /// The step.
    pub step: i64,
    /// Seconds since 1970.
    pub time: f64,
    /// The number.
    pub value: f32,
}

/// The numbers of all event files of a folder in the order of writing, without those that a restart took back.
///
/// A record that is cut off at the end of a file is passed over.
///
/// # Errors
/// [`EventsError::Read`] when the system refuses, [`EventsError::Damaged`] for a record whose checksum is wrong, or
/// that is no event.
pub fn read_scalars(folder: &Path) -> Result<Vec<Scalar>, EventsError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(EventsError::read)? {
        files.push(entry.map_err(EventsError::read)?.path());
    }
    files.retain(|file| is_event_file(file));
    files.sort();
    let mut scalars = Vec::new();
    for file in files {
        read_file(&file, &mut scalars)?;
    }
    Ok(scalars)
}

fn read_file(path: &Path, scalars: &mut Vec<Scalar>) -> Result<(), EventsError> {
    let bytes = fs_err::read(path).map_err(EventsError::read)?;
    let damaged = |at, reason: &str| EventsError::Damaged { path: path.to_owned(), at, reason: reason.to_owned() };
    let mut records = Records::new(&bytes);
    loop {
        let at = records.position();
        let Some(record) = records.next() else { return Ok(()) };
        let record = record.map_err(|wrong| damaged(wrong.at, "its checksum is wrong"))?;
        let event = Event::decode(record).map_err(|error| damaged(at, &error.to_string()))?;
        take(event, scalars);
    }
}

fn take(event: Event, scalars: &mut Vec<Scalar>) {
    let Event { wall_time: time, step, what, .. } = event;
    match what {
        Some(What::SessionLog(log)) if log.status == START => scalars.retain(|scalar| scalar.step < step),
        Some(What::Summary(summary)) => {
            for value in summary.values {
                if let Some(Datum::Scalar(number)) = value.datum {
                    scalars.push(Scalar { tag: value.tag, step, time, value: number });
                }
            }
        }
        _ => {}
    }
}
