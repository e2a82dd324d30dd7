//! Loss and gradients of a dense stack, written out.

use std::collections::{BTreeMap, btree_map::Entry};

use rayon::{ThreadPool, prelude::*};
use tch::{Kind, Tensor};

use crate::{error::HeadError, head::Head};

/// Rows of a weight matrix that one task works on. A constant, because how a product is cut up decides its
/// rounding, and the bits must not depend on the number of threads.
const BLOCK: i64 = 128;

/// Computes gradients of a [`Head`] again and again: the step that training repeats most.
///
/// Autograd would record each step anew, allocate every intermediate, and use one core where bits must not
/// depend on threads. Here the products are cut into blocks once, into buffers that stay, and the blocks of
/// a layer are shared among the threads of a pool. The gradients are those of autograd but for rounding
/// (Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors").
#[derive(Debug)]
pub struct Backprop {
    layers: Vec<Layer>,
    /// Weight and bias of each layer in turn, as [`Head::parameters`] lists them.
    gradients: Vec<Tensor>,
    /// Buffers and tasks for each batch size seen: the usual one and that of the last batch.
    passes: BTreeMap<i64, Pass>,
}

/// The head's own tensors, without their gradients' bookkeeping.
#[derive(Debug)]
struct Layer {
    weight: Tensor,
    bias: Tensor,
}

impl Backprop {
    /// For `head`, whose parameters are read where they are: steps of an optimizer on them are seen.
    pub fn new(head: &Head) -> Result<Self, HeadError> {
        let parameters = head.parameters();
        let detached = parameters.iter().map(|(_, t)| t.f_detach()).collect::<Result<Vec<_>, _>>()?;
        let gradients = detached.iter().map(Tensor::f_zeros_like).collect::<Result<_, _>>()?;
        let layers = detached
            .chunks_exact(2)
            .map(|pair| Layer { weight: pair[0].shallow_clone(), bias: pair[1].shallow_clone() })
            .collect();
        Ok(Self { layers, gradients, passes: BTreeMap::new() })
    }

    /// Computes `loss` on the logits of `features` `[N, n_features] f32` and all gradients of it.
    ///
    /// `loss` maps logits `[N, n_classes]` to a scalar with its graph. Returns the logits, without graph and
    /// valid until the next call, and the value of the loss. `pool` must hold libtorch to one thread in each
    /// of its threads, as that of [`tl_torch::thread_pool`] does.
    pub fn run<E: From<HeadError>>(
        &mut self,
        features: &Tensor,
        pool: &ThreadPool,
        loss: impl FnOnce(&Tensor) -> Result<Tensor, E>,
    ) -> Result<(Tensor, f64), E> {
        let pass = self.pass(features)?;
        pass.forward(features, pool)?;
        let logits = pass.logits.f_detach().map_err(HeadError::from)?.set_requires_grad(true);
        let loss = loss(&logits)?;
        let value = pass.backward(&loss, &logits, pool)?;
        Ok((logits.f_detach().map_err(HeadError::from)?, value))
    }

    /// The logits of `features` `[N, n_features] f32`, `[N, n_classes]` and valid until the next call for `N` rows: those
    /// of [`Head::forward`] but for rounding, on all threads of the pool and to the same bits for any number of them.
    pub fn logits(&mut self, features: &Tensor, pool: &ThreadPool) -> Result<Tensor, HeadError> {
        let pass = self.pass(features)?;
        pass.forward(features, pool)?;
        Ok(pass.logits.shallow_clone())
    }

    /// The buffers for as many rows as there are in `features`.
    fn pass(&mut self, features: &Tensor) -> Result<&mut Pass, HeadError> {
        let n = features.size().first().copied().unwrap_or(0);
        match self.passes.entry(n) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => Ok(new.insert(Pass::new(&self.layers, &self.gradients, n)?)),
        }
    }

    /// The gradients of the last [`Backprop::run`], in the order of [`Head::parameters`]: handles, not copies.
    #[must_use]
    pub fn gradients(&self) -> Vec<Tensor> {
        self.gradients.iter().map(Tensor::shallow_clone).collect()
    }
}

/// Buffers for one batch size and the work on them. Activations lie as `[width, N]`, so that a block of
/// outputs is one piece of memory.
#[derive(Debug)]
struct Pass {
    /// `[N, n_features]`.
    features: Tensor,
    /// `[N, n_classes]`, a view.
    logits: Tensor,
    /// `[N, n_classes]`, a view: what the loss says of the logits.
    logits_gradient: Tensor,
    /// A stage is a layer; its tasks do not touch each other's outputs.
    forward: Vec<Vec<Task>>,
    backward: Vec<Vec<Task>>,
}

impl Pass {
    fn new(layers: &[Layer], gradients: &[Tensor], n: i64) -> Result<Self, tch::TchError> {
        let buffer = |rows: i64, columns: i64| Tensor::f_zeros([rows, columns], (Kind::Float, tch::Device::Cpu));
        let features = buffer(n, layers.first().map_or(0, |layer| layer.weight.size()[1]))?;
        let mut input = features.f_tr()?;
        let mut input_gradient = None;
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        for (i, layer) in layers.iter().enumerate() {
            let width = layer.weight.size()[0];
            let (output, gradient) = (buffer(width, n)?, buffer(width, n)?);
            forward.push(outputs(layer, &input, &output, i + 1 < layers.len())?);
            let mut tasks = weights(&gradient, &input, &gradients[2 * i], &gradients[2 * i + 1])?;
            if let Some(input_gradient) = &input_gradient {
                tasks.extend(inputs(layer, &gradient, &input, input_gradient)?);
            }
            backward.push(tasks);
            (input, input_gradient) = (output, Some(gradient));
        }
        backward.reverse();
        let logits_gradient = input_gradient.unwrap_or_else(|| input.shallow_clone()).f_tr()?;
        Ok(Self { features, logits: input.f_tr()?, logits_gradient, forward, backward })
    }

