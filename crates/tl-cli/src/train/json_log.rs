//! A run as JSON lines on standard error: the lines of its `events.jsonl`.

use std::time::{SystemTime, UNIX_EPOCH};

use tl_events::Line;
use tl_train::{Event, Observer};

use crate::output;

/// Writes each event as a line.
pub(crate) struct JsonLog;

impl Observer for JsonLog {
    fn event(&mut self, event: &Event<'_>) {
        let Some(record) = event.record() else { return };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        // A record is made of numbers and text, which JSON can hold.
        if let Ok(line) = serde_json::to_string(&Line { time, record }) {
            output::note(&line);
        }
    }
}
