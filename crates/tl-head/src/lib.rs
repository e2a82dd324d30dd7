//! The classifier on features.
//!
//! [`Head`] is a stack of dense layers with relu between and logits at the end: the notebook's
//! 1024/1024/512, any other sizes, or one layer. Beside it are its loss, the calibration of its
//! probabilities, and [`fit_logistic`], which finds the best linear head directly instead of by epochs.
//! The crate deliberately does not know images, networks or files: rows of numbers come in, rows go out.
//!
//! ```
//! use tch::Tensor;
//! use tl_head::{Head, HeadConfig, LossOptions, cross_entropy, probabilities};
//!
//! let config = HeadConfig::linear(4, 2);
//! let head = Head::new(&config, 42)?;
//! let features = Tensor::f_from_slice(&[0.1f32, 0.2, 0.3, 0.4])?.f_reshape([1, 4])?;
//! let logits = head.forward(&features)?;
//! let loss = cross_entropy(&logits, &Tensor::f_from_slice(&[1i64])?, &LossOptions::default())?;
//! assert_eq!(logits.size(), [1, 2]);
//! assert_eq!(probabilities(&logits, 1.0)?.size(), [1, 2]);
//! assert!(loss.double_value(&[]) > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backprop;
mod binary;
mod config;
mod error;
mod head;
mod inference;
mod initial;
mod lbfgs;
mod logistic;
mod loss;
mod pass;
mod product;
mod task;
mod temperature;

pub use backprop::Backprop;
pub use binary::binary_cross_entropy;
pub use config::HeadConfig;
pub use error::HeadError;
pub use head::Head;
pub use inference::InferenceHead;
pub use logistic::{
    CrossValidation, CvScore, LogisticFit, LogisticOptions, fit_logistic, fit_logistic_cv, fit_logistic_several_cv,
};
pub use loss::{LossOptions, balanced_class_weights, cross_entropy, loss_on, mixed_cross_entropy};
pub use task::BlockGradient;
pub use temperature::{fit_temperature, probabilities};
