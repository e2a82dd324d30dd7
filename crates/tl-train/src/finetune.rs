//! Fine-tuning: the backbone and the head learn together from photos.
//!
//! With `BatchNorm` in inference mode every photo is computed by itself, so a batch is cut into micro-batches of a
//! fixed size: workers of one thread each compute their gradients, and they are added in the order of the
//! micro-batches. So the bits depend neither on the number of threads nor on which worker was faster. With
//! `BatchNorm` in training mode the batch cannot be cut; it goes through one graph on all threads.

mod checkpoint;
mod gradients;
mod history;
mod model;
mod photos;
mod proof;
mod tune_run;
mod whole_batch;
mod worker;

pub(crate) use self::tune_run::{TuneInputs, Tuned};
