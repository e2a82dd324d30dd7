//! Which optimizer, with which constants.

use serde::{Deserialize, Serialize};

/// An optimizer and its constants; the learning rate comes with each step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam, or with weight decay `AdamW`.
    Adam(AdamConfig),
    /// Stochastic gradient descent.
    Sgd(SgdConfig),
    /// `RMSprop`, with which the `MobileNets` were trained.
    RmsProp(RmsPropConfig),
    /// Lion, the sign of a momentum.
    Lion(LionConfig),
}

/// Constants of Adam (Kingma and Ba 2015, arXiv:1412.6980) and `AdamW` (Loshchilov and Hutter 2019, arXiv:1711.05101).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the mean of gradients, 0 or more and below 1.
    pub beta1: f64,
    /// Decay of the mean of their squares, 0 or more and below 1.
    pub beta2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// What epsilon is added to.
    pub epsilon_at: EpsilonAt,
    /// Decoupled decay of weights, times the learning rate at each step; biases and norms are spared.
    pub weight_decay: f64,
}

/// What Adam's epsilon is added to; the frameworks differ, and in the first steps it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpsilonAt {
    /// `sqrt(v)` before its bias is corrected: Keras, and "epsilon hat" of the paper.
    Raw,
    /// `sqrt(v)` after its bias is corrected: PyTorch, and algorithm 1 of the paper.
    Corrected,
}

/// Constants of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Decay of the running sum of gradients, 0 or more and below 1.
    pub momentum: f64,
    /// Whether to look one step ahead along the momentum (Sutskever et al. 2013).
    pub nesterov: bool,
    /// Weight times this is added to the gradient; biases and norms are spared.
    pub weight_decay: f64,
}

/// Constants of `RMSprop` (Tieleman and Hinton 2012) as PyTorch has it: epsilon beside the root, not under it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Decay of the mean of squared gradients, 0 or more and below 1; PyTorch calls it alpha.
    pub decay: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Decay of the running sum of steps, 0 or more and below 1.
    pub momentum: f64,
    /// Weight times this is added to the gradient; biases and norms are spared.
    pub weight_decay: f64,
}

/// Constants of Lion (Chen et al. 2023, arXiv:2302.06675). Each step moves every parameter by the learning rate, so
/// that it wants one three to ten times smaller than Adam's, and a weight decay as much larger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LionConfig {
    /// Share of the momentum in a step's direction, 0 or more and below 1.
    pub beta1: f64,
    /// Decay of the momentum, 0 or more and below 1.
    pub beta2: f64,
    /// Decoupled decay of weights, times the learning rate at each step; biases and norms are spared.
    pub weight_decay: f64,
}

