//! Where to compute.

use anyhow::{Result, bail};
use tch::{Cuda, Device};

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
        // That libtorch sees no GPUs, and to ask it would load it.
        "auto" if cfg!(lazy_libtorch) => return Ok(Device::Cpu),
        "auto" => return Ok(Device::cuda_if_available()),
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
    };
    let Some(index) = index else { bail!("there is no device `{text}`; use auto, cpu, cuda or cuda:N") };
    let n_devices = usize::try_from(Cuda::device_count()).unwrap_or(0);
    if n_devices == 0 {
        bail!(
            "device `{text}` is not here: this libtorch sees no CUDA device; use --device cpu, or `cargo xtask fetch --cuda` on a \
             machine with one"
        );
    }
    if index >= n_devices {
        bail!("device `{text}` is not here: there are {n_devices} CUDA devices, counted from 0");
    }
    Ok(Device::Cuda(index))
}
