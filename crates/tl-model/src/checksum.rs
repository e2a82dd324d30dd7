//! A checksum of all numbers of a model: answers on a few pictures hardly show that one of millions changed.

use tl_backbone::Weights;
use tl_head::Head;
use tl_torch::Array;

/// Where it stands in a bundle's header.
pub(crate) const FIELD: &str = "tensors_blake3";

/// BLAKE3, in hexadecimal, of name, shape and values (little-endian f32) of the tensors of backbone, head and answers.
pub(crate) fn checksum(weights: &Weights, head: &Head, answers: &Array) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &str, array: &Array| {
        hasher.update(format!("{name} {:?}\n", array.shape()).as_bytes());
        hasher.update(array.bytes());
    };
    weights.arrays().for_each(|(name, array)| add(name, array));
    head.parameters().into_iter().for_each(|(name, array)| add(&name, array));
    add("answers", answers);
    hasher.finalize().to_hex().to_string()
}
