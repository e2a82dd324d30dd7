//! The dense stack.

use std::{borrow::Cow, collections::BTreeMap, panic::resume_unwind, thread};

use tch::Tensor;
use tl_kernels::dense;
use tl_torch::Array;

use crate::{config::HeadConfig, error::HeadError, initial::glorot_uniform};

/// Dense layers with relu between them and logits at the end: what is trained on features ([`crate::Backprop`]), saved, and
/// asked. It needs no libtorch; [`crate::TensorHead`] is its form for autograd.
///
/// Parameters are named as libtorch names them, `layers.{i}.weight` of shape `[outputs, inputs]` and
/// `layers.{i}.bias` of shape `[outputs]`, all f32.
#[derive(Debug, Clone)]
pub struct Head {
    config: HeadConfig,
    /// Weight and bias of each.
    layers: Vec<[Array; 2]>,
}

impl Head {
    /// A head to be trained: Keras's initial values, Glorot-uniform kernels and zero biases.
    ///
    /// The same seed gives the same bits on every platform.
    ///
    /// # Errors
    /// [`HeadError::Config`] for sizes that describe no head.
    pub fn new(config: &HeadConfig, seed: u64) -> Result<Self, HeadError> {
        config.check()?;
        let layer = |(i, (inputs, outputs)): (usize, (usize, usize))| {
            let weight = Array::new(glorot_uniform(inputs, outputs, seed, i), &[outputs, inputs])?;
            Ok([weight, Array::new(vec![0.0; outputs], &[outputs])?])
        };
        let layers = config.layers().enumerate().map(layer).collect::<Result<_, HeadError>>()?;
        Ok(Self { config: config.clone(), layers })
    }

    /// A head from saved parameters.
    ///
    /// # Errors
    /// [`HeadError::Config`] for sizes that describe no head; [`HeadError::Parameters`] lists all that is missing,
    /// unexpected or of another shape.
    pub fn from_arrays(config: &HeadConfig, arrays: BTreeMap<String, Array>) -> Result<Self, HeadError> {
        let shape = |array: &Array| array.shape().to_vec();
        Ok(Self { config: config.clone(), layers: layers_of(config, arrays, shape)? })
    }

    /// The same from tensors, whose values are copied.
    ///
    /// # Errors
    /// As [`Head::from_arrays`], and [`HeadError::Torch`] for values that cannot be copied.
    pub fn from_tensors<'a>(
        config: &HeadConfig,
        tensors: impl IntoIterator<Item = (String, &'a Tensor)>,
    ) -> Result<Self, HeadError> {
        let copy = |(name, tensor)| Ok((name, Array::of_tensor(tensor)?));
        Self::from_arrays(config, tensors.into_iter().map(copy).collect::<Result<_, HeadError>>()?)
    }

    /// Logits `[N, n_classes]` of features `[N, n_features]`, both row by row, on the thread of the caller; the same for a
    /// row whatever rows are beside it.
    ///
    /// # Errors
    /// [`HeadError::Shape`] for features that are not whole rows.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, HeadError> {
        check_rows(&self.config, features)?;
        let mut x = Cow::Borrowed(features);
        for (i, [weight, bias]) in self.layers.iter().enumerate() {
            let mut y = dense(&x, weight.values(), bias.values())?;
            if i + 1 < self.layers.len() {
                // Not `max`, which would hide that a number is none.
                y.iter_mut().filter(|y| **y < 0.0).for_each(|y| *y = 0.0);
            }
            x = Cow::Owned(y);
        }
        Ok(x.into_owned())
    }

    /// The same to the bit on up to `n_threads` threads.
    ///
    /// # Errors
    /// As [`Head::logits`].
    pub fn logits_on(&self, n_threads: usize, features: &[f32]) -> Result<Vec<f32>, HeadError> {
        check_rows(&self.config, features)?;
        let n_rows = features.len() / self.config.n_features;
        let n_each = n_rows.div_ceil(n_threads.max(1)).max(1);
        let parts: Vec<_> = thread::scope(|scope| {
            let of_part = |part| scope.spawn(move || self.logits(part));
            let threads: Vec<_> = features.chunks(n_each * self.config.n_features).map(of_part).collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
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
    pub fn parameters(&self) -> Vec<(String, &Array)> {
        named(&self.layers)
    }
}

/// Whether features are rows of the width that the head takes.
pub(crate) fn check_rows(config: &HeadConfig, features: &[f32]) -> Result<(), HeadError> {
    if features.len().is_multiple_of(config.n_features) {
        return Ok(());
    }
    let (expected, found) = (format!("[N, {}]", config.n_features), vec![features.len() as i64]);
    Err(HeadError::Shape { what: "features", expected, found })
}

pub(crate) fn weight_name(layer: usize) -> String {
    format!("layers.{layer}.weight")
}

pub(crate) fn bias_name(layer: usize) -> String {
    format!("layers.{layer}.bias")
}

/// Weights and biases with their names, from input to output.
pub(crate) fn named<T>(layers: &[[T; 2]]) -> Vec<(String, &T)> {
    let layers = layers.iter().enumerate();
    layers.flat_map(|(i, [weight, bias])| [(weight_name(i), weight), (bias_name(i), bias)]).collect()
}

/// The same back from named values; all that is missing, unexpected or of another shape is listed.
pub(crate) fn layers_of<T>(
    config: &HeadConfig,
    mut values: BTreeMap<String, T>,
    shape: impl Fn(&T) -> Vec<usize>,
) -> Result<Vec<[T; 2]>, HeadError> {
    config.check()?;
    check_parameters(config, &values.iter().map(|(name, value)| (name.clone(), shape(value))).collect())?;
    let layers = (0..=config.hidden.len()).filter_map(|i| {
        // The check above saw every name.
        Some([values.remove(&weight_name(i))?, values.remove(&bias_name(i))?])
    });
    Ok(layers.collect())
}

/// Compares names and shapes with the configuration's and reports every difference at once.
fn check_parameters(config: &HeadConfig, shapes: &BTreeMap<String, Vec<usize>>) -> Result<(), HeadError> {
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
