//! `MobileNet`s on one thread of a processor with AVX2, AVX-512 or AMX: from the bytes of a photo to its features, in kernels that
//! run at the speed at which the processor multiplies, on activations that stay in the core's own caches.
//!
//! It knows no weight files and no libtorch: layers come as slices of numbers with `BatchNorm` folded in.
//! For training heads there are products of matrices beside them, see [`multiply`], and for their answers [`dense`] layers.
//!
//! ```
//! use tl_kernels::{Activation, Conv, Layer, Network, NetworkOptions, Numbers};
//!
//! // Three channels in, sixteen out; each takes the mean of the greens of nine pixels.
//! let stem = Conv {
//!     n_in: 3,
//!     n_out: 16,
//!     kernel: 3,
//!     stride: 2,
//!     groups: 1,
//!     padding: 1,
//!     weight: (0..16 * 3 * 9).map(|i| if i / 9 % 3 == 1 { 1.0 / 9.0 } else { 0.0 }).collect(),
//!     bias: vec![0.0; 16],
//!     activation: Activation::Relu,
//!     range: (0.0, 0.0),
//!     means: Vec::new(),
//!     residual: None,
//! };
//! let options = NetworkOptions { numbers: Numbers::F32, instructions: None, side: 8, mean: [0.0; 3] };
//! if options.numbers.is_supported() {
//!     let mut network = Network::new(&[Layer::Conv(stem)], &options)?;
//!     let mut features = [0.0; 16];
//!     network.features(&[90; 8 * 8 * 3], &mut features)?;
//!     assert!(features.iter().all(|x| (70.0..90.0).contains(x))); // zeros beyond the edges
//! }
//! # Ok::<(), tl_kernels::KernelError>(())
//! ```

mod aligned;
mod dense;
mod error;
mod instructions;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod layer;
mod matrix;
mod numbers;
mod options;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod schedule;

#[cfg(not(target_arch = "x86_64"))]
mod elsewhere;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(not(target_arch = "x86_64"))]
use elsewhere::Processor;
#[cfg(target_arch = "x86_64")]
use x86::Processor;

pub use aligned::{Aligned, transpose};
pub use dense::dense;
#[cfg(not(target_arch = "x86_64"))]
pub use elsewhere::Network;
pub use error::KernelError;
pub use instructions::Instructions;
pub use layer::{Activation, Conv, Excite, Layer};
pub use matrix::{Matrix, multiply, multiply_by};
pub use numbers::Numbers;
pub use options::NetworkOptions;
#[cfg(target_arch = "x86_64")]
pub use x86::Network;
