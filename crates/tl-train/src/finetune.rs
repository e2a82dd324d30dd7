//! Fine-tuning: the backbone and the head learn together from photos.
//!
//! With `BatchNorm` in inference mode every photo is computed by itself, so a batch is cut into micro-batches of a
//! fixed size: workers of one thread each compute their gradients, and they are added in the order of the
//! micro-batches. So the bits depend neither on the number of threads nor on which worker was faster. With
//! `BatchNorm` in training mode the micro-batches of a batch go through the network side by side, layer by layer, and
//! add up their statistics and sums in the same order; so the same holds there.
//!
//! A GPU gets whole batches.

mod checkpoint;
mod gradients;
mod history;
mod kept;
mod loss_scale;
mod memory_of_batch;
mod model;
mod on_device;
mod photos;
mod proof;
mod source;
mod tune_run;
mod whole_batch;
mod worker;

pub(crate) use self::{
    memory_of_batch::whole_batch_bytes,
    tune_run::{TuneInputs, Tuned},
};
