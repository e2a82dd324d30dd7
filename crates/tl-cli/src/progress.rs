//! What a person sees while something long goes on.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use tl_events::Step;

use crate::{
    args::GlobalArgs,
    output::note,
    train::eta::{Eta, in_words},
};

/// How often a plain line is written where no bar can be drawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Work that is over sooner needs no word.
const WORD_AFTER: Duration = Duration::from_secs(1);

/// Training that is over sooner needs no bar.
const STEPS_AFTER: Duration = Duration::from_secs(2);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    /// Bars and lines for a person.
    Person,
    /// Nothing: results and errors only, or JSON lines instead.
    Silent,
}

impl Display {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        if global.quiet || global.log_json { Self::Silent } else { Self::Person }
    }

    /// Writes a line for a person.
    pub(crate) fn line(self, text: &str) {
        if self == Self::Person {
            note(text);
        }
    }

    /// Does work whose length nobody knows, and says what it is if that takes a while.
    pub(crate) fn told<T>(self, what: &str, work: impl FnOnce() -> T) -> T {
        let (running, is_over) = channel::<()>();
        thread::scope(|scope| {
            let say = move || {
                if is_over.recv_timeout(WORD_AFTER) == Err(RecvTimeoutError::Timeout) {
                    self.line(what);
                }
            };
            // Where no thread is to be had, nothing is said.
            let _ = thread::Builder::new().spawn_scoped(scope, say);
            let result = work();
            drop(running);
            result
        })
    }
}

/// What is said of looking at photos before they are parted.
pub(crate) const COMPARING: &str = "Comparing the photos, so that copies stay on one side of the split";

/// Progress over photos: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct PhotoProgress {
    bar: ProgressBar,
    verb: &'static str,
    last_line: Instant,
    display: Display,
}

impl PhotoProgress {
    pub(crate) fn new(n_photos: usize, verb: &'static str, display: Display) -> Self {
        let target = match display {
            Display::Person => ProgressDrawTarget::stderr_with_hz(10),
            Display::Silent => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(n_photos as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} photos, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message(verb);
        Self { bar, verb, last_line: Instant::now(), display }
    }

    /// Hears how many photos are done.
    pub(crate) fn set(&mut self, n_done: usize) {
        self.bar.set_position(n_done as u64);
        if self.bar.is_hidden() && self.last_line.elapsed() >= PLAIN_EVERY {
            self.last_line = Instant::now();
            let (n_total, eta) = (self.bar.length().unwrap_or(0), self.bar.eta().as_secs());
            self.display.line(&format!("{} {n_done}/{n_total} photos, {eta} s left", self.verb));
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Progress over the steps of training, where it takes long: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct StepProgress {
    bar: ProgressBar,
    eta: Eta,
    started: Instant,
    last_line: Instant,
    display: Display,
}

impl StepProgress {
    pub(crate) fn new(display: Display) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("Step {pos}/{len} {bar:20} {msg}") {
            bar.set_style(style);
        }
        let started = Instant::now();
        Self { bar, eta: Eta::default(), started, last_line: started, display }
    }

    /// Hears of a step that was taken.
    pub(crate) fn set(&mut self, record: &Step) {
        let Step { epoch, step, n_steps, loss, photos_per_second, .. } = *record;
        let left = self.eta.after_step(self.started.elapsed().as_secs_f64(), step, n_steps);
        if self.display == Display::Silent || self.started.elapsed() < STEPS_AFTER {
            return;
        }
        let left = left.map(|left| format!(", {} left", in_words(left))).unwrap_or_default();
        let text = format!("epoch {epoch}, loss {loss:.4}, {photos_per_second:.0} photos/s{left}");
        self.bar.set_length(n_steps as u64);
        self.bar.set_position(step as u64);
        self.bar.set_message(text.clone());
        if self.bar.is_hidden() {
            // Only now: a bar that is drawn for a moment flickers. Where there is no terminal it stays hidden.
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        if self.bar.is_hidden() && self.last_line.elapsed() >= PLAIN_EVERY {
            self.last_line = Instant::now();
            self.display.line(&format!("Step {step}/{n_steps}: {text}"));
        }
    }

    /// Writes a line for a person, above the bar.
    pub(crate) fn line(&self, text: &str) {
        self.bar.suspend(|| self.display.line(text));
    }
}

impl Drop for StepProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
