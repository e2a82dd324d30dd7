//! What `--precision auto` stands for on this machine: measured once, and remembered beside the features.

use std::{path::Path, thread};

use serde::{Deserialize, Serialize};
use tch::Device;
use tl_backbone::{Network, Precision};
use tl_model::Classifier;
use tl_torch::{CpuCapability, libtorch_version};
use tl_train::{PrecisionChoice, TrainOptions};
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
    bf16_is_faster: bool,
}

/// Arithmetic of the network on `device`, as the flags say.
pub(crate) fn precision(global: &GlobalArgs, device: Device) -> Precision {
    match global.precision {
        None | Some(PrecisionArg::Auto) => auto(global, device),
        Some(PrecisionArg::F32) => Precision::F32,
        Some(PrecisionArg::Bf16) => {
            say_if_slow(device);
            Precision::Bf16
        }
        Some(PrecisionArg::F16) => Precision::F16,
        Some(PrecisionArg::Int8) => Precision::Int8,
    }
}

/// The same for a model: one of int8 features keeps to them, unless a flag says otherwise.
pub(crate) fn of_model(global: &GlobalArgs, model: Option<&Classifier>, device: Device) -> Precision {
    match (global.precision, model.and_then(Classifier::trained_in)) {
        (None | Some(PrecisionArg::Auto), Some(Precision::Int8)) => Precision::Int8,
        _ => precision(global, device),
    }
}

/// Puts into the settings of a run what `auto` stands for, so that the run can be repeated elsewhere.
pub(crate) fn settle(options: &mut TrainOptions, device: Device, global: &GlobalArgs) {
    match options.precision {
        PrecisionChoice::Auto if options.normalises_by_batch() => options.precision = PrecisionChoice::F32,
        PrecisionChoice::Auto => options.precision = auto(global, device).into(),
        PrecisionChoice::Bf16 => say_if_slow(device),
        _ => {}
    }
}

/// bf16 that the processor does not have is made of f32, operator by operator.
fn say_if_slow(device: Device) {
    if device == Device::Cpu && !CpuCapability::detect().has_onednn_bf16() {
        let problem = "this processor has no bf16, which takes many times as long as f32; --precision auto takes f32";
        output::careful("precision", problem);
    }
}

/// The faster arithmetic of this machine's processor. On a GPU f32, since its 16 bits round all layers, and decoding is
/// what takes the time there.
fn auto(global: &GlobalArgs, device: Device) -> Precision {
    if device != Device::Cpu || Precision::auto() == Precision::F32 {
        return Precision::F32;
    }
    let machine = format!("{:?}, libtorch {}", CpuCapability::detect(), libtorch_version());
    let file = cache::folder(global).map(|features| features.with_file_name("precision.json"));
    if let Some(known) = file.as_deref().and_then(|file| known(file, &machine)) {
        return known;
    }
    // Where bf16 cannot even be tried, it is not for this machine.
    let precision = measured().unwrap_or(Precision::F32);
    if let Some(Err(error)) = file.map(|file| remember(&file, machine, precision)) {
        debug!(%error, "which arithmetic is faster will be measured again");
    }
    precision
}

/// On a thread of its own, as the pipeline's workers have one each.
fn measured() -> Option<Precision> {
    let measure = || {
        Network::on_one_thread(Precision::Bf16);
        Precision::measured()
    };
    thread::spawn(measure).join().ok()?.ok()
}

fn known(file: &Path, machine: &str) -> Option<Precision> {
    let measured: Measured = serde_json::from_slice(&fs_err::read(file).ok()?).ok()?;
    let precision = if measured.bf16_is_faster { Precision::Bf16 } else { Precision::F32 };
    (measured.machine == machine).then_some(precision)
}

fn remember(file: &Path, machine: String, precision: Precision) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&Measured { machine, bf16_is_faster: precision == Precision::Bf16 })?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    fs_err::create_dir_all(folder)?;
    let new = tempfile::NamedTempFile::new_in(folder)?;
    fs_err::write(new.path(), text)?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_for_its_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/precision.json");
        assert_eq!(known(&file, "this"), None);
        for precision in [Precision::F32, Precision::Bf16] {
            remember(&file, "this".to_owned(), precision).unwrap();
            assert_eq!((known(&file, "this"), known(&file, "another")), (Some(precision), None));
        }
        fs_err::write(&file, "{").unwrap();
        assert_eq!(known(&file, "this"), None);
    }
}
