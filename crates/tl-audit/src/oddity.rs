//! Photos that are worth a look on their own.

use std::fmt;

use serde::Serialize;

use crate::{
    look::{Look, SIDE},
    options::AuditOptions,
    photo::Photo,
};

/// A photo that differs from ordinary ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Oddity {
    /// In what.
    pub kind: OddityKind,
    /// What was measured; [`OddityKind`] says what it is.
    pub value: f64,
    /// The photo.
    pub photo: Photo,
}

/// In what a photo is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OddityKind {
    /// Nearly everything is dark; the value is the brightness, 0 to 1, that 95 % of the pixels do not exceed.
    Dark,
    /// Nearly everything is bright; the value is the brightness, 0 to 1, that 95 % of the pixels reach.
    Bright,
    /// There are no edges; the value is the variance of the Laplacian.
    Blurred,
    /// A network would see it enlarged many times; the value is the short side in pixels.
    Tiny,
    /// A network would see it distorted, or a small part of it; the value is long side by short side.
    Shape,
}

impl OddityKind {
    pub(crate) const ALL: [Self; 5] = [Self::Dark, Self::Bright, Self::Blurred, Self::Tiny, Self::Shape];

    /// How far `value` is from ordinary, for a person.
    pub(crate) fn describe(self, value: f64) -> String {
        match self {
            Self::Dark => format!("95 % of it below {:.0} % brightness", value * 100.0),
            Self::Bright => format!("95 % of it above {:.0} % brightness", value * 100.0),
            Self::Blurred => format!("sharpness {value:.1}"),
            Self::Tiny => format!("short side {value} px"),
            Self::Shape => format!("{value:.1} times as long as wide"),
        }
    }
}

impl fmt::Display for OddityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dark => "very dark",
            Self::Bright => "very bright",
            Self::Blurred => "blurred",
            Self::Tiny => "tiny",
            Self::Shape => "of extreme shape",
        })
    }
}

/// In what a photo is odd, with the value that says so.
pub(crate) fn oddities(look: &Look, options: &AuditOptions) -> Vec<(OddityKind, f64)> {
    let (short, long) = (look.width.min(look.height), look.width.max(look.height));
    let aspect = f64::from(long) / f64::from(short.max(1));
    let is_dark = look.highlight <= options.max_dark;
    let is_bright = look.shadow >= options.min_bright;
    // An enlarged photo has soft edges, a dark or bright one faint edges, however sharp they were.
    let can_tell_blur = short as usize >= SIDE && !is_dark && !is_bright;
    let is_blurred = can_tell_blur && look.sharpness < options.min_sharpness;
    [
        (is_dark, OddityKind::Dark, look.highlight),
        (is_bright, OddityKind::Bright, look.shadow),
        (is_blurred, OddityKind::Blurred, look.sharpness),
        (short < options.min_side, OddityKind::Tiny, f64::from(short)),
        (aspect > options.max_aspect, OddityKind::Shape, aspect),
    ]
    .into_iter()
    .filter_map(|(is_odd, kind, value)| is_odd.then_some((kind, value)))
    .collect()
}
