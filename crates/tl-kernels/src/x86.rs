//! The kernels for x86-64 with AVX-512.
//!
//! A line is sixteen channels of a pixel: a register, and a line of the cache. Every function that is marked with
//! `target_feature` is called from others that are marked so, up to [`Network`], which asks the processor first.

mod clamp;
mod depthwise;
mod excite;
mod lanes;
mod map;
mod network;
mod packing;
mod pointwise;
mod product;
mod rounding;
mod stem;
mod tile;

pub use network::Network;
pub(crate) use product::multiply;
