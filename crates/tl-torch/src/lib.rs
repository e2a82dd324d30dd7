//! What libtorch has and `tch` does not wrap: checked conversions between slices and tensors, the
//! channels-last layout, convolution fused with its activation on pre-packed weights, its gradients, operations on lists
//! of tensors, the way to a GPU, thread settings, processor capability, allocator settings, and arrays, which become tensors
//! only when they are asked to. It does not know networks, weights or photos. All `unsafe` code of the workspace but that
//! of the kernels is here, behind functions that check what they are given.
//!
//! ```
//! use tl_torch::{Activation, Conv, ConvOptions, tensor_from_f32, to_vec_f32};
//!
//! // A 1x1 convolution that doubles its input, then ReLU6.
//! let weight = tensor_from_f32(&[2.0], &[1, 1, 1, 1])?;
//! let bias = tensor_from_f32(&[0.0], &[1])?;
//! let options = ConvOptions { activation: Activation::Relu6, ..ConvOptions::default() };
//! let conv = Conv::new(&weight, &bias, [1, 1, 2, 2], &options)?;
//! let input = tensor_from_f32(&[-1.0, 1.0, 2.0, 9.0], &[1, 1, 2, 2])?;
//! assert_eq!(to_vec_f32(&conv.forward(&input)?)?, [0.0, 2.0, 4.0, 6.0]);
//! # Ok::<(), tl_torch::TorchError>(())
//! ```

mod activation;
mod allocator;
mod array;
mod array_file;
mod byte_conv;
mod byte_scale;
mod conv;
mod conv_backward;
mod convert;
mod cpu;
mod destructors;
mod error;
mod exact_f32;
mod ffi;
mod gpus;
mod header;
mod layout;
mod linear;
mod list_ffi;
mod tensor_list;
mod threads;
mod upload;

pub use activation::Activation;
pub use allocator::keep_allocations;
pub use array::Array;
pub use array_file::ArrayFile;
pub use byte_conv::ByteConvScales;
pub use byte_scale::ByteScale;
pub use conv::{Conv, ConvOptions, Engine};
pub use conv_backward::{ConvGradients, conv_backward};
pub use convert::{deep_copy, f32_mut, f32_slice, tensor_from_f32, tensor_from_u8, to_vec_f32, to_vec_u8, u8_slice};
pub use cpu::{CpuCapability, libtorch_version};
pub use destructors::{exit_now, skip_destructors};
pub use error::TorchError;
pub use exact_f32::exact_f32;
pub use gpus::{cuda_if_available, n_gpus};
pub use header::write_safetensors_header;
pub use layout::{channels_last, empty_channels_last, is_channels_last};
pub use linear::Linear;
pub use tensor_list::{TensorList, all_to_kind};
pub use threads::{LoadingAhead, set_intra_op_threads, thread_pool};
pub use upload::{upload, upload_u8};
