//! Buffers of a batch on its way through a dense stack and back, and the work on them.

use rayon::ThreadPool;
use tch::{Device, Kind, Tensor};

use crate::{
    backprop::Layer,
    error::HeadError,
    task::{self, Scratch, Taker, Task, inputs, outputs, weights},
};

/// What a layer gives, both ways round.
#[derive(Debug)]
pub(crate) struct Activations {
    /// `[width, N]`, so that a block of outputs is one piece of memory.
    pub(crate) values: Tensor,
    /// `[N, width]`.
    pub(crate) turned: Tensor,
}

impl Activations {
    fn new(width: i64, n: i64) -> Result<Self, tch::TchError> {
        Ok(Self { values: buffer(width, n)?, turned: buffer(n, width)? })
    }
}

fn buffer(rows: i64, columns: i64) -> Result<Tensor, tch::TchError> {
    Tensor::f_zeros([rows, columns], (Kind::Float, Device::Cpu))
}

/// Buffers for one batch size and the work on them.
#[derive(Debug)]
pub(crate) struct Pass {
    features: Activations,
    /// `[N, n_classes]`.
    pub(crate) logits: Tensor,
    /// `[N, n_classes]`, a view: what the loss says of the logits.
    logits_gradient: Tensor,
    /// A stage is a layer.
    forward: Vec<Vec<Task>>,
    /// A stage is the gradient of a layer's weight, and that of the inputs of the layer before: when a weight's gradient is
    /// known nobody reads the weight any more.
    backward: Vec<Vec<Task>>,
}

impl Pass {
    pub(crate) fn new(layers: &[Layer], gradients: &[Tensor], n: i64) -> Result<Self, tch::TchError> {
        let features = Activations::new(layers.first().map_or(0, |layer| layer.weight.size()[1]), n)?;
        let mut input =
            Activations { values: features.values.shallow_clone(), turned: features.turned.shallow_clone() };
        let mut input_gradient = None;
        let (mut forward, mut backward, mut to_inputs) = (Vec::new(), Vec::new(), Vec::new());
        for (i, layer) in layers.iter().enumerate() {
            let width = layer.weight.size()[0];
            let (output, gradient) = (Activations::new(width, n)?, buffer(width, n)?);
            forward.push(outputs(layer, &input, &output, i + 1 < layers.len())?);
            let mut tasks = weights(i, &gradient, &input, &gradients[2 * i], &gradients[2 * i + 1])?;
            tasks.append(&mut to_inputs);
            backward.push(tasks);
            if let Some(input_gradient) = &input_gradient {
                to_inputs = inputs(layer, &gradient, &input, input_gradient)?;
            }
            (input, input_gradient) = (output, Some(gradient));
        }
        backward.push(to_inputs);
        backward.reverse();
        let logits_gradient = input_gradient.unwrap_or_else(|| input.values.shallow_clone()).f_tr()?;
        Ok(Self { features, logits: input.turned, logits_gradient, forward, backward })
    }

    pub(crate) fn forward(&mut self, features: &Tensor, pool: &ThreadPool) -> Result<(), HeadError> {
        if features.size() != self.features.turned.size() {
            let expected = format!("{:?}", self.features.turned.size());
            return Err(HeadError::Shape { what: "features", expected, found: features.size() });
        }
        self.features.turned.f_copy_(features)?;
        self.features.values.f_copy_(&features.f_tr()?)?;
        self.forward.iter_mut().try_for_each(|stage| task::run(stage, pool, None))
    }

    /// The value of the loss; what it says of the logits is where the way back begins.
    pub(crate) fn lose(&mut self, loss: &Tensor, logits: &Tensor) -> Result<f64, HeadError> {
        let value = loss.f_double_value(&[])?;
        let gradient = Tensor::f_run_backward(&[loss], &[logits], false, false)?;
        self.logits_gradient.f_copy_(&gradient[0])?;
        Ok(value)
    }

    pub(crate) fn backward(
        &mut self,
        pool: &ThreadPool,
        taker: Option<(Taker<'_>, &Scratch)>,
    ) -> Result<(), HeadError> {
        self.backward.iter_mut().try_for_each(|stage| task::run(stage, pool, taker))
    }
}
