//! The bytes that TensorBoard's own writer gives; `tests/golden/make_events.py` wrote them.

use tl_events::TfEvents;

const TIME: f64 = 1_764_000_000.25;

#[test]
fn an_event_file_has_the_bytes_that_tensorboard_writes() {
    let mut bytes = Vec::new();
    let mut file = TfEvents::new(&mut bytes, TIME).unwrap();
    file.text(TIME, 0, "settings", "    epochs = 10\n    # äöü\n").unwrap();
    let step = [("step/loss", 0.7), ("step/learning_rate", 1e-3), ("step/photos_per_second", 0.0)];
    file.scalars(TIME + 1.0, 1, &step).unwrap();
    file.scalars(TIME + 300.0, 300, &[("loss/train", 1.5401), ("accuracy/validation", 0.96)]).unwrap();
    file.restart(TIME, 129).unwrap();
    file.flush().unwrap();
    let golden = include_bytes!("../golden/events.tfevents");
    assert_eq!(bytes.len(), golden.len());
    assert_eq!(bytes, golden);
}
