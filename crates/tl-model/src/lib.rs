//! The bundle: a trained classifier in one file that can be carried away, opened safely and run.
//!
//! A [`Bundle`] holds the backbone's weights, the head, the classes, the preprocessing and where it all came
//! from, in one `.safetensors` file. Opening one parses a header and copies numbers; it never runs code. A
//! [`Classifier`] predicts with a bundle, or with a pretrained backbone and its own 1000 ImageNet classes.
//! The crate deliberately does not know training.
//!
//! ```no_run
//! use std::{path::{Path, PathBuf}, sync::atomic::AtomicBool};
//! use tl_model::{Classifier, PredictOptions};
//!
//! let classifier = Classifier::open(Path::new("model.safetensors"))?;
//! let photos = [PathBuf::from("lunch.jpg")];
//! let (predictions, skipped) =
//!     classifier.predict(&photos, &PredictOptions::default(), &mut |_| {}, &AtomicBool::new(false))?;
//! for prediction in &predictions {
//!     let (class, probability) = prediction.top(1)[0];
//!     println!("{}: {} {probability:.3}", photos[prediction.photo].display(), classifier.classes()[class]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod bundle;
mod checksum;
mod classifier;
mod error;
mod golden;
mod predict_options;
mod provenance;
mod stored;

pub use archive::{Archive, open_arrays};
pub use bundle::{Bundle, FORMAT_VERSION};
pub use classifier::{Classifier, Prediction};
pub use error::ModelError;
pub use golden::GoldenFeatures;
pub use predict_options::PredictOptions;
pub use provenance::Provenance;
pub use stored::StoredBundle;
/// What the options of prediction are made of.
pub use {tch::Device, tl_backbone::Precision, tl_data::DecodeOptions, tl_features::Cache};
