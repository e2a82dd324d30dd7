//! Checksums of all numbers of a model and of what its header says: answers on a few pictures hardly show that one number
//! of millions changed, and nothing of the names of classes.

use std::collections::BTreeMap;

use tl_backbone::Weights;
use tl_head::Head;
use tl_torch::Array;

/// Where that of the numbers stands in a bundle's header.
pub(crate) const FIELD: &str = "tensors_blake3";
/// Where that of all other fields stands.
pub(crate) const HEADER_FIELD: &str = "fields_blake3";
/// Where it stood before, as the hash of a text that compilers may write in other ways.
pub(crate) const OLD_HEADER_FIELD: &str = "header_blake3";

/// BLAKE3, in hexadecimal, of all fields of a header but its own: of names and values, each after its length in 8 bytes.
pub(crate) fn of_header(fields: &BTreeMap<String, String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in fields.iter().filter(|(name, _)| *name != HEADER_FIELD).flat_map(<[_; 2]>::from) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// What stands in the field of before.
fn of_old_header(fields: &BTreeMap<String, String>) -> String {
    let others: Vec<_> = fields.iter().filter(|(name, _)| *name != OLD_HEADER_FIELD).collect();
    blake3::hash(format!("{others:?}").as_bytes()).to_hex().to_string()
}

/// Whether a header says what it said when it was saved, as far as it can tell.
pub(crate) fn is_header_as_saved(fields: &BTreeMap<String, String>) -> bool {
    let is_as_saved = |field, now: fn(&_) -> String| fields.get(field).is_none_or(|was| *was == now(fields));
    is_as_saved(HEADER_FIELD, of_header) && is_as_saved(OLD_HEADER_FIELD, of_old_header)
}

/// BLAKE3, in hexadecimal, of name, shape and values (little-endian f32) of the tensors of backbone, head and answers.
pub(crate) fn of_numbers(weights: &Weights, head: &Head, answers: &Array) -> String {
    let mut hasher = blake3::Hasher::new();
    weights.arrays().for_each(|(name, array)| array.hash_into(name, &mut hasher));
    head.parameters().into_iter().for_each(|(name, array)| array.hash_into(&name, &mut hasher));
    answers.hash_into("answers", &mut hasher);
    hasher.finalize().to_hex().to_string()
}
