//! What `--precision auto` stands for on this machine: measured once, and remembered beside the features.

use std::{path::Path, thread};

use serde::{Deserialize, Serialize};
use tch::Device;
use tl_backbone::{Network, Precision};
use tl_data::write_atomically;
use tl_model::Classifier;
use tl_torch::{CpuCapability, libtorch_version};
use tl_train::{PrecisionChoice, Recipe, TrainOptions};
use tracing::debug;

use crate::{
    args::{GlobalArgs, PrecisionArg},
    cache, output,
};

/// The file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Measured {
    /// What the answer holds for.
    machine: String,
    /// The fastest for networks that stay as they are.
    inference: String,
    /// The fastest for those that are trained.
    training: String,
}

/// Arithmetic of the network on `device`, as the flags say.
pub(crate) fn precision(global: &GlobalArgs, device: Device) -> Precision {
    match global.precision {
        None | Some(PrecisionArg::Auto) => auto(global, device, false),
        Some(PrecisionArg::F32) => Precision::F32,
        Some(PrecisionArg::Bf16) => {
            say_if_slow(device);
            Precision::Bf16
        }
        Some(PrecisionArg::F16) => Precision::F16,
        Some(PrecisionArg::Int16) => Precision::Int16,
        Some(PrecisionArg::Int8) => Precision::Int8,
    }
}

/// The same for a model: without a flag its answers are those of its run, where this processor is good at what it was
/// trained in.
pub(crate) fn of_model(global: &GlobalArgs, model: &Classifier, device: Device) -> Precision {
    let is_good_at = |trained: Precision| match trained {
        // Some have instructions for it that are slower than those for f32.
        Precision::Bf16 => auto(global, device, true) == Precision::Bf16,
        _ => device == Device::Cpu && Precision::for_inference().contains(&trained),
    };
    match (global.precision, model.trained_in()) {
        // Nothing is faster.
        (None | Some(PrecisionArg::Auto), Some(Precision::Int8)) => Precision::Int8,
        (None, Some(trained)) if is_good_at(trained) => trained,
        _ => precision(global, device),
    }
}

/// Puts into the settings of a run what `auto` stands for, so that the run can be repeated elsewhere.
pub(crate) fn settle(options: &mut TrainOptions, device: Device, global: &GlobalArgs) {
    match options.precision {
        PrecisionChoice::Auto if options.normalises_by_batch() => options.precision = PrecisionChoice::F32,
        PrecisionChoice::Auto => {
            options.precision = auto(global, device, options.recipe != Recipe::Features).into();
        }
        PrecisionChoice::Bf16 => say_if_slow(device),
        _ => {}
    }
}

/// bf16 that the processor does not have is made of f32, operator by operator.
fn say_if_slow(device: Device) {
    if device == Device::Cpu && !CpuCapability::detect().has_onednn_bf16() {
        let problem =
            "this processor has no bf16, which takes many times as long as f32; --precision auto takes what is fast";
        output::careful("precision", problem);
    }
}

/// The fastest arithmetic of this machine's processor, for networks that are trained or not. On a GPU f32, since its 16
/// bits round all layers, and decoding is what takes the time there.
fn auto(global: &GlobalArgs, device: Device, is_trained: bool) -> Precision {
    let choices = if is_trained { Precision::for_training() } else { Precision::for_inference() };
    if device != Device::Cpu || choices.len() == 1 {
        return Precision::F32;
    }
    let machine = format!("{:?}, libtorch {}", CpuCapability::detect(), libtorch_version());
    let file = cache::folder(global).map(|features| features.with_file_name("precision.json"));
    let looked_up = || file.as_deref().and_then(|file| known(file, &machine));
    let measured = looked_up().unwrap_or_else(|| {
        // Processes that begin together are to come to one answer.
        let _lock = file.as_deref().and_then(|file| locked(&file.with_extension("lock")).ok());
        looked_up().unwrap_or_else(|| {
            let measured = Measured::new(machine.clone());
            if let Some(Err(error)) = file.as_deref().map(|file| measured.remember(file)) {
                debug!(%error, "which arithmetic is faster will be measured again");
            }
            measured
        })
    });
    let name = if is_trained { &measured.training } else { &measured.inference };
    Precision::named(name).filter(|precision| choices.contains(precision)).unwrap_or_default()
}

/// A lock that is held until the file is closed, and left behind with it.
fn locked(path: &Path) -> std::io::Result<std::fs::File> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let file = fs_err::File::create(path)?.into_file();
    file.lock()?;
    Ok(file)
}

impl Measured {
    /// What cannot even be tried is not for this machine.
    fn new(machine: String) -> Self {
        let fastest = |choices| fastest(choices).unwrap_or_default().name().to_owned();
        let (inference, training) = (Precision::for_inference(), Precision::for_training());
        Self { machine, inference: fastest(inference), training: fastest(training) }
    }

    fn remember(&self, file: &Path) -> anyhow::Result<()> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        fs_err::create_dir_all(folder)?;
        let text = serde_json::to_string_pretty(self)?;
        Ok(write_atomically(file, |out| out.write_all(text.as_bytes()))?)
    }
}

/// On a thread of its own, as the pipeline's workers have one each.
fn fastest(choices: Vec<Precision>) -> Option<Precision> {
    let measure = move || {
        for &precision in &choices {
            Network::on_one_thread(precision);
        }
        Precision::measured(&choices)
    };
    thread::spawn(measure).join().ok()?.ok()
}

fn known(file: &Path, machine: &str) -> Option<Measured> {
    let measured: Measured = serde_json::from_slice(&fs_err::read(file).ok()?).ok()?;
    (measured.machine == machine).then_some(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_for_its_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/precision.json");
        assert_eq!(known(&file, "this"), None);
        for inference in ["f32", "int16"] {
            let named = |name: &str| name.to_owned();
            let measured = Measured { machine: named("this"), inference: named(inference), training: named("f32") };
            measured.remember(&file).unwrap();
            assert_eq!((known(&file, "this"), known(&file, "another")), (Some(measured), None));
        }
        fs_err::write(&file, "{").unwrap();
        assert_eq!(known(&file, "this"), None);
    }
}
