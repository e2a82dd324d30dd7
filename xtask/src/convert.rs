//! Weight files of other projects become safetensors with the parameter names of torchvision and timm.

pub mod graphdef;
pub mod mobilenet_v1;
pub mod pickle;
pub mod tensors;
pub mod torch_file;

use anyhow::Result;
use serde::Deserialize;

/// What a published weight file is, and so how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A state dict of torch, zip or legacy, whose names stay as they are.
    TorchStateDict,
    /// A frozen TensorFlow graph of MobileNet V1.
    MobilenetV1Graphdef,
}

/// The safetensors file that the weight file `bytes` becomes.
///
/// # Errors
/// A file that is damaged, or is not of this format.
pub fn convert(format: Format, bytes: &[u8]) -> Result<Vec<u8>> {
    let tensors = match format {
        Format::TorchStateDict => torch_file::read_state_dict(bytes)?,
        Format::MobilenetV1Graphdef => mobilenet_v1::convert(&graphdef::read_constants(bytes, "MobilenetV1/")?)?,
    };
    tensors::to_safetensors(&tensors)
}
