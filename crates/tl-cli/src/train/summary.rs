//! What the end of a run says.

use std::fmt::Write;

use tl_train::{RunFolder, RunMetrics};

use crate::{output::quoted, skipped::plural};

/// Accuracy with its interval, whether it reaches the target, where the files are, and what to try next.
pub(crate) fn summary(metrics: &RunMetrics, target: Option<f64>, folder: &RunFolder, program: &str) -> String {
    let mut text = String::new();
    if let (Some(accuracy), Some([low, high])) = (metrics.val_accuracy, metrics.val_accuracy_ci) {
        let (what, of) = match metrics.multi_label {
            Some(_) => ("Validation: all classes right in", "of"),
            None => ("Validation accuracy", "on"),
        };
        let _ = writeln!(
            text,
            "{what} {:.1} % {of} {} (95 % interval {:.1} to {:.1} %)",
            accuracy * 100.0,
            plural(metrics.n_val, "photo"),
            low * 100.0,
            high * 100.0
        );
    }
    if let Some(target) = target.filter(|target| metrics.val_accuracy.is_some_and(|accuracy| accuracy < *target)) {
        let _ = writeln!(text, "Target      {:.1} % was not reached", target * 100.0);
    }
    if let [fit] = metrics.fits.as_slice() {
        let photos = plural(metrics.n_train, "training photo");
        let _ = writeln!(text, "Cross-validated accuracy {:.1} % on the {photos}", fit.held_out_accuracy * 100.0);
    }
    if let Some(epoch) = metrics.kept_epoch {
        let _ = writeln!(
            text,
            "Kept        epoch {epoch}, because it is the best on these photos, which flatters the accuracy"
        );
    }
    if let Some(several) = &metrics.multi_label {
        let map = several.mean_average_precision.map(|map| format!("mAP {map:.3}, ")).unwrap_or_default();
        let (micro, mean) = (several.micro_average.f1, several.macro_average.f1);
        let _ = writeln!(text, "Of the classes: {map}F1 {micro:.3} (micro), {mean:.3} (macro)");
    }
    let model = folder.model();
    let _ = writeln!(text, "Model       {}", model.display());
    let _ = writeln!(text, "Run folder  {}", folder.path().display());
    let _ = writeln!(text, "Try it      {program} predict {} PHOTO_OR_FOLDER", quoted(&model.to_string_lossy()));
    text
}
