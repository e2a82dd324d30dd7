//! `MobileNet` V1, V2 and V3 small with their `ImageNet` weights: a trainable form ([`Backbone`]) with
//! `BatchNorm` and freezing, and an inference form ([`Network`]) compiled into fused steps for the CPU;
//! what belongs to the weights (preprocessing, width, classes, licence, hash) is in one table
//! ([`registry`]). It does not know files of photos, nor what is built on the features.
//!
//! ```
//! use std::path::Path;
//! use tl_backbone::{Network, Precision, Weights, imagenet_classes, spec};
//! # std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?;
//!
//! let weights = Weights::open(Path::new("data/weights/mobilenet_v1.safetensors"), spec("mobilenet_v1")?)?;
//! let network = Network::compile(&weights, Precision::F32, 1)?;
//! let grey = vec![128; 224 * 224 * 3];
//! let features = network.features(&grey, 1)?; // [1, 1024]
//! let best = network.logits(&features)?.argmax(-1, false).int64_value(&[0]);
//! println!("{}", imagenet_classes()[usize::try_from(best)?].name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod architecture;
mod backbone;
mod compiler;
mod describer;
mod device_fold;
mod device_input;
mod engine;
mod error;
mod excite;
mod expected;
mod fold;
mod folded;
mod imagenet_classes;
mod initial;
mod input;
mod kernels;
mod layers;
mod layout;
mod mobilenet_v1;
mod mobilenet_v2;
mod mobilenet_v3;
mod network;
mod networks;
mod precision;
mod preprocessing;
mod registry;
mod round;
mod steps;
mod synced;
mod top;
mod weights;

pub use backbone::{Backbone, BatchNorm};
pub use device_fold::{DeviceFold, DeviceFolded};
pub use device_input::DeviceInput;
pub use engine::Engine;
pub use error::BackboneError;
pub use folded::Folded;
pub use imagenet_classes::{ImageNetClass, imagenet_classes};
pub use layers::{LayerInfo, layers};
pub use network::{CompileOptions, Network};
pub use networks::Networks;
pub use precision::Precision;
pub use preprocessing::Preprocessing;
pub use registry::{Spec, registry, spec};
pub use synced::Synced;
pub use top::Top;
pub use weights::Weights;
