//! Changes to photos that leave their class as it is.

#[cfg(feature = "decode")]
mod color;
#[cfg(feature = "decode")]
mod draw;
#[cfg(feature = "decode")]
mod filter;
mod keras;
#[cfg(feature = "decode")]
mod matrix;
#[cfg(feature = "decode")]
mod paint;
#[cfg(feature = "decode")]
mod policy;
mod spec;
mod step;

pub use self::step::{Definition, Param, Step, definitions};
#[cfg(feature = "decode")]
pub(crate) use self::{
    draw::{Drawn, Fill},
    matrix::Matrix,
};

/// A list of changes, each with its strength, such as `crop(0.35,1)|flip|color(0.2,0.2,0.2)|erase(0.25)`.
///
/// It parses from and prints as that line. [`definitions`] lists the steps.
/// Steps that move pixels compose into one warp, so that a photo is resampled once; they come before the others,
/// which then work on the square in the order of the line.
/// Seed, epoch and sample decide what is drawn: see [`View`].
///
/// ```
/// let augment: tl_data::Augment = "crop(0.35,1)|flip|color(0.2,0.2,0.2)|erase(0.25)".parse()?;
/// assert_eq!(augment.to_string(), "crop(0.35,1)|flip|color(0.2,0.2,0.2)|erase(0.25)");
/// # Ok::<_, tl_data::DataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Augment {
    steps: Vec<Step>,
}

/// Decides what is drawn: the same three numbers draw the same changes on any machine, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Seed of the run.
    pub seed: u64,
    /// Epoch, or number of the view of a photo.
    pub epoch: u64,
    /// What tells one photo from another: its position in the list, or a hash.
    pub sample: u64,
}

/// Lines that go by a name.
const PRESETS: [(&str, &str); 4] = [
    ("none", ""),
    ("light", "crop(0.7,1)|flip"),
    ("standard", "crop(0.35,1)|flip|color(0.2,0.2,0.2)"),
    ("strong", "crop(0.2,1)|flip|randaugment(2,9)|erase(0.25)"),
];

impl Augment {
    /// The names that parse beside steps: `none`, `light`, `standard`, `strong`, with the lines they stand for.
    #[must_use]
    pub fn presets() -> &'static [(&'static str, &'static str)] {
        &PRESETS
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether photos stay as they are.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.steps.is_empty()
    }
}
