//! A moving average of the weights.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};
use tl_torch::{TensorList, f32_mut, f32_slice};

use crate::{
    error::TrainError,
    optimizer::{check_state, state_shapes},
};

/// The exponential moving average of a model's tensors over the steps of its training, which tends to do better on
/// new photos than the last step's (Polyak and Juditsky 1992; Tarvainen and Valpola 2017).
///
/// After update `n`, from 0, `average = d·average + (1 - d)·weight` with `d = min(decay, 1 - (1 + n)^(-2/3))`. The
/// first update copies the weights, so that there is no bias towards zero to correct, and the early ones, when the
/// weights still change a lot, forget fast. This is timm's `ModelEmaV3` with its warm-up.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    n_updates: u64,
    averages: BTreeMap<String, Tensor>,
}

/// Name of the count among the state tensors; parameters have a dot in theirs.
const N_UPDATES: &str = "n_updates";

impl Ema {
    /// An average that the first update starts; `decay` is 0 or more and below 1 (0.99 for hundreds of steps, 0.9998
    /// for many thousands).
    ///
    /// # Errors
    /// [`TrainError::Options`] for a decay outside of that range.
    pub fn new(decay: f64) -> Result<Self, TrainError> {
        check_decay(decay)?;
        Ok(Self { decay, n_updates: 0, averages: BTreeMap::new() })
    }

    /// Takes in the tensors as a step left them, always the same names and shapes. Those that are not floating-point
    /// are copied.
    ///
    /// # Errors
    /// [`TrainError::Torch`] for a tensor that does not fit the one of before.
    pub fn update<'a>(&mut self, tensors: impl IntoIterator<Item = (String, &'a Tensor)>) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        let towards = towards(self.decay, self.n_updates);
        let (mut averages, mut targets) = (Vec::new(), Vec::new());
        for (name, tensor) in tensors {
            match self.averages.get_mut(&name) {
                Some(average) if is_plain(average, tensor) => move_towards(average, tensor, towards)?,
                Some(average) if average.is_floating_point() => {
                    averages.push(average.shallow_clone());
                    targets.push(tensor.f_to_kind(average.kind())?);
                }
                Some(average) => average.f_copy_(tensor)?,
                None => drop(self.averages.insert(name, tl_torch::deep_copy(tensor)?)),
            }
        }
        TensorList::new(&averages)?.move_towards(&TensorList::new(&targets)?, towards)?;
        self.n_updates += 1;
        Ok(())
    }

    /// The averages by name, as handles; none before the first update.
    #[must_use]
    pub fn averages(&self) -> BTreeMap<String, Tensor> {
        self.averages.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }

    /// Copies of everything that the next update depends on: the averages, and `n_updates`.
    ///
    /// # Errors
    /// [`TrainError::Torch`] when libtorch refuses, as where memory is full.
    pub fn state_tensors(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let copy = |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tl_torch::deep_copy(tensor)?));
        let count = Ok((N_UPDATES.to_owned(), Tensor::f_from_slice(&[self.n_updates as i64])?));
        self.averages.iter().map(copy).chain(std::iter::once(count)).collect()
    }

    /// Takes up a saved state of tensors with the names and shapes of `like`.
    ///
    /// # Errors
    /// [`TrainError::Options`] lists all that does not fit; then nothing is changed.
    pub fn load_state<'a>(
        &mut self,
        mut tensors: BTreeMap<String, Tensor>,
        like: impl IntoIterator<Item = (String, &'a Tensor)>,
    ) -> Result<(), TrainError> {
        let count = (N_UPDATES.to_owned(), vec![1]);
        let is_started = tensors.len() > 1;
        let shapes = like.into_iter().filter(|_| is_started).map(|(name, tensor)| (name, tensor.size()));
        check_state("the averaged weights", &shapes.chain(std::iter::once(count)).collect(), &state_shapes(&tensors))?;
        let n_updates = tensors.remove(N_UPDATES).unwrap_or_default().f_int64_value(&[0])?;
        self.averages = tensors;
        self.n_updates = n_updates as u64;
        Ok(())
    }
}

/// Whether the values can be seen as slices that pair up.
fn is_plain(average: &Tensor, tensor: &Tensor) -> bool {
    let is_plain = |t: &Tensor| t.kind() == Kind::Float && t.device() == Device::Cpu && t.is_contiguous();
    is_plain(average) && is_plain(tensor) && average.size() == tensor.size()
}

fn move_towards(average: &mut Tensor, tensor: &Tensor, towards: f64) -> Result<(), TrainError> {
    move_slices(f32_mut(average)?, f32_slice(tensor)?, towards);
    Ok(())
}

/// One pass over memory.
pub(crate) fn move_slices(average: &mut [f32], values: &[f32], towards: f64) {
    let towards = towards as f32;
    average.iter_mut().zip(values).for_each(|(a, v)| *a += towards * (*v - *a));
}

/// How far update `n`, from 0, moves the average.
pub(crate) fn towards(decay: f64, n: u64) -> f64 {
    1.0 - decay.min(1.0 - (1.0 + n as f64).powf(-2.0 / 3.0))
}

pub(crate) fn check_decay(decay: f64) -> Result<(), TrainError> {
    if (0.0..1.0).contains(&decay) {
        return Ok(());
    }
    let problem = format!("the decay of the averaged weights is {decay}, but it must be 0 or more and below 1");
    Err(TrainError::Options { problems: vec![problem] })
}
