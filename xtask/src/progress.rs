//! What a person sees while something is downloaded: bars on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const LINE_EVERY: Duration = Duration::from_secs(5);
/// Less than this is not worth a line.
const SMALL: u64 = 1 << 20;
const TEMPLATE: &str = "{prefix:<20} {bar:30} {decimal_bytes:>10} of {decimal_total_bytes:<10} {decimal_bytes_per_sec:>12}  {eta} left {msg}";

/// The progress of a command: one task per thing that it brings.
#[derive(Debug)]
pub struct Progress {
    bars: MultiProgress,
    is_terminal: bool,
}

impl Progress {
    /// Bars if standard error is a terminal, lines if not.
    #[must_use]
    pub fn new() -> Progress {
        Progress { bars: MultiProgress::new(), is_terminal: std::io::stderr().is_terminal() }
    }

    /// Nothing at all.
    #[must_use]
    pub fn silent() -> Progress {
        Progress { bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), is_terminal: true }
    }

    /// A task with its name.
    #[must_use]
    pub fn task(&self, name: &str) -> Task {
        let bar = ProgressBar::new(0).with_prefix(name.to_owned());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        let bar = if self.is_terminal { self.bars.add(bar) } else { hidden(bar) };
        let next_line = (!self.is_terminal).then(|| Mutex::new(Instant::now() + LINE_EVERY));
        Task { name: name.to_owned(), bar, next_line }
    }

    /// Prints a line on standard output without tearing the bars.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| println!("{line}"));
    }

    /// Prints a line on standard error without tearing the bars.
    pub fn warn(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{line}"));
    }
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::new()
    }
}

fn hidden(bar: ProgressBar) -> ProgressBar {
    bar.set_draw_target(ProgressDrawTarget::hidden());
    bar
}

/// The progress of one thing.
#[derive(Debug)]
pub struct Task {
    name: String,
    bar: ProgressBar,
    next_line: Option<Mutex<Instant>>,
}

impl Task {
    /// So many more bytes have to come.
    pub fn expect(&self, n_bytes: u64) {
        self.bar.inc_length(n_bytes);
        if n_bytes < SMALL {
            return;
        }
        // What went before, asking and reading the directory, says nothing of the rate.
        self.bar.reset_eta();
        if let Some(next_line) = &self.next_line {
            *next_line.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + LINE_EVERY;
            eprintln!("{}: {} to download", self.name, DecimalBytes(n_bytes));
        }
    }

    /// So many bytes came.
    pub fn advance(&self, n_bytes: u64) {
        self.bar.inc(n_bytes);
        let Some(next_line) = &self.next_line else { return };
        let mut next_line = next_line.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() >= *next_line {
            *next_line = Instant::now() + LINE_EVERY;
            self.print_line();
        }
    }

    /// Says what is done after the download.
    pub fn note(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    fn print_line(&self) {
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        if total < SMALL {
            return;
        }
        let rate = DecimalBytes(self.bar.per_sec() as u64);
        let eta = HumanDuration(self.bar.eta());
        eprintln!("{}: {} of {}, {rate}/s, {eta} left", self.name, DecimalBytes(done), DecimalBytes(total));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
