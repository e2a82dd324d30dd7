//! Weights that have learnt nothing: what a network starts from without pretraining.

use std::{collections::BTreeMap, f32::consts::TAU};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tl_torch::tensor_from_f32;

use crate::{
    architecture::{Padding, TensorInfo},
    error::BackboneError,
    registry::Spec,
    weights::Weights,
};

impl Weights {
    /// Random weights as the network's own library starts from: for `MobileNet` V1 Keras's Glorot-uniform kernels, for
    /// the others torchvision's Kaiming-normal ones by fan-out (He et al. 2015); `BatchNorm` passes everything on.
    ///
    /// The numbers are from a generator of our own: the same seed gives the same bits everywhere. The top is zero.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when there is no memory for them.
    pub fn initial(spec: &'static Spec, seed: u64) -> Result<Self, BackboneError> {
        let architecture = (spec.architecture)();
        let mut rng = Pcg64::seed_from_u64(seed ^ 0x5EED_0F5C_4A7C_4000);
        let is_keras = architecture.padding == Padding::Same;
        let mut tensors = BTreeMap::new();
        for info in architecture.tensors() {
            let n: i64 = info.shape.iter().product();
            let values: Vec<f32> = (0..n).map(|_| value(&info, is_keras, &mut rng)).collect();
            tensors.insert(info.name.clone(), tensor_from_f32(&values, &info.shape)?);
        }
        Self::from_tensors(spec, tensors)
    }
}

/// One number of a tensor.
fn value(info: &TensorInfo, is_keras: bool, rng: &mut Pcg64) -> f32 {
    match info.shape[..] {
        [n_out, n_in, height, width] => {
            let (n_out, n_in, taps) = (n_out as f32, n_in as f32, (height * width) as f32);
            match is_keras {
                // Keras counts a depthwise kernel as [K, K, C, 1].
                true => (6.0 / (taps * (n_in + n_out))).sqrt() * (2.0 * uniform(rng) - 1.0),
                false => (2.0 / (taps * n_out)).sqrt() * normal(rng),
            }
        }
        [_] if info.name.ends_with("running_var") || info.name.ends_with("weight") => 1.0,
        _ => 0.0,
    }
}

/// In (0, 1).
fn uniform(rng: &mut Pcg64) -> f32 {
    ((rng.next_u32() >> 8) as f32 + 0.5) / (1 << 24) as f32
}

/// From the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut Pcg64) -> f32 {
    (-2.0 * uniform(rng).ln()).sqrt() * (TAU * uniform(rng)).cos()
}
