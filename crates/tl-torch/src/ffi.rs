//! The functions of `shim/shim.cpp`.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::TorchError;

/// A convolution or linear layer that the shim holds.
#[repr(C)]
pub(crate) struct Layer {
    _private: [u8; 0],
}

/// How bytes stand for numbers, as the shim reads it; a scale of 0 says f32.
#[repr(C)]
pub(crate) struct RawByteScale {
    pub(crate) scale: f64,
    pub(crate) zero: i64,
}

unsafe extern "C" {
    pub(crate) fn tlt_exact_f32();
    pub(crate) fn tlt_keep_allocations();
    pub(crate) fn tlt_skip_destructors();
    pub(crate) fn tlt_exit_now(code: c_int) -> !;
    pub(crate) fn tlt_libtorch_version() -> *const c_char;
    pub(crate) fn tlt_has_operators() -> c_int;
    pub(crate) fn tlt_has_byte_operators() -> c_int;
    fn tlt_free_message(message: *mut c_char);
    pub(crate) fn tlt_layer_free(layer: *mut Layer);
    pub(crate) fn tlt_conv_new(
        weight: *const C_tensor,
        bias: *const C_tensor,
        input_shape: *const i64,
        stride: i64,
        padding: i64,
        groups: i64,
        activation: c_int,
        layer: *mut *mut Layer,
    ) -> *mut c_char;
    pub(crate) fn tlt_byte_conv_new(
        weight: *const C_tensor,
        weight_scale: *const C_tensor,
        bias: *const C_tensor,
        input_shape: *const i64,
        stride: i64,
        padding: i64,
        groups: i64,
        activation: c_int,
        bytes: *const RawByteScale,
        layer: *mut *mut Layer,
    ) -> *mut c_char;
    pub(crate) fn tlt_linear_new(
        weight: *const C_tensor,
        bias: *const C_tensor,
        batch: i64,
        activation: c_int,
        layer: *mut *mut Layer,
    ) -> *mut c_char;
    pub(crate) fn tlt_layer_forward(
        layer: *const Layer,
        input: *const C_tensor,
        output: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn tlt_layer_forward_add(
        layer: *const Layer,
        input: *const C_tensor,
        residual: *const C_tensor,
    ) -> *mut c_char;
    pub(crate) fn tlt_conv_backward(
        gradient: *const C_tensor,
        input: *const C_tensor,
        weight: *const C_tensor,
        stride: i64,
        padding: i64,
        groups: i64,
        wants_input: c_int,
        wants_weight: c_int,
        of_input: *mut *mut C_tensor,
        of_weight: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn tlt_pinned(source: *const C_tensor, pinned: *mut *mut C_tensor) -> *mut c_char;
}

/// Turns the shim's message into an error.
pub(crate) fn check(message: *mut c_char) -> Result<(), TorchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message of the shim is a string with its end, allocated by the shim, freed once, here.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        tlt_free_message(message);
        text
    };
    Err(TorchError::from_message(&text))
}

/// A layer owned by Rust.
#[derive(Debug)]
pub(crate) struct OwnedLayer(*mut Layer);

// SAFETY: the layer holds tensors and plain values that no other thread can reach; nothing in it is bound to
// the thread that made it.
unsafe impl Send for OwnedLayer {}

impl Drop for OwnedLayer {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the shim and is freed once.
        unsafe { tlt_layer_free(self.0) }
    }
}

impl OwnedLayer {
    /// Runs a constructor of the shim.
    pub(crate) fn create(new: impl FnOnce(*mut *mut Layer) -> *mut c_char) -> Result<Self, TorchError> {
        let mut layer = std::ptr::null_mut();
        check(new(&raw mut layer))?;
        Ok(Self(layer))
    }

    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        let mut output = std::ptr::null_mut();
        // SAFETY: the layer and the input live through the call; on success the shim hands over a new tensor
        // that Rust now owns.
        unsafe {
            check(tlt_layer_forward(self.0, input.as_ptr(), &raw mut output))?;
            Ok(Tensor::from_ptr(output))
        }
    }

    pub(crate) fn forward_add(&self, input: &Tensor, residual: &Tensor) -> Result<(), TorchError> {
        // SAFETY: the layer and both tensors live through the call, which writes only into the residual's
        // values.
        check(unsafe { tlt_layer_forward_add(self.0, input.as_ptr(), residual.as_ptr()) })
    }
}