    fn forward(&mut self, features: &Tensor, pool: &ThreadPool) -> Result<(), HeadError> {
        if features.size() != self.features.size() {
            let expected = format!("{:?}", self.features.size());
            return Err(HeadError::Shape { what: "features", expected, found: features.size() });
        }
        self.features.f_copy_(features)?;
        self.forward.iter_mut().try_for_each(|stage| run(stage, pool))
    }

    fn backward(&mut self, loss: &Tensor, logits: &Tensor, pool: &ThreadPool) -> Result<f64, HeadError> {
        let value = loss.f_double_value(&[])?;
        let gradient = Tensor::f_run_backward(&[loss], &[logits], false, false)?;
        self.logits_gradient.f_copy_(&gradient[0])?;
        self.backward.iter_mut().try_for_each(|stage| run(stage, pool))?;
        Ok(value)
    }
}

/// A product on one block.
#[derive(Debug)]
enum Task {
    /// `output = W input + b`, negative values cut where `relu` says so.
    Outputs { weight: Tensor, bias: Tensor, input: Tensor, output: Tensor, relu: bool },
    /// `weight_gradient = gradient input^T`, and its sums for the bias.
    Weights { gradient: Tensor, input: Tensor, weight_gradient: Tensor, bias_gradient: Tensor },
    /// `input_gradient = W^T gradient` where the input is above zero: it came out of a relu. Computed as
    /// `product = gradient^T W`, because BLAS takes twice the time for the transpose of a wide matrix.
    Inputs { weight: Tensor, gradient: Tensor, input: Tensor, product: Tensor, input_gradient: Tensor },
}

impl Task {
    fn run(&mut self) -> Result<(), tch::TchError> {
        match self {
            Self::Outputs { weight, bias, input, output, relu } => {
                let _ = bias.f_addmm_out(output, weight, input)?;
                if *relu {
                    let _ = output.f_relu_()?;
                }
            }
            Self::Weights { gradient, input, weight_gradient, bias_gradient } => {
                let _ = gradient.f_mm_out(weight_gradient, input)?;
                let _ = gradient.f_sum_intlist_out(bias_gradient, &[1][..], false, Kind::Float)?;
            }
            Self::Inputs { weight, gradient, input, product, input_gradient } => {
                let _ = gradient.f_mm_out(product, weight)?;
                let _ = input.f_threshold_backward_grad_input(input_gradient, &product.f_tr()?, 0.0)?;
            }
        }
        Ok(())
    }
}

/// Runs the tasks of a stage; a single one is not worth waking a thread for.
fn run(stage: &mut [Task], pool: &ThreadPool) -> Result<(), HeadError> {
    match stage.len() > 1 && pool.current_num_threads() > 1 {
        true => pool.install(|| stage.par_iter_mut().with_max_len(1).try_for_each(Task::run))?,
        false => stage.iter_mut().try_for_each(Task::run)?,
    }
    Ok(())
}

/// Start and length of each block of `n` rows.
fn blocks(n: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..n).step_by(BLOCK as usize).map(move |first| (first, BLOCK.min(n - first)))
}

fn outputs(layer: &Layer, input: &Tensor, output: &Tensor, relu: bool) -> Result<Vec<Task>, tch::TchError> {
    let task = |(first, n)| {
        Ok(Task::Outputs {
            weight: layer.weight.f_narrow(0, first, n)?,
            bias: layer.bias.f_narrow(0, first, n)?.f_unsqueeze(1)?,
            input: input.shallow_clone(),
            output: output.f_narrow(0, first, n)?,
            relu,
        })
    };
    blocks(layer.weight.size()[0]).map(task).collect()
}

fn weights(gradient: &Tensor, input: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Vec<Task>, tch::TchError> {
    let task = |(first, n)| {
        Ok(Task::Weights {
            gradient: gradient.f_narrow(0, first, n)?,
            input: input.f_tr()?,
            weight_gradient: weight.f_narrow(0, first, n)?,
            bias_gradient: bias.f_narrow(0, first, n)?,
        })
    };
    blocks(weight.size()[0]).map(task).collect()
}

fn inputs(layer: &Layer, gradient: &Tensor, input: &Tensor, into: &Tensor) -> Result<Vec<Task>, tch::TchError> {
    let task = |(first, n)| {
        Ok(Task::Inputs {
            weight: layer.weight.f_narrow(1, first, n)?,
            gradient: gradient.f_tr()?,
            input: input.f_narrow(0, first, n)?,
            product: Tensor::f_zeros([gradient.size()[1], n], (Kind::Float, tch::Device::Cpu))?,
            input_gradient: into.f_narrow(0, first, n)?,
        })
    };
    blocks(layer.weight.size()[1]).map(task).collect()
}
