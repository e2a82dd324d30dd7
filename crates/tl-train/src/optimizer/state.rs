//! Saved state and whether it fits.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::error::TrainError;

/// Compares names and shapes, and lists everything that is missing, unexpected or of another shape.
///
/// `what` opens each sentence: "the optimizer's state".
pub(crate) fn check(
    what: &str,
    expected: &BTreeMap<String, Vec<i64>>,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<(), TrainError> {
    let unfit = expected.iter().filter_map(|(name, shape)| match tensors.get(name).map(Tensor::size) {
        None => Some(format!("{what} lacks {name}")),
        Some(found) if found != *shape => Some(format!("{what} has {name} of shape {found:?} and not {shape:?}")),
        Some(_) => None,
    });
    let unexpected = tensors.keys().filter(|name| !expected.contains_key(*name));
    let problems: Vec<String> = unfit.chain(unexpected.map(|name| format!("{what} has an unknown {name}"))).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(TrainError::Options { problems }),
    }
}
