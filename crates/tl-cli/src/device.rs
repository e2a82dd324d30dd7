//! Where to compute.

use anyhow::{Context, Result, bail};
use tch::Device;
use tl_torch::{cuda_if_available, n_gpus};
use tl_train::{Recipe, TrainOptions};

use crate::args::GlobalArgs;

/// What is asked of the network, which decides where `auto` computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// Features, once for each photo. The processor has them before a GPU has started, and its bits repeat.
    Frozen,
    /// Gradients, epoch after epoch, which a GPU computes many times faster.
    Trained,
}

impl Network {
    /// What a run with these settings asks of it.
    fn of_run(options: &TrainOptions) -> Self {
        match options.recipe {
            Recipe::Features => Self::Frozen,
            Recipe::Finetune | Recipe::Notebook | Recipe::Scratch => Self::Trained,
        }
    }
}

/// Where a run computes. Puts into its settings what `auto` stands for, so that a run that is resumed goes on where it
/// began, or says that this is not here.
pub(crate) fn settle(options: &mut TrainOptions) -> Result<Device> {
    let device = parse(&options.device, Network::of_run(options))?;
    if options.device == "auto" {
        options.device = String::from(if device == Device::Cpu { "cpu" } else { "cuda" });
    }
    Ok(device)
}

/// Where the flags want a network that stays as it is.
pub(crate) fn frozen(global: &GlobalArgs) -> Result<Device> {
    parse(global.device.as_deref().unwrap_or("auto"), Network::Frozen)
}

/// Reads `auto`, `cpu`, `cuda` or `cuda:N`, checks that it is there, and takes f32 for f32 on it.
fn parse(text: &str, network: Network) -> Result<Device> {
    let device = named(text, network)?;
    if device != Device::Cpu {
        tl_torch::exact_f32();
    }
    Ok(device)
}

/// Whether `text` names a device, here or elsewhere.
pub(crate) fn check(text: &str) -> Result<()> {
    index(text).map(drop)
}

/// Which GPU `text` names; none for `auto` and `cpu`.
fn index(text: &str) -> Result<Option<usize>> {
    let index = match text {
        "auto" | "cpu" => return Ok(None),
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
    };
    if index.is_none() {
        bail!("there is no device `{text}`; use auto, cpu, cuda or cuda:N");
    }
    Ok(index)
}

fn named(text: &str, network: Network) -> Result<Device> {
    let Some(index) = index(text)? else {
        // To ask for GPUs loads the libtorch for them, which alone takes longer than features of a few hundred photos.
        let asks = text == "auto" && network == Network::Trained;
        return Ok(if asks { cuda_if_available() } else { Device::Cpu });
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_processor_for_a_frozen_network() {
        let settled = |recipe: Recipe, device: &str| {
            let mut options = TrainOptions { device: device.to_owned(), ..recipe.options() };
            settle(&mut options).map(|device| (device, options.device))
        };
        let cpu = || (Device::Cpu, "cpu".to_owned());
        assert_eq!(settled(Recipe::Features, "auto").unwrap(), cpu());
        assert_eq!(settled(Recipe::Finetune, "cpu").unwrap(), cpu());
        let here = match cuda_if_available() {
            Device::Cpu => cpu(),
            gpu => (gpu, "cuda".to_owned()),
        };
        for recipe in [Recipe::Finetune, Recipe::Notebook, Recipe::Scratch] {
            assert_eq!(settled(recipe, "auto").unwrap(), here);
        }
        for error in [settled(Recipe::Features, "gpu").unwrap_err(), check("gpu").unwrap_err()] {
            assert!(error.to_string().contains("use auto, cpu, cuda or cuda:N"));
        }
        check("cuda:3").unwrap();
    }
}
