//! Where to compute.

use anyhow::{Context, Result, bail};
use tch::Device;
use tl_torch::n_gpus;

/// Reads `auto`, `cpu`, `cuda` or `cuda:N`, checks that it is there, and takes f32 for f32 on it.
pub(crate) fn parse(text: &str) -> Result<Device> {
    let device = named(text)?;
    if device != Device::Cpu {
        tl_torch::exact_f32();
    }
    Ok(device)
}

fn named(text: &str) -> Result<Device> {
    let index = match text {
        "cpu" => return Ok(Device::Cpu),
        "auto" => return Ok(if n_gpus().is_ok_and(|n| n > 0) { Device::Cuda(0) } else { Device::Cpu }),
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
    };
    let Some(index) = index else { bail!("there is no device `{text}`; use auto, cpu, cuda or cuda:N") };
    let n_gpus = n_gpus().with_context(|| {
        format!(
            "device `{text}` is not here: use --device cpu, or `cargo xtask fetch --cuda` and build again on a machine with one"
        )
    })?;
    if n_gpus == 0 {
        bail!("device `{text}` is not here: libtorch sees no GPU, or no driver for one; use --device cpu");
    }
    if index >= n_gpus {
        bail!("device `{text}` is not here: there are {n_gpus} CUDA devices, counted from 0");
    }
    Ok(Device::Cuda(index))
}