impl OptimizerConfig {
    /// Adam with Keras's defaults: betas 0.9 and 0.999, epsilon 1e-7 on the raw second moment. Its usual learning
    /// rate is 1e-3.
    #[must_use]
    pub fn adam_keras() -> Self {
        let epsilon_at = EpsilonAt::Raw;
        Self::Adam(AdamConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, epsilon_at, weight_decay: 0.0 })
    }

    /// Adam with PyTorch's defaults: betas 0.9 and 0.999, epsilon 1e-8 on the corrected second moment.
    #[must_use]
    pub fn adam_torch() -> Self {
        Self::adamw(0.0)
    }

    /// `AdamW` with PyTorch's other defaults; its decay is 0.01 where nothing else is wanted.
    #[must_use]
    pub fn adamw(weight_decay: f64) -> Self {
        let epsilon_at = EpsilonAt::Corrected;
        Self::Adam(AdamConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, epsilon_at, weight_decay })
    }

    /// Stochastic gradient descent with momentum as PyTorch defines it: the learning rate scales the step, not the sum.
    #[must_use]
    pub fn sgd(momentum: f64, nesterov: bool) -> Self {
        Self::Sgd(SgdConfig { momentum, nesterov, weight_decay: 0.0 })
    }

    /// `RMSprop` with PyTorch's defaults and a momentum; its usual learning rate is 1e-3.
    #[must_use]
    pub fn rmsprop(momentum: f64) -> Self {
        Self::RmsProp(RmsPropConfig { decay: 0.99, epsilon: 1e-8, momentum, weight_decay: 0.0 })
    }

    /// Lion with the paper's betas, 0.9 and 0.99; its usual learning rate is 1e-4.
    #[must_use]
    pub fn lion(weight_decay: f64) -> Self {
        Self::Lion(LionConfig { beta1: 0.9, beta2: 0.99, weight_decay })
    }

    /// The decay of weights where a group says nothing else.
    pub(crate) fn weight_decay(&self) -> f64 {
        match self {
            Self::Adam(AdamConfig { weight_decay, .. })
            | Self::Sgd(SgdConfig { weight_decay, .. })
            | Self::RmsProp(RmsPropConfig { weight_decay, .. })
            | Self::Lion(LionConfig { weight_decay, .. }) => *weight_decay,
        }
    }

    /// Puts these in the place of its betas, where it has any.
    pub(crate) fn set_betas(&mut self, first: Option<f64>, second: Option<f64>) {
        if let Self::Adam(AdamConfig { beta1, beta2, .. }) | Self::Lion(LionConfig { beta1, beta2, .. }) = self {
            (*beta1, *beta2) = (first.unwrap_or(*beta1), second.unwrap_or(*beta2));
        }
    }

    /// What keeps a division finite, where there is one.
    pub(crate) fn epsilon(&self) -> Option<f64> {
        match self {
            Self::Adam(AdamConfig { epsilon, .. }) | Self::RmsProp(RmsPropConfig { epsilon, .. }) => Some(*epsilon),
            Self::Sgd(_) | Self::Lion(_) => None,
        }
    }

    /// Puts this in the place of its epsilon, where it has one.
    pub(crate) fn set_epsilon(&mut self, value: Option<f64>) {
        if let Self::Adam(AdamConfig { epsilon, .. }) | Self::RmsProp(RmsPropConfig { epsilon, .. }) = self {
            *epsilon = value.unwrap_or(*epsilon);
        }
    }

    pub(crate) fn set_weight_decay(&mut self, value: f64) {
        match self {
            Self::Adam(AdamConfig { weight_decay, .. })
            | Self::Sgd(SgdConfig { weight_decay, .. })
            | Self::RmsProp(RmsPropConfig { weight_decay, .. })
            | Self::Lion(LionConfig { weight_decay, .. }) => *weight_decay = value,
        }
    }

    /// Names of the tensors that are kept for each parameter.
    pub(super) fn state_names(&self) -> &'static [&'static str] {
        match self {
            Self::Adam(_) => &["mean", "mean_square"],
            Self::Sgd(config) if config.momentum > 0.0 => &["velocity"],
            Self::Sgd(_) => &[],
            Self::RmsProp(config) if config.momentum > 0.0 => &["mean_square", "velocity"],
            Self::RmsProp(_) => &["mean_square"],
            Self::Lion(_) => &["mean"],
        }
    }

    /// A sentence for every constant outside its range.
    pub(crate) fn problems(&self) -> Vec<String> {
        let (decays, others) = match self {
            Self::Adam(c) => (
                vec![("beta1", c.beta1), ("beta2", c.beta2)],
                vec![("epsilon", c.epsilon), ("weight_decay", c.weight_decay)],
            ),
            Self::Sgd(c) => (vec![("momentum", c.momentum)], vec![("weight_decay", c.weight_decay)]),
            Self::RmsProp(c) => (
                vec![("decay", c.decay), ("momentum", c.momentum)],
                vec![("epsilon", c.epsilon), ("weight_decay", c.weight_decay)],
            ),
            Self::Lion(c) => (vec![("beta1", c.beta1), ("beta2", c.beta2)], vec![("weight_decay", c.weight_decay)]),
        };
        let decays = decays.into_iter().filter(|(_, value)| !(0.0..1.0).contains(value));
        let others = others.into_iter().filter(|(_, value)| !(0.0..=f64::from(f32::MAX)).contains(value));
        let decays = decays.map(|(name, value)| format!("{name} is {value}, but it must be 0 or more and below 1"));
        let others = others.map(|(name, value)| format!("{name} is {value}, but it must be 0 or more"));
        let lonely = matches!(self, Self::Sgd(c) if c.nesterov && c.momentum == 0.0);
        let lonely = lonely.then(|| "nesterov needs a momentum above 0 (0.9 is usual)".to_owned());
        decays.chain(others).chain(lonely).collect()
    }
}
