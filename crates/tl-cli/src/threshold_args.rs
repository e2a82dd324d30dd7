//! From which probability on a class is there, where photos may have several.

use anyhow::{Result, bail};
use tl_model::Classifier;

#[derive(Debug, clap::Args)]
pub(crate) struct ThresholdArgs {
    /// Of a model with several classes per photo: the probability from which on a class is said to be there
    /// [default: 0.5]
    #[arg(long, value_name = "P", value_parser = probability)]
    threshold: Option<f32>,
}

impl ThresholdArgs {
    /// The threshold for the answers of `classifier`.
    pub(crate) fn of(&self, classifier: &Classifier) -> Result<f32> {
        if self.threshold.is_some() && !classifier.is_multi_label() {
            bail!("--threshold is for models with several classes per photo; this one chooses one class");
        }
        Ok(self.threshold.unwrap_or(0.5))
    }
}

fn probability(text: &str) -> Result<f32, String> {
    let found = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    found.ok_or_else(|| "a probability is a number from 0 to 1, such as 0.5".to_owned())
}
