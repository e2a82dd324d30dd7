//! A training run: from a folder of photos to a saved classifier.
//!
//! [`TrainOptions`] are checked once into a [`Plan`]; [`Data::load`] finds and splits the photos; [`train`]
//! computes the frozen backbone's features once, trains a head on them, evaluates it on photos it has not
//! seen, and writes the run folder. An interrupted run goes on from its checkpoint to the same bits. The
//! crate deliberately does not know the terminal: it tells an [`Observer`] what happens.
//!
//! ```no_run
//! use std::{path::Path, sync::atomic::AtomicBool, time::Instant};
//! use tch::Device;
//! use tl_backbone::Weights;
//! use tl_train::{Data, Event, Outcome, Plan, RunFolder, RunInputs, TrainOptions, train};
//!
//! let started = Instant::now();
//! let plan = Plan::new(TrainOptions { data: Some("photos".into()), ..TrainOptions::default() })?;
//! let data = Data::load(plan.options(), None)?;
//! let weights = Weights::open(Path::new("data/weights/mobilenet_v1.safetensors"), plan.spec())?;
//! let folder = RunFolder::create(Path::new("runs"), None, "photos")?;
//! let (device, command, cache) = (Device::Cpu, Vec::new(), None);
//! let inputs = RunInputs { plan, data, weights, folder, device, command, cache, started };
//! let outcome = train(inputs, &mut |_: &Event<'_>| {}, &AtomicBool::new(false))?;
//! if let Outcome::Finished(metrics) = outcome {
//!     assert!(metrics.val_accuracy > Some(0.9));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch_size;
mod checkpoint;
mod class_weights;
mod data;
mod descent;
mod draw;
mod ema;
mod error;
mod event;
mod finetune;
mod freeze;
mod gradients;
mod head_run;
mod lr_find;
mod memory;
mod mix;
mod optimizer;
mod options;
mod order;
mod plan;
mod plateau;
mod proof_ahead;
mod recipe;
mod record;
mod report;
mod run;
mod run_folder;
mod schedule;
mod stopping;
mod table;
mod targets;
mod train_head;
mod views;

pub use class_weights::ClassWeights;
pub use data::Data;
pub use ema::Ema;
pub use error::TrainError;
pub use event::{Event, Observer};
pub use gradients::{Clipping, GradientSum, global_norm};
pub use lr_find::{LrCurve, LrFindInputs, LrPoint, lr_find};
pub use optimizer::{AdamConfig, EpsilonAt, Group, LionConfig, Optimizer, OptimizerConfig, RmsPropConfig, SgdConfig};
pub use options::{
    HeadKind, Keep, LossKind, NormKind, OptimizerKind, PrecisionChoice, Sampler, Schedule, TrainOptions,
};
pub use plan::Plan;
pub use recipe::Recipe;
pub use report::{FitRecord, FreezeProof, RunMetrics};
pub use run::{Outcome, RunInputs, train};
pub use run_folder::RunFolder;
pub use schedule::LearningRate;
pub use stopping::StopReason;
