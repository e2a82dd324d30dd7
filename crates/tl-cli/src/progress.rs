//! What a person sees while something long goes on.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{args::GlobalArgs, output::note};

/// How often a plain line is written where no bar can be drawn.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

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
}

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
