//! What happens in a training run, as files that other programs read.
//!
//! A [`Record`] is something that happened; [`EventFiles`] writes records into a run's folder, as JSON lines and as
//! an event file for TensorBoard; [`read_json_lines`] and [`read_scalars`] read them back. The crate deliberately
//! does not know training: it knows the formats.
//!
//! ```
//! use tl_events::{EventFiles, Record, read_json_lines};
//!
//! let folder = tempfile::tempdir()?;
//! let mut files = EventFiles::create(folder.path())?;
//! files.write(&Record::Started { format: 1, settings: "epochs = 10\n".to_owned() })?;
//! files.flush()?;
//! assert_eq!(read_json_lines(&folder.path().join("events.jsonl"))?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod error;
mod event_files;
mod json_lines;
mod proto;
mod record;
mod scalars;
mod tfevents;
mod tfrecord;

pub use error::EventsError;
pub use event_files::{EventFiles, is_event_file};
pub use json_lines::read_json_lines;
pub use record::{Epoch, FORMAT, Line, Record, Step};
pub use scalars::{Scalar, read_scalars};
pub use tfevents::TfEvents;
