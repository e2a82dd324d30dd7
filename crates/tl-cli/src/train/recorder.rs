//! A run, written down as it goes.

use std::path::{Path, PathBuf};

use tl_events::{EventFiles, EventsError};
use tl_train::{Event, Observer};

/// Hands a run's events to its files and to what shows them.
pub(crate) struct Recorder {
    files: Files,
    view: Box<dyn Observer>,
}

/// The event files: they are opened when the run starts, and given up when they cannot be written.
enum Files {
    Closed { folder: PathBuf, is_resumed: bool },
    Open(Box<EventFiles>),
    GivenUp,
}

impl Observer for Recorder {
    fn event(&mut self, event: &Event<'_>) {
        self.view.event(event);
        if let Err(error) = self.files.write(event) {
            self.files = Files::GivenUp;
            self.view.event(&Event::Warning(&format!("{error}; the run goes on without")));
        }
    }
}

impl Recorder {
    pub(crate) fn new(folder: &Path, is_resumed: bool, view: Box<dyn Observer>) -> Self {
        Self { files: Files::Closed { folder: folder.to_owned(), is_resumed }, view }
    }
}

impl Files {
    fn write(&mut self, event: &Event<'_>) -> Result<(), EventsError> {
        if let (Self::Open(files), Event::Saving) = (&mut *self, event) {
            return files.flush();
        }
        let Some(record) = event.record() else { return Ok(()) };
        if let Self::Closed { folder, is_resumed } = self {
            let files = if *is_resumed { EventFiles::resume(folder)? } else { EventFiles::create(folder)? };
            *self = Self::Open(Box::new(files));
        }
        let Self::Open(files) = self else { return Ok(()) };
        files.write(&record)?;
        match event {
            Event::Checkpoint(_) | Event::Finished(_) | Event::Interrupted { .. } => files.flush(),
            _ => Ok(()),
        }
    }
}
