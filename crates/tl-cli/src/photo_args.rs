//! Which photos are left out, and when that is too many: the same flags for every command that reads photos.

use std::process::ExitCode;

use tl_data::DecodeOptions;

use crate::{EXIT_CHECK_FAILED, output::note, skipped::plural};

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

    /// Success, unless more was skipped than allowed, which is said.
    pub(crate) fn exit_code(&self, n_skipped: usize, n_used: usize) -> ExitCode {
        let (n_files, allowed) = (n_skipped + n_used, self.allowed().unwrap_or(0.2));
        if n_skipped as f64 <= allowed * n_files as f64 {
            return ExitCode::SUCCESS;
        }
        let (files, percent) = (plural(n_files, "file"), allowed * 100.0);
        note(&format!("{n_skipped} of {files} skipped, more than the {percent} % of --max-skipped: exit status 1"));
        ExitCode::from(EXIT_CHECK_FAILED)
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
