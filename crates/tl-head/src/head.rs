//! The dense stack.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::{config::HeadConfig, error::HeadError, initial::glorot_uniform};

/// Dense layers with relu between them and logits at the end.
///
/// Parameters are named as libtorch names them, `layers.{i}.weight` of shape `[outputs, inputs]` and
/// `layers.{i}.bias` of shape `[outputs]`, all f32.
#[derive(Debug)]
pub struct Head {
    config: HeadConfig,
    layers: Vec<Dense>,
}

/// `y = x·Wᵀ + b`.
#[derive(Debug)]
struct Dense {
    weight: Tensor,
    bias: Tensor,
}

impl Head {
    /// A head to be trained: Keras's initial values, Glorot-uniform kernels and zero biases.
    ///
    /// The same seed gives the same bits on every platform.
    pub fn new(config: &HeadConfig, seed: u64) -> Result<Self, HeadError> {
        config.check()?;
        let layer = |(i, (inputs, outputs)): (usize, (usize, usize))| {
            let kernel = glorot_uniform(inputs, outputs, seed, i);
            Ok(Dense {
                weight: tl_torch::tensor_from_f32(&kernel, &[outputs as i64, inputs as i64])?,
                bias: tl_torch::tensor_from_f32(&vec![0.0; outputs], &[outputs as i64])?,
            })
        };
        let layers = config.layers().enumerate().map(layer).collect::<Result<_, HeadError>>()?;
        Ok(Self { config: config.clone(), layers })
    }

    /// A head from saved parameters; all that is missing, unexpected or of another shape is listed.
    ///
    /// The tensors are converted to f32 where they are not, and taken without a copy where they are.
    pub fn from_tensors(config: &HeadConfig, mut tensors: BTreeMap<String, Tensor>) -> Result<Self, HeadError> {
        config.check()?;
        let shape = |tensor: &Tensor| tensor.size().into_iter().map(|side| side as usize).collect();
        check_parameters(config, &tensors.iter().map(|(name, tensor)| (name.clone(), shape(tensor))).collect())?;
        let mut take = |name: String| -> Result<Tensor, HeadError> {
            // The check above saw every name; an absent one would become an empty tensor, and forward would refuse it.
            Ok(tensors.remove(&name).unwrap_or_default().f_detach()?.f_to_kind(Kind::Float)?.f_contiguous()?)
        };
        let layers = (0..=config.hidden.len())
            .map(|i| Ok(Dense { weight: take(weight_name(i))?, bias: take(bias_name(i))? }))
            .collect::<Result<_, HeadError>>()?;
        Ok(Self { config: config.clone(), layers })
    }

    /// The same head on `device`: there already, it shares its numbers with this one.
    pub fn to_device(&self, device: Device) -> Result<Self, HeadError> {
        let moved = |(name, tensor): (String, &Tensor)| Ok((name, tensor.f_detach()?.f_to_device(device)?));
        Self::from_tensors(&self.config, self.parameters().into_iter().map(moved).collect::<Result<_, HeadError>>()?)
    }

    /// Logits `[N, n_classes] f32` of features `[N, n_features] f32`.
    pub fn forward(&self, features: &Tensor) -> Result<Tensor, HeadError> {
        self.check_features(features)?;
        let mut x = features.shallow_clone();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = x.f_relu_()?;
            }
            x = x.f_linear(&layer.weight, Some(&layer.bias))?;
        }
        Ok(x)
    }

    /// The sizes it was made with.
    #[must_use]
    pub fn config(&self) -> &HeadConfig {
        &self.config
    }

    /// Weights and biases together.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.config.n_parameters()
    }

    /// Every parameter with its name, from input to output.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, &Tensor)> {
        let names = |(i, layer)| {
            let Dense { weight, bias }: &Dense = layer;
            [(weight_name(i), weight), (bias_name(i), bias)]
        };
        self.layers.iter().enumerate().flat_map(names).collect()
    }

    /// The parameters as an optimizer takes them: handles to the head's own tensors, with gradients asked for.
    #[must_use]
    pub fn trainable(&self) -> Vec<(String, Tensor)> {
        let handle = |(name, tensor): (String, &Tensor)| (name, tensor.set_requires_grad(true));
        self.parameters().into_iter().map(handle).collect()
    }

    fn check_features(&self, features: &Tensor) -> Result<(), HeadError> {
        let found = features.size();
        if found.len() == 2 && found[1] == self.config.n_features as i64 {
            return Ok(());
        }
        Err(HeadError::Shape { what: "features", expected: format!("[N, {}]", self.config.n_features), found })
    }
}

pub(crate) fn weight_name(layer: usize) -> String {
    format!("layers.{layer}.weight")
}

pub(crate) fn bias_name(layer: usize) -> String {
    format!("layers.{layer}.bias")
}

/// Compares names and shapes with the configuration's and reports every difference at once.
pub(crate) fn check_parameters(config: &HeadConfig, shapes: &BTreeMap<String, Vec<usize>>) -> Result<(), HeadError> {
    let expected: BTreeMap<String, Vec<usize>> = config
        .layers()
        .enumerate()
        .flat_map(|(i, (inputs, outputs))| [(weight_name(i), vec![outputs, inputs]), (bias_name(i), vec![outputs])])
        .collect();
    let unfit = expected.iter().filter_map(|(name, shape)| match shapes.get(name) {
        None => Some(format!("{name} is missing")),
        Some(found) if found != shape => Some(format!("{name} has shape {found:?} and not {shape:?}")),
        Some(_) => None,
    });
    let unexpected = shapes.keys().filter(|name| !expected.contains_key(*name));
    let problems: Vec<String> = unfit.chain(unexpected.map(|name| format!("{name} is unexpected"))).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(HeadError::Parameters { config: config.to_string(), problems })
}
