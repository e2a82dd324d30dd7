//! Bytes of a file to pixels of a geometry.

mod bit_reader;
mod huffman;
mod idct;
mod jpeg;
mod jpeg_header;
mod orientation;
mod picture;
mod reader;
mod reduced;
mod still;
mod view;
mod warp;

pub use self::reader::PhotoReader;
