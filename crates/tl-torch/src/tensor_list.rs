//! Many tensors computed on at once.

use tch::{Kind, Tensor};

use crate::{
    error::TorchError,
    ffi::check,
    list_ffi::{self as ffi, List},
};

/// Handles to tensors on which each operation is one call for all: libtorch's `_foreach` operators.
///
/// A GPU is given a few kernels instead of one for each tensor, of which a network has hundreds, and to give it one takes
/// longer (8 microseconds were measured) than it computes on so few numbers. On processors nothing is gained.
///
/// No graph is recorded. Two lists are paired up tensor by tensor, and must be of one length and of tensors that fit each
/// other, else libtorch refuses. What changes a list changes the numbers that its handles share with other tensors.
#[derive(Debug)]
pub struct TensorList(*mut List);

impl TensorList {
    /// Of these, which share their numbers with it.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when there is no memory for the handles.
    pub fn new<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Result<Self, TorchError> {
        let handles: Vec<_> = tensors.into_iter().map(Tensor::as_ptr).collect();
        // SAFETY: the pointers are those of tensors that live as long as the call, which makes handles of its own.
        #[allow(unsafe_code)]
        Self::made(|out| unsafe { ffi::tlt_list_new(handles.as_ptr(), handles.len() as i64, out) })
    }

    /// Handles to its tensors.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn to_vec(&self) -> Result<Vec<Tensor>, TorchError> {
        // SAFETY: the list is there as long as `self`.
        #[allow(unsafe_code)]
        let n = unsafe { ffi::tlt_list_len(self.0) };
        (0..n).map(|i| self.get(i)).collect()
    }

    #[allow(unsafe_code)]
    fn get(&self, i: i64) -> Result<Tensor, TorchError> {
        let mut tensor = std::ptr::null_mut();
        // SAFETY: the list lives through the call, which checks `i`; on success the shim hands over a new handle that
        // Rust now owns.
        unsafe {
            check(ffi::tlt_list_get(self.0, i, &raw mut tensor))?;
            Ok(Tensor::from_ptr(tensor))
        }
    }

    /// Runs what makes a list.
    fn made(make: impl FnOnce(*mut *mut List) -> *mut std::ffi::c_char) -> Result<Self, TorchError> {
        let mut list = std::ptr::null_mut();
        check(make(&raw mut list))?;
        Ok(Self(list))
    }
}

impl Drop for TensorList {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the shim and is freed once.
        #[allow(unsafe_code)]
        unsafe {
            ffi::tlt_list_free(self.0);
        }
    }
}

// SAFETY, for all calls below: the lists are there as long as the references to them, slices of numbers go with their
// length, and what is handed over is new.
#[allow(unsafe_code)]
impl TensorList {
    /// `x · factor`, with a factor for each tensor, as a new list.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] for another number of factors, or when libtorch refuses.
    pub fn scaled(&self, factors: &[f64]) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_scaled(self.0, factors.as_ptr(), factors.len() as i64, out) })
    }

    /// `x = x · factor`, with a factor for each tensor.
    ///
    /// # Errors
    /// As [`Self::scaled`].
    pub fn scale(&mut self, factors: &[f64]) -> Result<(), TorchError> {
        check(unsafe { ffi::tlt_list_scale(self.0, factors.as_ptr(), factors.len() as i64) })
    }

    /// `x · other`, as a new list.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] for lists that do not fit each other.
    pub fn product(&self, other: &Self) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_product(self.0, other.0, out) })
    }

    /// `x + factor · other`, as a new list.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn sum(&self, other: &Self, factor: f64) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_sum(self.0, other.0, factor, out) })
    }

    /// `x = x + factor · other`.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn add(&mut self, other: &Self, factor: f64) -> Result<(), TorchError> {
        check(unsafe { ffi::tlt_list_add(self.0, other.0, factor) })
    }

    /// `x = x + number`.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn add_number(&mut self, number: f64) -> Result<(), TorchError> {
        check(unsafe { ffi::tlt_list_add_number(self.0, number) })
    }

    /// `x / other`, as a new list.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn quotient(&self, other: &Self) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_quotient(self.0, other.0, out) })
    }

    /// `x + weight · (to - x)`, as a new list.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn lerp(&self, to: &Self, weight: f64) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_lerp(self.0, to.0, weight, out) })
    }

    /// `x = x + weight · (to - x)`.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn move_towards(&mut self, to: &Self, weight: f64) -> Result<(), TorchError> {
        check(unsafe { ffi::tlt_list_move_towards(self.0, to.0, weight) })
    }

    /// The square root of each number, as a new list.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn sqrt(&self) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_sqrt(self.0, out) })
    }

    /// -1, 0 or 1 for each number, as a new list.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn sign(&self) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_sign(self.0, out) })
    }

    /// Each number or the bound that it is beyond, as a new list.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn clamp(&self, min: f64, max: f64) -> Result<Self, TorchError> {
        Self::made(|out| unsafe { ffi::tlt_list_clamp(self.0, min, max, out) })
    }

    /// Takes over the numbers of `from`, rounded to its own kinds.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub fn copy(&mut self, from: &Self) -> Result<(), TorchError> {
        check(unsafe { ffi::tlt_list_copy(self.0, from.0) })
    }

    /// The Euclidean norm of all numbers together: a GPU is waited for once.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] for whole numbers, or tensors that are not all on one device.
    pub fn norm(&self) -> Result<f64, TorchError> {
        let norms = Self::made(|out| unsafe { ffi::tlt_list_norms(self.0, out) })?.to_vec()?;
        if norms.is_empty() {
            return Ok(0.0);
        }
        Ok(Tensor::f_stack(&norms, 0)?.f_to_kind(Kind::Double)?.f_norm()?.f_double_value(&[])?)
    }
}

/// The tensors as numbers of `kind`: those of another kind copied in plain order, all at once and without a graph, and the
/// others, undefined ones among them, as they are.
///
/// # Errors
/// [`TorchError::Libtorch`] when libtorch cannot convert them, or has no memory for it.
pub fn all_to_kind(tensors: &[Tensor], kind: Kind) -> Result<Vec<Tensor>, TorchError> {
    let mut converted: Vec<Tensor> = tensors.iter().map(Tensor::shallow_clone).collect();
    let (mut rounded, mut sources) = (Vec::new(), Vec::new());
    for tensor in converted.iter_mut().filter(|tensor| tensor.defined() && tensor.kind() != kind) {
        let empty = Tensor::f_empty(tensor.size(), (kind, tensor.device()))?;
        rounded.push(empty.shallow_clone());
        sources.push(std::mem::replace(tensor, empty));
    }
    TensorList::new(&rounded)?.copy(&TensorList::new(&sources)?)?;
    Ok(converted)
}
