//! The part of libtorch that computes on GPUs.

use std::{error::Error, sync::OnceLock};

use libloading::{Library, library_filename};
use tch::{Cuda, Device};

use crate::error::TorchError;

/// How many GPUs libtorch can compute on, counted from `Device::Cuda(0)`.
///
/// Its part for them is loaded here, at the first call: linkers leave it out, since no program calls into it by name, and
/// what is started without a GPU in mind need not wait for its 2 GB. libtorch itself asks for that part only once, so
/// whatever wants a GPU asks here before anything else asks libtorch for one, `Device::cuda_if_available` included.
///
/// # Errors
/// [`TorchError::Gpus`] with what the system's loader said where that part is missing, as it is in a libtorch for
/// processors, or where something that it needs is.
pub fn n_gpus() -> Result<usize, TorchError> {
    static LOADED: OnceLock<Result<Library, String>> = OnceLock::new();
    let load = || {
        // SAFETY: what runs on loading is libtorch's own registration of its operators, made to be loaded by Python so.
        #[allow(unsafe_code)]
        unsafe { Library::new(library_filename("torch_cuda")) }.map_err(|error| reason(&error))
    };
    match LOADED.get_or_init(load) {
        Ok(_) => Ok(usize::try_from(Cuda::device_count()).unwrap_or(0)),
        Err(reason) => Err(TorchError::Gpus(reason.clone())),
    }
}

/// The first GPU, or the processor where there is none or what it needs is missing.
#[must_use]
pub fn cuda_if_available() -> Device {
    if n_gpus().is_ok_and(|n| n > 0) { Device::Cuda(0) } else { Device::Cpu }
}

/// What the system said, which is the source of what the library that asked it says.
fn reason(error: &dyn Error) -> String {
    error.source().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_for_gpus_is_loaded_or_said_to_be_missing() {
        match n_gpus() {
            Ok(n) => assert_eq!(n > 0, Cuda::is_available()),
            Err(error) => assert!(error.to_string().contains("torch_cuda"), "{error}"),
        }
    }
}
