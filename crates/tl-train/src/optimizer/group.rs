//! Parameters that share a learning rate.

use std::collections::BTreeSet;

use tch::Tensor;

/// Parameters that take steps of their own size, such as a stage of a network.
#[derive(Debug)]
pub struct Group {
    /// What it is, for messages.
    pub name: String,
    /// Times the learning rate of each step: 0 or more.
    pub lr_scale: f64,
    /// Decay of its weights, instead of the optimizer's; biases and norms are spared in any case.
    pub weight_decay: Option<f64>,
    /// Handles to the tensors that the model uses, each with a name that no other group has.
    pub parameters: Vec<(String, Tensor)>,
}

impl Group {
    /// Parameters at the learning rate and weight decay of the optimizer.
    #[must_use]
    pub fn new(name: &str, parameters: Vec<(String, Tensor)>) -> Self {
        Self { name: name.to_owned(), lr_scale: 1.0, weight_decay: None, parameters }
    }
}

/// A sentence for everything that makes the groups unusable.
pub(super) fn problems(groups: &[Group]) -> Vec<String> {
    let is_usable = |value: f64| value.is_finite() && value >= 0.0;
    let numbers = groups.iter().flat_map(|group| {
        let Group { name, lr_scale, .. } = group;
        let decay = group.weight_decay.unwrap_or(0.0);
        [("lr_scale", *lr_scale), ("weight_decay", decay)]
            .into_iter()
            .filter(move |(_, value)| !is_usable(*value))
            .map(move |(what, value)| format!("{what} of group `{name}` is {value}, but it must be 0 or more"))
    });
    let mut seen = BTreeSet::new();
    let names = groups.iter().flat_map(|group| group.parameters.iter().map(|(name, _)| name));
    let twice = names.filter(|name| !seen.insert(*name)).map(|name| format!("two parameters are named {name}"));
    numbers.chain(twice).collect()
}
