//! Named float tensors in memory, and the safetensors file they become.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use safetensors::{Dtype, View};

use super::pickle::TensorView;

/// No network of this project has a tensor near this size; a file that asks for more is broken or hostile.
const MAX_ELEMENTS: usize = 1 << 28;

/// Tensors in the order of their names.
pub type Tensors = BTreeMap<String, Tensor>;

/// A contiguous, row-major tensor of 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Vec<f32>,
}

impl Tensor {
    /// A tensor of `shape`.
    ///
    /// # Errors
    /// Another number of values, or a shape that is too large.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Tensor> {
        let n = n_elements(&shape)?;
        ensure!(n == values.len(), "shape {shape:?} wants {n} values, there are {}", values.len());
        Ok(Tensor { shape, values })
    }

    /// Reads the window `view` out of the little-endian bytes of its storage, element by element along its strides.
    ///
    /// # Errors
    /// A window that leaves the storage, or is too large.
    pub fn gather(view: &TensorView, storage: &[u8]) -> Result<Tensor> {
        let n_stored = storage.len() / 4;
        let TensorView { offset, shape, strides, .. } = view;
        let n = n_elements(shape)?;
        let last = shape
            .iter()
            .zip(strides)
            .try_fold(*offset, |at, (size, stride)| at.checked_add(size.saturating_sub(1).checked_mul(*stride)?));
        ensure!(
            n == 0 || last.is_some_and(|last| last < n_stored),
            "shape {shape:?} with strides {strides:?} from {offset} leaves its storage of {n_stored} elements"
        );
        let values = walk(shape, strides, *offset, n).map(|at| read_f32(storage, at)).collect();
        Tensor::new(shape.clone(), values)
    }

    /// The same tensor with its dimensions in another order, as numpy's `transpose(axes)`.
    ///
    /// # Errors
    /// Axes that are not all of the dimensions, each once.
    pub fn permute(&self, axes: &[usize]) -> Result<Tensor> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        ensure!(sorted.iter().copied().eq(0..self.shape.len()), "{axes:?} does not permute {:?}", self.shape);
        let steps = row_major_strides(&self.shape);
        let shape: Vec<usize> = axes.iter().map(|axis| self.shape[*axis]).collect();
        let strides: Vec<usize> = axes.iter().map(|axis| steps[*axis]).collect();
        let values = walk(&shape, &strides, 0, self.values.len()).map(|at| self.values[at]).collect();
        Tensor::new(shape, values)
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * 4
    }
}

/// The safetensors file of `tensors`: the same tensors always give the same bytes.
///
/// # Errors
/// Those of the safetensors library; tensors as [`Tensor::new`] makes them give none.
pub fn to_safetensors(tensors: &Tensors) -> Result<Vec<u8>> {
    safetensors::serialize(tensors, None).context("the tensors cannot be written as safetensors")
}

/// Little-endian bytes as floats.
///
/// # Errors
/// Bytes whose number is no multiple of 4.
pub fn floats(bytes: &[u8]) -> Result<Vec<f32>> {
    ensure!(bytes.len().is_multiple_of(4), "{} bytes are no whole number of 32-bit floats", bytes.len());
    Ok((0..bytes.len() / 4).map(|at| read_f32(bytes, at)).collect())
}

fn read_f32(bytes: &[u8], at: usize) -> f32 {
    let at = at * 4;
    f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn n_elements(shape: &[usize]) -> Result<usize> {
    let n = shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
    n.filter(|n| *n <= MAX_ELEMENTS).with_context(|| format!("shape {shape:?} is too large to be true"))
}

fn row_major_strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}

/// The positions that a row-major walk over `shape` visits in a storage with `strides`.
fn walk(shape: &[usize], strides: &[usize], offset: usize, n: usize) -> impl Iterator<Item = usize> {
    let steps = row_major_strides(shape);
    (0..n).map(move |i| {
        let along = |axis: usize| i / steps[axis] % shape[axis] * strides[axis];
        offset + (0..shape.len()).map(along).sum::<usize>()
    })
}
