//! The kernels for x86-64.
//!
//! They are written once, over [`registers::Registers`] of sixteen f32, and compiled for each set of instructions:
//! [`avx512`] and [`avx2`] say what the instructions are, and which sizes of tiles suit them. Tiles of AMX are beside the
//! former. [`processor`] asks the
//! processor first.
#![allow(clippy::inline_always, reason = "a function that is not inlined is compiled without the instructions")]

mod avx2;
mod avx512;
mod clamp;
mod depthwise;
mod excite;
mod layout;
mod lines;
mod map;
mod network;
mod packing;
mod pointwise;
mod processor;
mod product;
mod registers;
mod rounding;
mod stem;
mod tile;
mod tile_data;
mod weight_row;

pub use network::Network;
pub(crate) use processor::Processor;
pub(crate) use tile_data::has_tiles;
