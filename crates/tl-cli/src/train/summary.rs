//! What the end of a run says.

use std::fmt::Write;

use tl_train::{RunFolder, RunMetrics};

/// Accuracy with its interval, where the files are, and what to try next.
pub(crate) fn summary(metrics: &RunMetrics, folder: &RunFolder, program: &str) -> String {
    let mut text = String::new();
    if let (Some(accuracy), Some([low, high])) = (metrics.val_accuracy, metrics.val_accuracy_ci) {
        let _ = writeln!(
            text,
            "Validation accuracy {:.1} % on {} photos (95 % interval {:.1} to {:.1} %)",
            accuracy * 100.0,
            metrics.n_val,
            low * 100.0,
            high * 100.0
        );
    }
    let model = folder.model();
    let _ = writeln!(text, "Model       {}", model.display());
    let _ = writeln!(text, "Run folder  {}", folder.path().display());
    let _ = writeln!(text, "Try it      {program} predict {} PHOTO_OR_FOLDER", model.display());
    text
}
