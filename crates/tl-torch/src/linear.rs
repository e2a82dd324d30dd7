//! A linear layer with its activation in one pass over memory.

use tch::Tensor;

use crate::{
    activation::Activation,
    conv::Engine,
    error::TorchError,
    ffi::{self, OwnedLayer},
};

/// `activation(x W^T + b)` with its weights packed for one batch size. Keeps no gradients.
#[derive(Debug)]
pub struct Linear {
    form: Form,
    n_in: i64,
}

#[derive(Debug)]
enum Form {
    Fused(OwnedLayer),
    Plain { weight: Tensor, bias: Tensor, activation: Activation },
}

impl Linear {
    /// Packs `weight` `[n_out, n_in]` and `bias` `[n_out]`, both f32 or both bf16, for inputs `[batch, n_in]`
    /// of the same kind. Other batch sizes work too, only less well.
    ///
    /// # Errors
    /// [`TorchError::Weights`] for weights and bias that do not fit each other, [`TorchError::Libtorch`] when libtorch
    /// refuses.
    pub fn new(
        weight: &Tensor,
        bias: &Tensor,
        batch: i64,
        activation: Activation,
        engine: Engine,
    ) -> Result<Self, TorchError> {
        let _guard = tch::no_grad_guard();
        let shape = weight.size();
        if shape.len() != 2 || bias.size() != [shape[0]] {
            let n_in = shape.last().copied().unwrap_or(0);
            return Err(TorchError::Weights { weight: shape, bias: bias.size(), groups: 1, n_in });
        }
        let weight = weight.f_contiguous()?;
        let form = match engine.is_fused(weight.kind()) {
            true => Form::Fused(fused(&weight, bias, batch, activation)?),
            false => Form::Plain { weight: weight.shallow_clone(), bias: bias.shallow_clone(), activation },
        };
        Ok(Self { form, n_in: shape[1] })
    }

    /// `[N, n_out]` of `input` `[N, n_in]`.
    ///
    /// # Errors
    /// [`TorchError::Input`] for an input of another shape, [`TorchError::Libtorch`] when libtorch refuses.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        let found = input.size();
        if found.len() != 2 || found[1] != self.n_in {
            return Err(TorchError::Input { operation: "linear layer", wanted: vec![-1, self.n_in], found });
        }
        match &self.form {
            Form::Fused(layer) => layer.forward(input),
            Form::Plain { weight, bias, activation } => {
                let _guard = tch::no_grad_guard();
                activation.apply(&input.f_linear(weight, Some(bias))?)
            }
        }
    }
}

#[allow(unsafe_code)]
fn fused(weight: &Tensor, bias: &Tensor, batch: i64, activation: Activation) -> Result<OwnedLayer, TorchError> {
    // SAFETY: both tensors live through the call, and their shapes fit each other.
    OwnedLayer::create(|layer| unsafe {
        ffi::tlt_linear_new(weight.as_ptr(), bias.as_ptr(), batch, activation.code(), layer)
    })
}
