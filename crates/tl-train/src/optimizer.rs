//! Optimizers whose state can be saved and read back.

mod adam;
mod blocks;
mod config;
mod group;
mod lion;
mod lists;
mod rmsprop;
mod sgd;
mod slot;
mod state;

use std::collections::BTreeMap;

use rayon::prelude::*;
use tch::{Device, Tensor};

pub(crate) use blocks::BlockOptimizer;
pub use config::{AdamConfig, EpsilonAt, LionConfig, OptimizerConfig, RmsPropConfig, SgdConfig};
pub use group::Group;
use lists::Move;
use slot::{Slot, slots};
pub(crate) use state::{check as check_state, shapes as state_shapes};

use crate::error::TrainError;

/// Moves parameters along their gradients.
///
/// Its whole state is in tensors that can be saved, so that a resumed run takes the same steps to the bit.
/// A step on f32 parameters on the CPU is a single pass over memory; elsewhere it is libtorch's operators, each on all of
/// the parameters.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    slots: Vec<Slot>,
    n_steps: u64,
}

/// Name of the step count among the state tensors; parameters have a dot in theirs.
const N_STEPS: &str = "n_steps";

impl Optimizer {
    /// An optimizer of named parameters, which are handles to the tensors that the model uses.
    ///
    /// # Errors
    /// [`TrainError::Options`] lists constants out of their range, and names that two parameters have.
    pub fn new(config: OptimizerConfig, parameters: Vec<(String, Tensor)>) -> Result<Self, TrainError> {
        Self::with_groups(config, vec![Group::new("all", parameters)])
    }

    /// An optimizer of groups of parameters, each with a learning rate and weight decay of its own.
    ///
    /// # Errors
    /// [`TrainError::Options`] lists constants out of their range, those of groups too, and names that two parameters
    /// have.
    pub fn with_groups(config: OptimizerConfig, groups: Vec<Group>) -> Result<Self, TrainError> {
        let problems: Vec<String> = config.problems().into_iter().chain(group::problems(&groups)).collect();
        if !problems.is_empty() {
            return Err(TrainError::Options { problems });
        }
        let slots = groups.into_iter().map(|group| slots(&config, group)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { config, slots: slots.into_iter().flatten().collect(), n_steps: 0 })
    }

    /// One step with learning rate `lr` along the gradients that `backward` left; a parameter without one stays.
    ///
    /// # Errors
    /// [`TrainError::Torch`] when libtorch refuses, as where memory is full.
    pub fn step(&mut self, lr: f64) -> Result<(), TrainError> {
        let steps = self.slots.iter().map(|slot| (slot.parameter.grad(), lr)).collect();
        self.along(steps)
    }

    /// Computes the gradients of `loss` and takes a step along them.
    ///
    /// The same as `zero_grad`, `loss.backward()` and [`Optimizer::step`], but nothing is cleared and added up in
    /// between: for layers of some size that is a good part of the time. A parameter that had no say in the loss stays.
    ///
    /// # Errors
    /// As [`Optimizer::gradients`] and [`Optimizer::step`].
    pub fn backward_step(&mut self, loss: &Tensor, lr: f64) -> Result<(), TrainError> {
        self.step_gradients(&self.gradients(loss)?, lr)
    }

    /// The gradients of `loss`, one for each parameter in the order of [`Optimizer::names`]; undefined where a
    /// parameter had no say in it. What `backward` would add to is left alone.
    ///
    /// # Errors
    /// [`TrainError::Torch`] for a loss without a graph, or a parameter that asks for no gradient.
    pub fn gradients(&self, loss: &Tensor) -> Result<Vec<Tensor>, TrainError> {
        let parameters: Vec<&Tensor> = self.slots.iter().map(|slot| &slot.parameter).collect();
        Ok(Tensor::f_run_backward(&[loss], &parameters, false, false)?)
    }

    /// One step with learning rate `lr` along `gradients`, one for each parameter in the order of
    /// [`Optimizer::names`] and of its shape, wherever they were computed; a parameter whose gradient is undefined
    /// stays.
    ///
    /// # Errors
    /// [`TrainError::Gradients`] for gradients that are not one for each parameter, or of other shapes.
    pub fn step_gradients(&mut self, gradients: &[Tensor], lr: f64) -> Result<(), TrainError> {
        self.along(gradients.iter().map(|gradient| (gradient.shallow_clone(), lr)).collect())
    }

    /// The same with a learning rate for each parameter, `(gradient, learning rate)`; `None` leaves a parameter alone.
    ///
    /// # Errors
    /// As [`Optimizer::step_gradients`].
    pub fn step_along(&mut self, steps: &[Option<(Tensor, f64)>]) -> Result<(), TrainError> {
        let step = |step: &Option<(Tensor, f64)>| match step {
            Some((gradient, lr)) => (gradient.shallow_clone(), *lr),
            None => (Tensor::new(), 0.0),
        };
        self.along(steps.iter().map(step).collect())
    }

