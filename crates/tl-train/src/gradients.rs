//! Gradients between their computation and the step: kept in bounds, and summed over several batches.

use tch::{Device, Kind, Tensor};
use tl_torch::{TensorList, f32_slice};

use crate::error::TrainError;

/// Bounds on gradients; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Clipping {
    /// Longest Euclidean norm of all gradients together.
    pub norm: Option<f64>,
    /// Largest absolute value of each number.
    pub value: Option<f64>,
}

impl Clipping {
    /// Puts clipped gradients in the place of `gradients`, values first, and gives their norm from before the norm
    /// was clipped, if it was to be. Undefined gradients stay undefined.
    ///
    /// This is PyTorch's `clip_grad_value_` and `clip_grad_norm_`. A norm that is not finite is for the caller to
    /// see to: no scaling mends it, and the gradients are left as they are.
    ///
    /// # Errors
    /// [`TrainError::Torch`] when libtorch refuses, as where memory is full.
    pub fn apply(&self, gradients: &mut [Tensor]) -> Result<Option<f64>, TrainError> {
        if let Some(limit) = self.value {
            replace(
                gradients,
                |gradient| Ok(gradient.f_clamp(-limit, limit)?),
                |gradients| Ok(gradients.clamp(-limit, limit)?),
            )?;
        }
        let Some(limit) = self.norm else { return Ok(None) };
        let norm = global_norm(gradients)?;
        let scale = limit / (norm + MARGIN);
        if scale < 1.0 && norm.is_finite() {
            multiply(gradients, scale)?;
        }
        Ok(Some(norm))
    }

    /// The same in place, for gradients that are slices.
    pub(crate) fn apply_to_slices(&self, gradients: &mut [&mut [f32]]) {
        if let Some(limit) = self.value.map(|limit| limit as f32) {
            gradients.iter_mut().flat_map(|gradient| gradient.iter_mut()).for_each(|g| *g = g.clamp(-limit, limit));
        }
        let Some(limit) = self.norm else { return };
        let norm = gradients.iter().map(|gradient| squares(gradient)).sum::<f64>().sqrt();
        let scale = limit / (norm + MARGIN);
        if scale < 1.0 && norm.is_finite() {
            gradients.iter_mut().flat_map(|gradient| gradient.iter_mut()).for_each(|g| *g *= scale as f32);
        }
    }
}

/// PyTorch's guard against a norm of zero.
const MARGIN: f64 = 1e-6;

/// The Euclidean norm of all gradients together; undefined ones count as zero.
///
/// On the CPU f32 is added up in one order, whatever the number of threads. A GPU is waited for once.
///
/// # Errors
/// [`TrainError::Torch`] when libtorch refuses, as where memory is full.
pub fn global_norm(gradients: &[Tensor]) -> Result<f64, TrainError> {
    let defined = gradients.iter().filter(|gradient| gradient.defined());
    let (listed, others): (Vec<&Tensor>, Vec<&Tensor>) = defined.partition(|gradient| is_listed(gradient));
    let squares = others.into_iter().map(sum_of_squares).collect::<Result<Vec<f64>, _>>()?;
    let norm = TensorList::new(listed)?.norm()?;
    Ok((squares.into_iter().sum::<f64>() + norm * norm).sqrt())
}

/// Gradients added up over several batches, each counting by its weight.
#[derive(Debug, Default)]
pub struct GradientSum {
    sums: Vec<Tensor>,
}

impl GradientSum {
    /// Adds the gradients of one batch's mean loss, times `weight`: with its share of all photos the sum becomes what
    /// one batch of them would have given. Every batch gives the same parameters' gradients in the same order.
    ///
    /// # Errors
    /// [`TrainError::Torch`] for gradients that do not fit those of before.
    pub fn add(&mut self, gradients: &[Tensor], weight: f64) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        if self.sums.is_empty() {
            self.sums = gradients.iter().map(Tensor::shallow_clone).collect();
            return multiply(&mut self.sums, weight);
        }
        let (mut sums, mut listed) = (Vec::new(), Vec::new());
        for (sum, gradient) in self.sums.iter_mut().zip(gradients).filter(|(_, gradient)| gradient.defined()) {
            match (sum.defined(), is_listed(gradient)) {
                (true, false) => *sum = sum.f_add(&gradient.f_mul_scalar(weight)?)?,
                (true, true) => {
                    listed.push(gradient);
                    sums.push(sum);
                }
                (false, _) => *sum = gradient.f_mul_scalar(weight)?,
            }
        }
        let before = TensorList::new(sums.iter().map(|sum| &**sum))?;
        let weighted = TensorList::new(listed)?.scaled(&vec![weight; sums.len()])?;
        let after = before.sum(&weighted, 1.0)?.to_vec()?;
        sums.into_iter().zip(after).for_each(|(sum, after)| *sum = after);
        Ok(())
    }

    /// The weighted sum.
    #[must_use]
    pub fn total(self) -> Vec<Tensor> {
        self.sums
    }
}

/// Puts what `one` gives of each gradient in its place; `all` does the same for those on a GPU at once. Not in place:
/// autograd may hand out one tensor as the gradient of two parameters.
fn replace(
    gradients: &mut [Tensor],
    one: impl Fn(&Tensor) -> Result<Tensor, TrainError>,
    all: impl Fn(&TensorList) -> Result<TensorList, TrainError>,
) -> Result<(), TrainError> {
    let _guard = tch::no_grad_guard();
    let defined = gradients.iter_mut().filter(|gradient| gradient.defined());
    let (listed, others): (Vec<&mut Tensor>, Vec<&mut Tensor>) = defined.partition(|gradient| is_listed(gradient));
    for gradient in others {
        *gradient = one(gradient)?;
    }
    let replaced = all(&TensorList::new(listed.iter().map(|gradient| &**gradient))?)?.to_vec()?;
    listed.into_iter().zip(replaced).for_each(|(gradient, replaced)| *gradient = replaced);
    Ok(())
}

/// Nothing is copied where the factor is one.
fn multiply(gradients: &mut [Tensor], factor: f64) -> Result<(), TrainError> {
    if factor.total_cmp(&1.0).is_eq() {
        return Ok(());
    }
    let factors = vec![factor; gradients.iter().filter(|gradient| gradient.defined() && is_listed(gradient)).count()];
    replace(gradients, |gradient| Ok(gradient.f_mul_scalar(factor)?), |gradients| Ok(gradients.scaled(&factors)?))
}

/// Whether it is computed on together with the others: on a GPU, and doubles, which nothing but the tests has.
fn is_listed(gradient: &Tensor) -> bool {
    gradient.device() != Device::Cpu || gradient.kind() == Kind::Double
}

fn sum_of_squares(gradient: &Tensor) -> Result<f64, TrainError> {
    if gradient.kind() != Kind::Float || !gradient.is_contiguous() {
        let norm = gradient.f_to_kind(Kind::Double)?.f_norm()?.f_double_value(&[])?;
        return Ok(norm * norm);
    }
    Ok(squares(f32_slice(gradient)?))
}

fn squares(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    // Eight sums side by side, which the processor adds at once.
    let mut lanes = [0f64; 8];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &g)| *lane += f64::from(g) * f64::from(g));
    }
    lanes.into_iter().chain(rest.iter().map(|&g| f64::from(g) * f64::from(g))).sum()
}
