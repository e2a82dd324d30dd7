//! The table of steps: names, parameters, ranges.

/// One change and its strength.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub(crate) kind: Kind,
    /// The leading parameters as they were given; the others have their defaults.
    pub(crate) given: Vec<f64>,
}

impl Step {
    pub(crate) fn new(kind: Kind, given: &[f64]) -> Self {
        Self { kind, given: given.to_vec() }
    }

    /// What this step is.
    #[must_use]
    pub fn definition(&self) -> &'static Definition {
        // Every kind has its row: a test holds the table to that.
        DEFINITIONS.iter().find(|definition| definition.kind == self.kind).unwrap_or(&DEFINITIONS[0])
    }

    /// A parameter by its position, or its default.
    pub(crate) fn value(&self, i: usize) -> f64 {
        let default = || self.definition().params.get(i).and_then(|param| param.default);
        self.given.get(i).copied().or_else(default).unwrap_or_default()
    }
}

/// A step that can stand in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Definition {
    /// Its name in the line.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub what: &'static str,
    /// Its parameters, in order.
    pub params: &'static [Param],
    pub(crate) kind: Kind,
}

/// A parameter of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    /// Its name, for `name=value`.
    pub name: &'static str,
    /// What it is when it is left out; `None` when it must be given.
    pub default: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Words that stand for the values 0, 1, 2 and so on; empty for numbers.
    pub words: &'static [&'static str],
}

/// Names of [`Step`]s in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Crop,
    PadCrop,
    Flip,
    VerticalFlip,
    Rotate,
    Shift,
    Shear,
    Zoom,
    Perspective,
    Fill,
    Brightness,
    ChannelShift,
    Color,
    Gray,
    Gamma,
    Equalize,
    AutoContrast,
    Posterize,
    Solarize,
    Sharpness,
    Blur,
    Noise,
    Jpeg,
    Erase,
    RandAugment,
    TrivialAugment,
}

/// Every step there is.
#[must_use]
pub fn definitions() -> &'static [Definition] {
    &DEFINITIONS
}

const fn needed(name: &'static str, min: f64, max: f64) -> Param {
    Param { name, default: None, min, max, words: &[] }
}

const fn optional(name: &'static str, default: f64, min: f64, max: f64) -> Param {
    Param { name, default: Some(default), min, max, words: &[] }
}

const fn chance(default: f64) -> Param {
    optional("p", default, 0.0, 1.0)
}

const fn row(kind: Kind, name: &'static str, params: &'static [Param], what: &'static str) -> Definition {
    Definition { name, what, params, kind }
}

/// How the outside of a photo looks, in the order of [`Fill`](super::draw::Fill).
pub(crate) const FILL_WORDS: [&str; 4] = ["constant", "nearest", "reflect", "wrap"];

const FILL_MODE: Param = Param { name: "mode", default: None, min: 0.0, max: 3.0, words: &FILL_WORDS };

/// Areas above 1 reach beyond the part of the photo that is seen without augmentation.
const MAX_AREA: f64 = 4.0;

