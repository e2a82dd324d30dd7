//! A run as JSON lines on standard error: the lines of its `events.jsonl`.

use tl_events::Line;
use tl_train::{Event, Observer};

use crate::output;

/// Writes each event as a line.
pub(crate) struct JsonLog;

impl Observer for JsonLog {
    fn event(&mut self, event: &Event<'_>) {
        let Some(record) = event.record() else { return };
        // A record is made of numbers and text, which JSON can hold.
        if let Ok(line) = serde_json::to_string(&Line::now(record)) {
            output::line(&line);
        }
    }
}
