//! Loss and gradients of a dense stack, written out.

use std::collections::{BTreeMap, btree_map::Entry};

use rayon::ThreadPool;
use tch::{Device, Kind, Tensor};

use crate::{
    error::HeadError,
    head::Head,
    task::{self, Task, inputs, outputs, weights},
};

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
pub(crate) struct Layer {
    pub(crate) weight: Tensor,
    pub(crate) bias: Tensor,
}

impl Backprop {
    /// For `head`, whose parameters are read where they are: steps of an optimizer on them are seen.
    pub fn new(head: &Head) -> Result<Self, HeadError> {
        let parameters = head.parameters();
        let detached = parameters.iter().map(|(_, t)| t.f_detach()).collect::<Result<Vec<_>, _>>()?;
        // Empty, so that the threads that write to them first also bring their memory in.
        let gradients = detached.iter().map(Tensor::f_empty_like).collect::<Result<_, _>>()?;
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

    /// The gradients of the last [`Backprop::run`], in the order of [`Head::parameters`]: handles, not copies. Before the
    /// first run their values are arbitrary.
    #[must_use]
    pub fn gradients(&self) -> Vec<Tensor> {
        self.gradients.iter().map(Tensor::shallow_clone).collect()
    }
}

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
struct Pass {
    features: Activations,
    /// `[N, n_classes]`.
    logits: Tensor,
    /// `[N, n_classes]`, a view: what the loss says of the logits.
    logits_gradient: Tensor,
    /// A stage is a layer.
    forward: Vec<Vec<Task>>,
    backward: Vec<Vec<Task>>,
}

impl Pass {
    fn new(layers: &[Layer], gradients: &[Tensor], n: i64) -> Result<Self, tch::TchError> {
        let features = Activations::new(layers.first().map_or(0, |layer| layer.weight.size()[1]), n)?;
        let mut input =
            Activations { values: features.values.shallow_clone(), turned: features.turned.shallow_clone() };
        let mut input_gradient = None;
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        for (i, layer) in layers.iter().enumerate() {
            let width = layer.weight.size()[0];
            let (output, gradient) = (Activations::new(width, n)?, buffer(width, n)?);
            forward.push(outputs(layer, &input, &output, i + 1 < layers.len())?);
            let mut tasks = weights(&gradient, &input, &gradients[2 * i], &gradients[2 * i + 1])?;
            if let Some(input_gradient) = &input_gradient {
                tasks.extend(inputs(layer, &gradient, &input, input_gradient)?);
            }
            backward.push(tasks);
            (input, input_gradient) = (output, Some(gradient));
        }
        backward.reverse();
        let logits_gradient = input_gradient.unwrap_or_else(|| input.values.shallow_clone()).f_tr()?;
        Ok(Self { features, logits: input.turned, logits_gradient, forward, backward })
    }

    fn forward(&mut self, features: &Tensor, pool: &ThreadPool) -> Result<(), HeadError> {
        if features.size() != self.features.turned.size() {
            let expected = format!("{:?}", self.features.turned.size());
            return Err(HeadError::Shape { what: "features", expected, found: features.size() });
        }
        self.features.turned.f_copy_(features)?;
        self.features.values.f_copy_(&features.f_tr()?)?;
        self.forward.iter_mut().try_for_each(|stage| task::run(stage, pool))
    }

    fn backward(&mut self, loss: &Tensor, logits: &Tensor, pool: &ThreadPool) -> Result<f64, HeadError> {
        let value = loss.f_double_value(&[])?;
        let gradient = Tensor::f_run_backward(&[loss], &[logits], false, false)?;
        self.logits_gradient.f_copy_(&gradient[0])?;
        self.backward.iter_mut().try_for_each(|stage| task::run(stage, pool))?;
        Ok(value)
    }
}
