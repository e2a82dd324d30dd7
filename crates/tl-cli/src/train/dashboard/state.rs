//! What the dashboard knows of a run.

use tl_events::Step;
use tl_metrics::EpochRecord;
use tl_train::Event;

use crate::train::eta::Eta;

/// Points of a curve; beyond this many every second one is let go, which no screen can tell.
const N_POINTS: usize = 4096;

/// Points of a curve: the step and the number.
pub(crate) type Curve = Vec<(f64, f64)>;

/// The numbers of a run so far. Curves are over the steps of the optimizer.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) run: String,
    pub(crate) phase: String,
    /// Part of the phase that is done, 0 to 1.
    pub(crate) done: f64,
    pub(crate) step_loss: Curve,
    pub(crate) train_loss: Curve,
    pub(crate) val_loss: Curve,
    pub(crate) train_accuracy: Curve,
    pub(crate) val_accuracy: Curve,
    pub(crate) learning_rate: Curve,
    pub(crate) photos_per_second: Curve,
    /// Seconds since the dashboard began.
    pub(crate) elapsed: f64,
    /// Seconds that training still takes.
    pub(crate) left: Option<f64>,
    /// The run is to stop.
    pub(crate) is_stopping: bool,
    lines: Vec<String>,
    eta: Eta,
    /// When the last step ended.
    heard: f64,
}

impl State {
    pub(crate) fn new(run: &str) -> Self {
        Self { run: run.to_owned(), phase: "Looking at the photos".to_owned(), ..Self::default() }
    }

    /// Hears of an event, `now` seconds after the dashboard began, and of the lines that tell of it.
    pub(crate) fn hear(&mut self, event: &Event<'_>, now: f64, lines: Vec<String>) {
        self.lines.extend(lines);
        match event {
            Event::Extracting { n_done, n_total } => {
                self.phase = format!("Reading photos, {n_done} of {n_total}");
                self.done = *n_done as f64 / (*n_total).max(1) as f64;
            }
            Event::Step(record) => self.step(record, now),
            Event::Epoch { record, step, .. } => self.epoch(record, *step),
            Event::Saved(_) => "Saving".clone_into(&mut self.phase),
            _ => {}
        }
    }

    /// Hears what time it is, and whether the run is to stop.
    pub(crate) fn set_time(&mut self, elapsed: f64, is_stopping: bool) {
        (self.elapsed, self.is_stopping) = (elapsed, is_stopping);
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Seconds that training still takes, as seen now and not at the last step.
    pub(crate) fn left_now(&self) -> Option<f64> {
        self.left.map(|left| (left - (self.elapsed - self.heard)).max(0.0))
    }

    fn step(&mut self, record: &Step, now: f64) {
        let Step { epoch, step, n_steps, loss, learning_rate, photos_per_second } = *record;
        self.phase = format!("Training, epoch {epoch}, step {step} of {n_steps}");
        self.done = step as f64 / n_steps.max(1) as f64;
        self.left = self.eta.after_step(now, step, n_steps);
        self.heard = now;
        let curves = [
            (&mut self.step_loss, loss),
            (&mut self.learning_rate, learning_rate),
            (&mut self.photos_per_second, photos_per_second),
        ];
        for (curve, value) in curves {
            push(curve, step, value);
        }
    }

    fn epoch(&mut self, record: &EpochRecord, step: usize) {
        push(&mut self.train_loss, step, record.train_loss);
        push(&mut self.train_accuracy, step, record.train_accuracy);
        record.val_loss.inspect(|loss| push(&mut self.val_loss, step, *loss));
        record.val_accuracy.inspect(|accuracy| push(&mut self.val_accuracy, step, *accuracy));
    }
}

fn push(curve: &mut Curve, step: usize, value: f64) {
    if curve.len() >= N_POINTS {
        let mut is_kept = false;
        curve.retain(|_| {
            is_kept = !is_kept;
            is_kept
        });
    }
    curve.push((step as f64, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_ends() {
        let mut curve = Curve::new();
        (1..=100_000).for_each(|step| push(&mut curve, step, 0.5));
        assert!(curve.len() <= N_POINTS && curve.len() >= N_POINTS / 2, "{}", curve.len());
        assert_eq!((curve[0].0, curve[curve.len() - 1].0), (1.0, 100_000.0));
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
