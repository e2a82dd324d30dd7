//! Which photos are left out, and when that is too many: the same flags for every command that reads photos.

use tl_data::{DecodeOptions, Skipped};

/// How much is forgiven.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Broken photos")]
pub(crate) struct PhotoArgs {
    /// Let nothing be skipped
    #[arg(long, conflicts_with = "max_skipped")]
    strict: bool,
    /// Part of the files that may be skipped, as 5% or 0.05 [default: 20%]
    #[arg(long, value_name = "PART", value_parser = fraction)]
    max_skipped: Option<f64>,
    /// Use what can be decoded of a truncated JPEG
    #[arg(long)]
    pub(crate) partial: bool,
}

impl PhotoArgs {
    /// The fraction that may be skipped, when something was said about it.
    pub(crate) fn allowed(&self) -> Option<f64> {
        if self.strict { Some(0.0) } else { self.max_skipped }
    }

    pub(crate) fn decode(&self) -> DecodeOptions {
        DecodeOptions { partial: self.partial, ..DecodeOptions::default() }
    }

    /// Whether more was skipped than allowed.
    pub(crate) fn is_too_much(&self, skipped: &[Skipped], n_used: usize) -> bool {
        let n_files = skipped.len() + n_used;
        skipped.len() as f64 > self.allowed().unwrap_or(0.2) * n_files as f64
    }
}

/// `5%` or `0.05`.
fn fraction(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|p| p / 100.0),
        None => text.parse(),
    };
    match number {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err("give a part, such as 5% or 0.05".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_people_write_them() {
        assert_eq!(fraction("5%"), Ok(0.05));
        assert_eq!(fraction("0.25"), Ok(0.25));
        assert_eq!(fraction("100 %"), Ok(1.0));
        for wrong in ["5", "-1%", "101%", "some", "", "NaN"] {
            assert!(fraction(wrong).is_err(), "{wrong}");
        }
    }
}
