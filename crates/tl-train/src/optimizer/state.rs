//! Saved state and whether it fits.

use std::{collections::BTreeMap, fmt::Debug};

use tch::Tensor;

use crate::error::TrainError;

/// Names and shapes of tensors.
pub(crate) fn shapes(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, Vec<i64>> {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect()
}

/// Compares names and shapes, and lists everything that is missing, unexpected or of another shape.
///
/// `what` opens each sentence: "the optimizer's state".
pub(crate) fn check<S: Debug + PartialEq>(
    what: &str,
    expected: &BTreeMap<String, S>,
    found: &BTreeMap<String, S>,
) -> Result<(), TrainError> {
    let unfit = expected.iter().filter_map(|(name, shape)| match found.get(name) {
        None => Some(format!("{what} lacks {name}")),
        Some(found) if found != shape => Some(format!("{what} has {name} of shape {found:?} and not {shape:?}")),
        Some(_) => None,
    });
    let unexpected = found.keys().filter(|name| !expected.contains_key(*name));
    let problems: Vec<String> = unfit.chain(unexpected.map(|name| format!("{what} has an unknown {name}"))).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(TrainError::Options { problems }),
    }
}
