//! Optimizers whose state can be saved and read back.

mod adam;
mod config;
mod sgd;

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};
use tl_torch::TorchError;

pub use config::{AdamConfig, EpsilonAt, OptimizerConfig, SgdConfig};

use crate::error::TrainError;

/// Moves parameters along their gradients.
///
/// Its whole state is in tensors that can be saved, so that a resumed run takes the same steps to the bit.
/// A step on f32 parameters on the CPU is a single pass over memory; elsewhere it is libtorch's operators.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    slots: Vec<Slot>,
    n_steps: u64,
}

/// A parameter with what is remembered about it.
#[derive(Debug)]
struct Slot {
    name: String,
    parameter: Tensor,
    state: Vec<Tensor>,
}

/// Name of the step count among the state tensors; parameters have a dot in theirs.
const N_STEPS: &str = "n_steps";

impl Optimizer {
    /// An optimizer of named parameters, which are handles to the tensors that the model uses.
    pub fn new(config: OptimizerConfig, parameters: Vec<(String, Tensor)>) -> Result<Self, TrainError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(TrainError::Options { problems });
        }
        let slot = |(name, parameter): (String, Tensor)| {
            let state = config.state_names().iter().map(|_| zeros_like(&parameter)).collect::<Result<_, _>>()?;
            Ok(Slot { name, parameter, state })
        };
        let slots = parameters.into_iter().map(slot).collect::<Result<_, TorchError>>()?;
        Ok(Self { config, slots, n_steps: 0 })
    }

    /// One step with learning rate `lr` along the gradients that `backward` left; a parameter without one stays.
    pub fn step(&mut self, lr: f64) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        self.n_steps += 1;
        for slot in &mut self.slots {
            let gradient = slot.parameter.grad();
            if gradient.defined() {
                slot.step(&self.config, &gradient, self.n_steps, lr)?;
            }
        }
        Ok(())
    }

    /// One step with learning rate `lr` along gradients that were computed elsewhere, one for each parameter in their
    /// order.
    pub fn step_gradients(&mut self, gradients: &[Tensor], lr: f64) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        self.n_steps += 1;
        for (slot, gradient) in self.slots.iter_mut().zip(gradients) {
            slot.step(&self.config, gradient, self.n_steps, lr)?;
        }
        Ok(())
    }

    /// Computes the gradients of `loss` and takes a step along them.
    ///
    /// The same as `zero_grad`, `loss.backward()` and [`Optimizer::step`], but nothing is cleared and added up in
    /// between: for layers of some size that is a good part of the time. Every parameter must have had a say in
    /// the loss.
    pub fn backward_step(&mut self, loss: &Tensor, lr: f64) -> Result<(), TrainError> {
        let parameters: Vec<&Tensor> = self.slots.iter().map(|slot| &slot.parameter).collect();
        let gradients = Tensor::f_run_backward(&[loss], &parameters, false, false)?;
        self.step_gradients(&gradients, lr)
    }

    /// One step along gradients that were computed elsewhere, `(gradient, learning rate)` for each parameter in their
    /// order; `None` leaves a parameter alone.
    pub fn step_along(&mut self, steps: &[Option<(Tensor, f64)>]) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        self.n_steps += 1;
        for (slot, step) in self.slots.iter_mut().zip(steps) {
            if let Some((gradient, lr)) = step {
                slot.step(&self.config, gradient, self.n_steps, *lr)?;
            }
        }
        Ok(())
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
    /// `n_steps` and `{parameter}.{state}`.
    #[must_use]
    pub fn state_tensors(&self) -> Vec<(String, Tensor)> {
        let names = self.config.state_names();
        let of_slot = |slot: &Slot| {
            let names = names.iter().map(|state| format!("{}.{state}", slot.name)).collect::<Vec<_>>();
            names.into_iter().zip(slot.state.iter().map(Tensor::copy)).collect::<Vec<_>>()
        };
        let steps = (N_STEPS.to_owned(), Tensor::from(self.n_steps as i64));
        std::iter::once(steps).chain(self.slots.iter().flat_map(of_slot)).collect()
    }

    /// Takes up a saved state. All that is missing, unexpected or of another shape is listed, and then nothing is
    /// changed.
    pub fn load_state(&mut self, mut tensors: BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        let problems = self.state_problems(&tensors);
        if !problems.is_empty() {
            return Err(TrainError::Options { problems });
        }
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

    fn state_problems(&self, tensors: &BTreeMap<String, Tensor>) -> Vec<String> {
        let names = self.config.state_names();
        let of_slot = |slot: &Slot| {
            let shape = slot.parameter.size();
            names.iter().map(|state| (format!("{}.{state}", slot.name), shape.clone())).collect::<Vec<_>>()
        };
        let steps = (N_STEPS.to_owned(), Vec::new());
        let expected: BTreeMap<String, Vec<i64>> =
            self.slots.iter().flat_map(of_slot).chain(std::iter::once(steps)).collect();
        let unfit = expected.iter().filter_map(|(name, shape)| match tensors.get(name).map(Tensor::size) {
            None => Some(format!("the optimizer's state lacks {name}")),
            Some(found) if found != *shape => {
                Some(format!("the optimizer's state has {name} of shape {found:?} and not {shape:?}"))
            }
            Some(_) => None,
        });
        let unexpected = tensors.keys().filter(|name| !expected.contains_key(*name));
        unfit.chain(unexpected.map(|name| format!("the optimizer's state has an unknown {name}"))).collect()
    }
}

impl Slot {
    fn step(&mut self, config: &OptimizerConfig, gradient: &Tensor, n: u64, lr: f64) -> Result<(), TorchError> {
        match config {
            OptimizerConfig::Adam(config) => adam::step(self, gradient, &config.step(n, lr, self.decays())),
            OptimizerConfig::Sgd(config) => sgd::step(self, gradient, &config.step(n, lr, self.decays())),
        }
    }

    /// Whether weight decay is meant for this parameter: it spares biases and norms, which have one dimension.
    fn decays(&self) -> bool {
        self.parameter.dim() > 1
    }

    /// Whether the values can be seen as slices that pair up element by element.
    fn is_plain(&self, gradient: &Tensor) -> bool {
        let plain = |t: &Tensor| t.kind() == Kind::Float && t.device() == Device::Cpu && t.is_contiguous();
        plain(&self.parameter) && plain(gradient)
    }
}

/// Zeros in plain order, whatever the parameter's strides.
fn zeros_like(parameter: &Tensor) -> Result<Tensor, TorchError> {
    Ok(Tensor::f_zeros(parameter.size(), (parameter.kind(), parameter.device()))?)
}
