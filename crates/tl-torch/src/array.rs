//! Numbers that are no tensor yet.

use std::{ops::Range, sync::Arc};

use tch::Tensor;

use crate::{
    convert::{tensor_from_f32, to_vec_f32},
    error::TorchError,
};

/// f32 values of some shape, row by row, which clones share.
///
/// Weights that are only looked at need no tensors: making the first one costs a fifth of a second where libtorch is
/// loaded for it. An array may be used from several threads at once; a tensor may not.
#[derive(Debug, Clone)]
pub struct Array {
    shape: Vec<usize>,
    memory: Arc<Vec<f32>>,
    range: Range<usize>,
}

impl Array {
    /// These values, of `shape`.
    ///
    /// # Errors
    /// [`TorchError::Length`] for a shape of more or fewer values.
    pub fn new(values: Vec<f32>, shape: &[usize]) -> Result<Self, TorchError> {
        let n = values.len();
        Self::within(&Arc::new(values), 0..n, shape)
    }

    /// The values at `range` of memory that is shared.
    pub(crate) fn within(memory: &Arc<Vec<f32>>, range: Range<usize>, shape: &[usize]) -> Result<Self, TorchError> {
        let wanted = shape.iter().try_fold(1, |n: usize, &side| n.checked_mul(side)).unwrap_or(usize::MAX);
        let found = memory.get(range.clone()).map_or(0, <[f32]>::len);
        if wanted != found {
            let shape = shape.iter().map(|&side| side as i64).collect();
            return Err(TorchError::Length { shape, wanted, found });
        }
        Ok(Self { shape: shape.to_vec(), memory: memory.clone(), range })
    }

    /// A copy of a tensor's values as f32, whatever its kind, strides and device.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when libtorch cannot convert them or bring them here.
    pub fn of_tensor(tensor: &Tensor) -> Result<Self, TorchError> {
        let shape: Vec<usize> = tensor.size().iter().map(|&side| side as usize).collect();
        Self::new(to_vec_f32(tensor)?, &shape)
    }

    /// Its sides.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.memory[self.range.clone()]
    }

    /// The values as bytes, little-endian on all machines that libtorch runs on.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self.values())
    }

    /// Puts a name, the shape and the values into a hash. Caches and files know arrays by these bytes: they stay.
    pub fn hash_into(&self, name: &str, hasher: &mut blake3::Hasher) {
        hasher.update(format!("{name} {:?}\n", self.shape).as_bytes()).update(self.bytes());
    }

    /// A tensor with a copy of the values.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when there is no memory for it.
    pub fn to_tensor(&self) -> Result<Tensor, TorchError> {
        let shape: Vec<i64> = self.shape.iter().map(|&side| side as i64).collect();
        tensor_from_f32(self.values(), &shape)
    }
}
