//! Loss and gradients of a dense stack, written out.

use std::collections::{BTreeMap, btree_map::Entry};

use rayon::ThreadPool;
use tch::Tensor;
use tl_torch::TorchError;

use crate::{
    error::HeadError,
    head::Head,
    pass::Pass,
    task::{BlockGradient, GRADIENT_BLOCK, Scratch},
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
    /// For gradients that are taken block by block.
    scratch: Option<Scratch>,
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
        Ok(Self { layers, gradients, passes: BTreeMap::new(), scratch: None })
    }

    /// Rows of a layer's weight whose gradient [`Backprop::run_along`] gives at a time.
    pub const BLOCK_ROWS: i64 = GRADIENT_BLOCK;

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
        let (logits, value) = self.forward(features, pool, loss)?;
        self.pass(features)?.backward(pool, None)?;
        Ok((logits, value))
    }

    /// The same, but each block of gradients is given to `take` while it is still in a core's cache, on whichever thread
    /// computed it, and then forgotten: gradients never travel to memory and back. A layer's weights have been read for
    /// the last time by then. Where the loss is not a finite number, `take` hears of nothing.
    ///
    /// To be called in a thread of `pool`.
    pub fn run_along<E: From<HeadError>>(
        &mut self,
        features: &Tensor,
        pool: &ThreadPool,
        loss: impl FnOnce(&Tensor) -> Result<Tensor, E>,
        take: &(dyn Fn(BlockGradient<'_>) -> Result<(), TorchError> + Sync),
    ) -> Result<(Tensor, f64), E> {
        let (logits, value) = self.forward(features, pool, loss)?;
        if value.is_finite() {
            let widest = self.layers.iter().map(|layer| layer.weight.size()[1]).max().unwrap_or(0);
            let scratch =
                self.scratch.take().map_or_else(|| Scratch::new(pool, widest), Ok).map_err(HeadError::from)?;
            let done = self.pass(features)?.backward(pool, Some((take, &scratch)));
            self.scratch = Some(scratch);
            done?;
        }
        Ok((logits, value))
    }

    /// The logits, the loss of them, and what it says of them in the pass's buffer.
    fn forward<E: From<HeadError>>(
        &mut self,
        features: &Tensor,
        pool: &ThreadPool,
        loss: impl FnOnce(&Tensor) -> Result<Tensor, E>,
    ) -> Result<(Tensor, f64), E> {
        let pass = self.pass(features)?;
        pass.forward(features, pool)?;
        let logits = pass.logits.f_detach().map_err(HeadError::from)?.set_requires_grad(true);
        let loss = loss(&logits)?;
        let value = pass.lose(&loss, &logits)?;
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