    /// Large parameters share the caller's threads among them, and small ones are done beside them; those on a GPU go
    /// together.
    fn along(&mut self, steps: Vec<(Tensor, f64)>) -> Result<(), TrainError> {
        self.check_gradients(&steps)?;
        self.n_steps += 1;
        let (config, n_steps) = (&self.config, self.n_steps);
        let steps = self.slots.iter_mut().zip(steps).filter(|(_, (gradient, _))| gradient.defined());
        let moves = steps.map(|(slot, (gradient, lr))| Move { slot, gradient, lr });
        let (plain, others): (Vec<Move<'_>>, Vec<Move<'_>>) =
            moves.partition(|step| step.slot.is_plain(&step.gradient));
        plain.into_par_iter().try_for_each(|Move { slot, gradient, lr }| slot.step(config, &gradient, n_steps, lr))?;
        Ok(lists::step(config, &others, n_steps)?)
    }

    /// Gradients of other parameters would move these ones somewhere, silently.
    fn check_gradients(&self, steps: &[(Tensor, f64)]) -> Result<(), TrainError> {
        let gradients = || steps.iter().map(|(gradient, _)| gradient);
        let fits = |(slot, gradient): (&Slot, &Tensor)| !gradient.defined() || slot.parameter.size() == gradient.size();
        if steps.len() == self.slots.len() && self.slots.iter().zip(gradients()).all(fits) {
            return Ok(());
        }
        let sizes =
            |tensors: &mut dyn Iterator<Item = &Tensor>| format!("{:?}", tensors.map(Tensor::size).collect::<Vec<_>>());
        let expected = sizes(&mut self.slots.iter().map(|slot| &slot.parameter));
        let found = sizes(&mut gradients().filter(|gradient| gradient.defined()));
        Err(TrainError::Gradients { expected, found })
    }

    /// Names of the parameters, in the order that gradients are taken in.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.slots.iter().map(|slot| slot.name.as_str()).collect()
    }

    /// Sets the gradients to zero: `backward` adds to them.
    pub fn zero_grad(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.parameter.zero_grad());
    }

    /// Steps taken.
    #[must_use]
    pub fn n_steps(&self) -> u64 {
        self.n_steps
    }

    /// Copies of all that the next step depends on besides parameters and gradients, with their names:
    /// `n_steps` and `{parameter}.{state}`. They lie on the CPU, wherever the parameters do.
    ///
    /// # Errors
    /// [`TrainError::Torch`] when there is no memory for them.
    pub fn state_tensors(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let n_steps = Tensor::f_from_slice(&[self.n_steps as i64])?.f_squeeze()?;
        let mut tensors = BTreeMap::from([(N_STEPS.to_owned(), n_steps)]);
        for slot in &self.slots {
            for (state, tensor) in self.config.state_names().iter().zip(&slot.state) {
                let copy = tensor.f_to_device_(Device::Cpu, tensor.kind(), false, true)?;
                tensors.insert(format!("{}.{state}", slot.name), copy);
            }
        }
        Ok(tensors)
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`TrainError::Options`] lists all that is missing, unexpected or of another shape; then nothing is changed.
    pub fn load_state(&mut self, mut tensors: BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        state::check("the optimizer's state", &self.state_shapes(), &state::shapes(&tensors))?;
        let n_steps = tensors.remove(N_STEPS).unwrap_or_default().f_int64_value(&[])?;
        let names = self.config.state_names();
        for slot in &mut self.slots {
            for (name, state) in names.iter().zip(&mut slot.state) {
                // The check above saw every name.
                let saved = tensors.remove(&format!("{}.{name}", slot.name)).unwrap_or_default();
                state.f_copy_(&saved)?;
            }
        }
        self.n_steps = n_steps as u64;
        Ok(())
    }

    /// Names and shapes of the state.
    fn state_shapes(&self) -> BTreeMap<String, Vec<i64>> {
        let names = self.config.state_names();
        let of_slot = |slot: &Slot| {
            let shape = slot.parameter.size();
            names.iter().map(|state| (format!("{}.{state}", slot.name), shape.clone())).collect::<Vec<_>>()
        };
        let steps = (N_STEPS.to_owned(), Vec::new());
        self.slots.iter().flat_map(of_slot).chain(std::iter::once(steps)).collect()
    }
}

impl OptimizerConfig {
    /// The `n`-th step, from 1, on some values of a parameter and what is remembered of them.
    fn step_slices(
        &self,
        parameter: &mut [f32],
        gradient: &[f32],
        state: &mut [&mut [f32]],
        n: u64,
        (lr, decay): (f64, f64),
    ) {
        match self {
            Self::Adam(config) => adam::step_slices(parameter, gradient, state, &config.step(n, lr, decay)),
            Self::Sgd(config) => sgd::step_slices(parameter, gradient, state, &config.step(lr, decay)),
            Self::RmsProp(config) => rmsprop::step_slices(parameter, gradient, state, &config.step(lr, decay)),
            Self::Lion(config) => lion::step_slices(parameter, gradient, state, &config.step(lr, decay)),
        }
    }
}
