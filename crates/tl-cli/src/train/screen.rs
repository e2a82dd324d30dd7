//! A run, shown as it goes: lines, and bars on a terminal.

use std::path::{Path, PathBuf};

use tl_train::{Event, Observer};

use crate::{
    output,
    progress::{Display, PhotoProgress, StepProgress},
    train::lines::lines,
};

/// Shows the events of a run to a person.
pub(crate) struct Screen {
    display: Display,
    run: PathBuf,
    photos: Option<PhotoProgress>,
    steps: Option<StepProgress>,
}

impl Observer for Screen {
    fn event(&mut self, event: &Event<'_>) {
        let display = self.display;
        match event {
            Event::Extracting { n_done, n_total } => {
                self.photos.get_or_insert_with(|| PhotoProgress::new(*n_total, "Reading", display)).set(*n_done);
            }
            Event::Step(record) => {
                self.take_photos_away();
                self.steps.get_or_insert_with(|| StepProgress::new(display)).set(record);
            }
            Event::Extracted { .. } => self.take_photos_away(),
            Event::Interrupted { .. } | Event::Finished(_) => {
                self.take_photos_away();
                self.steps = None;
            }
            _ => {}
        }
        self.say(event);
    }
}

impl Screen {
    pub(crate) fn new(display: Display, run: &Path) -> Self {
        Self { display, run: run.to_owned(), photos: None, steps: None }
    }

    fn say(&self, event: &Event<'_>) {
        for line in lines(event, &self.run) {
            match (&self.steps, event) {
                // A warning is said to those who want silence too.
                (_, Event::Warning(_)) => output::note(&line),
                (Some(steps), _) => steps.line(&line),
                (None, _) => self.display.line(&line),
            }
        }
    }

    fn take_photos_away(&mut self) {
        if let Some(photos) = self.photos.take() {
            photos.clear();
        }
    }
}
