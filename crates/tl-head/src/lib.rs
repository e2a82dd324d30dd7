//! The classifier on features.
//!
//! [`Head`] is a stack of dense layers with relu between and logits at the end: the notebook's
//! 1024/1024/512, any other sizes, or one layer. [`Backprop`] trains it on rows of features, without libtorch;
//! [`TensorHead`] is its form for autograd. Beside them are the losses, the calibration of probabilities, and
//! [`fit_logistic`], which finds the best linear head directly instead of by epochs.
//! The crate deliberately does not know images, networks or files: rows of numbers come in, rows go out.
//!
//! ```
//! use tl_head::{Backprop, Head, HeadConfig, LossOptions, Targets, row_loss};
//!
//! let head = Head::new(&HeadConfig::linear(4, 2), 42)?;
//! let (features, targets) = ([0.1, 0.2, 0.3, 0.4], Targets::Labels(vec![1]));
//! let loss = |logits: &[f32]| row_loss(logits, 2, &targets, &LossOptions::default());
//! let before = loss(&head.logits(&features)?)?.value;
//!
//! // A step of gradient descent.
//! let mut training = Backprop::new(&head);
//! training.run(&features, loss, &|own, gradient| {
//!     own.weight.iter_mut().zip(gradient.weight).for_each(|(w, g)| *w -= 0.1 * g);
//!     own.bias.iter_mut().zip(gradient.bias).for_each(|(b, g)| *b -= 0.1 * g);
//! })?;
//! assert!(loss(&training.head()?.logits(&features)?)?.value < before);
//! # Ok::<(), tl_head::HeadError>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backprop;
mod binary;
mod config;
mod error;
mod head;
mod initial;
mod lbfgs;
mod logistic;
mod loss;
mod pass;
mod row_loss;
mod targets;
mod temperature;
mod tensor_head;

pub use backprop::{Backprop, BlockGradient, BlockParameters};
pub use binary::binary_cross_entropy;
pub use config::HeadConfig;
pub use error::HeadError;
pub use head::Head;
pub use logistic::{
    CrossValidation, CvScore, LogisticFit, LogisticOptions, fit_logistic, fit_logistic_cv, fit_logistic_several_cv,
};
pub use loss::{LossOptions, balanced_class_weights, cross_entropy, loss_on, mixed_cross_entropy};
pub use row_loss::{RowLoss, mixed_row_loss, row_loss};
pub use targets::Targets;
pub use temperature::{fit_temperature, probabilities};
pub use tensor_head::TensorHead;
/// Where parameters lie while they are trained, and what is remembered of them should.
pub use tl_kernels::Aligned;
