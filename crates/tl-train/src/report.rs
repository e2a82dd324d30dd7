//! The run's numbers and the files that hold them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tl_data::{Sample, Skipped};
use tl_metrics::{ClassMetrics, EpochRecord, Evaluation, MultiLabelEvaluation};

use crate::{
    data::Data,
    error::TrainError,
    run_folder::{RunFolder, write_error, write_file},
    stopping::StopReason,
};

/// The numbers of a finished run: its `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunMetrics {
    /// Version of this file's layout.
    pub format: u32,
    /// Fraction of validation photos classified rightly, 0 to 1; none without validation photos. Where photos may have
    /// several classes, the fraction with all classes right, and no others.
    pub val_accuracy: Option<f64>,
    /// Its 95 % Wilson interval.
    pub val_accuracy_ci: Option<[f64; 2]>,
    /// Mean loss of the validation photos in the epoch that was kept, as `history.csv` has it: the loss that is
    /// trained, with its class weights, gamma and smoothing.
    pub val_loss: Option<f64>,
    /// Plain cross-entropy on the validation photos, in nats; binary cross-entropy where they may have several classes.
    #[serde(default)]
    pub val_log_loss: Option<f64>,
    /// Class names; position is label.
    pub classes: Vec<String>,
    /// Validation photos by true class (rows) and predicted class (columns).
    pub confusion: Option<Vec<Vec<usize>>>,
    /// Precision, recall, F1 of each class on the validation photos.
    pub per_class: Option<Vec<ClassMetrics>>,
    /// All validation numbers, with one class per photo.
    pub validation: Option<Evaluation>,
    /// All validation numbers where photos may have several classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<MultiLabelEvaluation>,
    /// Fraction of the training photos classified rightly in the epoch that was kept, while the weights moved.
    pub train_accuracy: f64,
    /// Mean loss of the training photos in the same epoch.
    pub train_loss: f64,
    /// Training photos used.
    pub n_train: usize,
    /// Validation photos used.
    pub n_val: usize,
    /// Photos left out.
    pub n_skipped: usize,
    /// Validation photos that equal or resemble a training photo.
    pub n_leaks: usize,
    /// Why the run ended before its last epoch, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_early: Option<StopReason>,
    /// Wall time of each phase.
    pub seconds: BTreeMap<String, f64>,
    /// Photos read and run through the network per second of that phase, `features`; none where all were known.
    #[serde(default)]
    pub images_per_second: Option<f64>,
    /// That what was frozen did not move; none when only a head was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezing: Option<FreezeProof>,
    /// Photos trained on per second of fine-tuning, validation left out; none when only a head was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_images_per_second: Option<f64>,
    /// The epoch of `history.csv` whose weights were kept because they were the best on the validation photos, which
    /// flatters the numbers above; none where those photos had no say, and the last epoch is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_epoch: Option<usize>,
    /// How a logistic head was fitted: once, or once for each class that some photos have and others not. Empty for
    /// heads that take steps, and where the backbone was trained after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fits: Vec<FitRecord>,
}

/// A fit of a logistic head, whose penalty was chosen by cross-validation on the training photos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRecord {
    /// The class that it tells from all else, where photos may have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The penalty that was chosen, as [`tl_head::fit_logistic`] understands it.
    pub l2: f64,
    /// Steps of the last fit, to all training photos.
    pub n_iterations: usize,
    /// Whether that reached its optimum.
    pub converged: bool,
    /// Mean loss of the training photos while they were held out, in nats.
    pub held_out_loss: f64,
    /// Fraction of them classified rightly then, 0 to 1.
    pub held_out_accuracy: f64,
}

/// What stayed as it was while the backbone was trained. A run whose frozen tensors changed is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeProof {
    /// Layers that were frozen; `tl info --layers` lists all.
    pub n_frozen_layers: usize,
    /// Layers that were trained.
    pub n_trained_layers: usize,
    /// Layers that were to be trained, and whose turn had not come when the run ended.
    #[serde(default)]
    pub n_waiting_layers: usize,
    /// Weights and statistics that must not move, by number.
    pub n_frozen_tensors: usize,
    /// BLAKE3 over their names and values before training.
    pub blake3_before: String,
    /// The same after training.
    pub blake3_after: String,
}

/// Writes `history.csv`.
pub(crate) fn write_history(folder: &RunFolder, history: &[EpochRecord]) -> Result<(), TrainError> {
    write_file(&folder.history(), |out| {
        let mut csv = csv::Writer::from_writer(out);
        history.iter().try_for_each(|record| csv.serialize(record))?;
        csv.flush()
    })
}

/// Writes `skipped.csv`: a line for each photo that was left out, the header alone when there is none.
pub(crate) fn write_skipped(folder: &RunFolder, skipped: &[Skipped]) -> Result<(), TrainError> {
    write_file(&folder.skipped(), |out| {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["path", "reason"])?;
        for Skipped { path, reason } in skipped {
            csv.write_record([path.to_string_lossy().as_ref(), &reason.to_string()])?;
        }
        csv.flush()
    })
}

/// Writes `photos.csv`: path, label and part of each photo that was used; several classes stand with `;` between.
pub(crate) fn write_photos(
    folder: &RunFolder,
    data: &Data,
    train: &[Sample],
    val: &[Sample],
) -> Result<(), TrainError> {
    write_file(&folder.photos(), |out| {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["path", "label", "split"])?;
        for (part, samples) in [("train", train), ("val", val)] {
            for Sample { path, label } in samples {
                // Paths in a list begin at its own folder.
                let path = std::path::absolute(path)?;
                let classes: Vec<&str> = data.classes_of(label).iter().map(|&i| data.classes[i].as_str()).collect();
                csv.write_record([path.to_string_lossy().as_ref(), &classes.join(";"), part])?;
            }
        }
        csv.flush()
    })
}

/// Writes `metrics.json`.
pub(crate) fn write_metrics(folder: &RunFolder, metrics: &RunMetrics) -> Result<(), TrainError> {
    let text = serde_json::to_vec_pretty(metrics).map_err(|e| write_error(&folder.metrics(), e.into()))?;
    write_file(&folder.metrics(), |out| out.write_all(&text))
}
