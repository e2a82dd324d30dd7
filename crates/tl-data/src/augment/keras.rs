//! The arguments of Keras's `ImageDataGenerator`, by their names there.

use super::{
    spec::{Arguments, number, wrong},
    step::{FILL_WORDS, Kind, Param, Step},
};
use crate::error::DataError;

const NAMES: &str = "rotation_range, width_shift_range, height_shift_range, shear_range, zoom_range, \
                     channel_shift_range, brightness_min, brightness_max, horizontal_flip, vertical_flip, fill_mode, cval";

/// The steps that `keras(name=value,...)` stands for, in the order in which Keras applies them.
pub(crate) fn steps(text: &str, arguments: &Arguments<'_>) -> Result<Vec<Step>, DataError> {
    let mut keras = Keras { fill: 1.0, ..Keras::default() };
    for (name, value) in arguments {
        let Some((target, max)) = name.and_then(|name| keras.argument(name)) else {
            return Err(wrong(text, &format!("write name=value with a name of {NAMES}")));
        };
        let words: &'static [&'static str] = match *name {
            Some("fill_mode") => &FILL_WORDS,
            Some("horizontal_flip" | "vertical_flip") => &["false", "true"],
            _ => &[],
        };
        let param = Param { name: "the value", default: None, min: 0.0, max, words };
        *target = number(text, &param, value)?;
    }
    Ok(keras.steps())
}

#[derive(Debug, Default)]
struct Keras {
    rotation: f64,
    width_shift: f64,
    height_shift: f64,
    shear: f64,
    zoom: f64,
    channel_shift: f64,
    brightness_min: Option<f64>,
    brightness_max: Option<f64>,
    horizontal_flip: f64,
    vertical_flip: f64,
    fill: f64,
    cval: f64,
}

impl Keras {
    /// Where an argument goes, and its largest value.
    fn argument(&mut self, name: &str) -> Option<(&mut f64, f64)> {
        Some(match name {
            "rotation_range" => (&mut self.rotation, 180.0),
            "width_shift_range" => (&mut self.width_shift, 1.0),
            "height_shift_range" => (&mut self.height_shift, 1.0),
            "shear_range" => (&mut self.shear, 80.0),
            "zoom_range" => (&mut self.zoom, 0.9),
            "channel_shift_range" => (&mut self.channel_shift, 255.0),
            "brightness_min" => (self.brightness_min.insert(1.0), 10.0),
            "brightness_max" => (self.brightness_max.insert(1.0), 10.0),
            "horizontal_flip" => (&mut self.horizontal_flip, 1.0),
            "vertical_flip" => (&mut self.vertical_flip, 1.0),
            "fill_mode" => (&mut self.fill, 3.0),
            "cval" => (&mut self.cval, 255.0),
            _ => return None,
        })
    }

    fn steps(&self) -> Vec<Step> {
        let (low, high) = (self.brightness_min.unwrap_or(1.0), self.brightness_max.unwrap_or(1.0));
        let steps = [
            (self.rotation > 0.0, Step::new(Kind::Rotate, &[self.rotation])),
            (
                self.width_shift > 0.0 || self.height_shift > 0.0,
                Step::new(Kind::Shift, &[self.width_shift, self.height_shift]),
            ),
            (self.shear > 0.0, Step::new(Kind::Shear, &[self.shear])),
            (self.zoom > 0.0, Step::new(Kind::Zoom, &[1.0 - self.zoom, 1.0 + self.zoom])),
            (self.horizontal_flip > 0.0, Step::new(Kind::Flip, &[])),
            (self.vertical_flip > 0.0, Step::new(Kind::VerticalFlip, &[])),
            (true, Step::new(Kind::Fill, &[self.fill, self.cval])),
            (self.channel_shift > 0.0, Step::new(Kind::ChannelShift, &[self.channel_shift])),
            (
                self.brightness_min.is_some() || self.brightness_max.is_some(),
                Step::new(Kind::Brightness, &[low.min(high), high.max(low)]),
            ),
        ];
        steps.into_iter().filter(|(wanted, _)| *wanted).map(|(_, step)| step).collect()
    }
}