static DEFINITIONS: [Definition; 26] = [
    row(
        Kind::Crop,
        "crop",
        &[
            needed("min_area", 0.01, MAX_AREA),
            optional("max_area", 1.0, 0.01, MAX_AREA),
            optional("min_ratio", 0.75, 0.1, 10.0),
            optional("max_ratio", 4.0 / 3.0, 0.1, 10.0),
        ],
        "A random part of this area and width to height, enlarged to the square (Szegedy et al. 2015).",
    ),
    row(
        Kind::PadCrop,
        "padcrop",
        &[needed("pad", 0.0, 1.0)],
        "The square padded by this share of its side all round, then cut at a random place.",
    ),
    row(Kind::Flip, "flip", &[chance(0.5)], "Left and right change places with chance p."),
    row(Kind::VerticalFlip, "vflip", &[chance(0.5)], "Top and bottom change places with chance p."),
    row(Kind::Rotate, "rotate", &[needed("degrees", 0.0, 180.0)], "A turn by up to so many degrees either way."),
    row(
        Kind::Shift,
        "shift",
        &[needed("x", 0.0, 1.0), needed("y", 0.0, 1.0)],
        "A move by up to this share of the width and the height.",
    ),
    row(Kind::Shear, "shear", &[needed("degrees", 0.0, 80.0)], "A slant by up to so many degrees either way."),
    row(
        Kind::Zoom,
        "zoom",
        &[needed("min", 0.1, 10.0), needed("max", 0.1, 10.0)],
        "The part that is seen grows by a factor, drawn for width and height apart.",
    ),
    row(
        Kind::Perspective,
        "perspective",
        &[needed("distortion", 0.0, 0.9), chance(0.5)],
        "Corners move inwards by up to half this share of the side, with chance p.",
    ),
    row(
        Kind::Fill,
        "fill",
        &[FILL_MODE, optional("value", 0.0, 0.0, 255.0)],
        "What is seen outside the photo: constant, nearest, reflect or wrap. Without this step: nearest.",
    ),
    row(
        Kind::Brightness,
        "brightness",
        &[needed("min", 0.0, 10.0), needed("max", 0.0, 10.0)],
        "All channels times one factor.",
    ),
    row(
        Kind::ChannelShift,
        "channel_shift",
        &[needed("range", 0.0, 255.0)],
        "A number up to this, of 255, added to all channels, or taken away.",
    ),
    row(
        Kind::Color,
        "color",
        &[
            needed("brightness", 0.0, 1.0),
            optional("contrast", 0.0, 0.0, 1.0),
            optional("saturation", 0.0, 0.0, 1.0),
            optional("hue", 0.0, 0.0, 0.5),
        ],
        "Brightness, contrast, saturation by factors of 1 plus or minus these; hue by this share of the circle.",
    ),
    row(Kind::Gray, "gray", &[chance(0.1)], "No colours, with chance p."),
    row(
        Kind::Gamma,
        "gamma",
        &[needed("min", 0.1, 10.0), needed("max", 0.1, 10.0)],
        "Brightness from 0 to 1 to the power of gamma.",
    ),
    row(Kind::Equalize, "equalize", &[chance(0.5)], "Each channel's histogram made flat, with chance p."),
    row(Kind::AutoContrast, "autocontrast", &[chance(0.5)], "Each channel stretched to 0 to 255, with chance p."),
    row(
        Kind::Posterize,
        "posterize",
        &[needed("bits", 1.0, 8.0), chance(0.5)],
        "Only the highest bits of each channel, with chance p.",
    ),
    row(
        Kind::Solarize,
        "solarize",
        &[needed("threshold", 0.0, 256.0), chance(0.5)],
        "Values from the threshold on are inverted, with chance p.",
    ),
    row(
        Kind::Sharpness,
        "sharpness",
        &[needed("min", 0.0, 10.0), needed("max", 0.0, 10.0)],
        "From smooth (0) over unchanged (1) to sharper.",
    ),
    row(
        Kind::Blur,
        "blur",
        &[needed("min", 0.0, 20.0), needed("max", 0.0, 20.0), chance(1.0)],
        "Gaussian blur with a standard deviation in pixels of the square, with chance p.",
    ),
    row(
        Kind::Noise,
        "noise",
        &[needed("max", 0.0, 128.0)],
        "Gaussian noise with a standard deviation up to this, of 255.",
    ),
    row(
        Kind::Jpeg,
        "jpeg",
        &[needed("min", 1.0, 100.0), needed("max", 1.0, 100.0), chance(1.0)],
        "Saved as JPEG of a quality between these and read again, with chance p.",
    ),
    row(
        Kind::Erase,
        "erase",
        &[chance_needed(), optional("min_area", 0.02, 0.0, 1.0), optional("max_area", 0.33, 0.0, 1.0)],
        "A gray rectangle of this share of the area, with chance p (Zhong et al. 2017).",
    ),
    row(
        Kind::RandAugment,
        "randaugment",
        &[optional("n", 2.0, 0.0, 16.0), optional("magnitude", 9.0, 0.0, 30.0)],
        "Some steps of a fixed set at one strength, of 30 (Cubuk et al. 2019).",
    ),
    row(Kind::TrivialAugment, "trivial", &[], "One step of a fixed set at any strength (Müller and Hutter 2021)."),
];

const fn chance_needed() -> Param {
    needed("p", 0.0, 1.0)
}
