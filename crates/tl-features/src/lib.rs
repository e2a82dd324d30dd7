//! Features of photos: what a frozen backbone says of each, computed once.
//!
//! [`extract`] decodes photos and runs the network over them on all cores at once: each worker thread
//! reads a few photos, runs its own network on them, and takes the next few, so that no core
//! waits for another. Rows come out in the order of the photos and, on the CPU, with the same bits for any number of
//! threads. A [`Cache`] keeps them, so that only photos that were never seen cost anything. It deliberately does not know
//! heads, labels or training.
//!
//! ```no_run
//! use std::{path::{Path, PathBuf}, sync::atomic::AtomicBool};
//! use tl_backbone::{Weights, spec};
//! use tl_features::{ExtractOptions, extract};
//!
//! let weights = Weights::open(Path::new("data/weights/mobilenet_v1.safetensors"), spec("mobilenet_v1")?)?;
//! let photos = [PathBuf::from("cat.jpg"), PathBuf::from("dog.jpg")];
//! let (features, skipped) =
//!     extract(&weights, &photos, &ExtractOptions::default(), &mut |_| {}, &AtomicBool::new(false))?;
//! assert_eq!(features.len() + skipped.len(), photos.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod device;
mod error;
mod export;
mod extract;
mod features;
mod table;
mod twins;
mod views;
mod worker;

pub use cache::{Cache, CacheSpace, Checked, Removed};
pub use error::FeatureError;
pub use export::{ExportFormat, FeatureTable};
pub use extract::{ExtractOptions, extract};
pub use features::Features;
pub use views::Views;
