//! What a classifier is worth, in numbers.
//!
//! [`Evaluation`] takes true labels and predicted probabilities and gives accuracy with its 95 % interval,
//! top-k, per-class precision, recall and F1 with their averages, the confusion matrix, log-loss and
//! calibration error; [`MultiLabelEvaluation`] does the like for rows that may have several classes, and [`Worth`] is
//! either of them; [`EpochRecord`] is one line of a training history. The crate deliberately does not know tensors,
//! files or screens: it takes slices, and returns numbers and strings.
//!
//! ```
//! use tl_metrics::Evaluation;
//!
//! let classes = ["cat".to_owned(), "dog".to_owned()];
//! let labels = [0, 0, 1];
//! let probabilities = [0.9, 0.1, 0.4, 0.6, 0.2, 0.8];
//! let evaluation = Evaluation::new(&classes, &labels, &probabilities)?;
//! assert_eq!(evaluation.accuracy, 2.0 / 3.0);
//! assert_eq!(evaluation.confusion, [[1, 1], [0, 1]]);
//! println!("{}", evaluation.report());
//! # Ok::<(), tl_metrics::MetricsError>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod average_precision;
mod calibration;
mod class_metrics;
mod confusion;
mod epoch;
mod error;
mod evaluation;
mod log_loss;
mod multi_label;
mod predictions;
mod proportion;
mod report;
mod top_k;
mod worth;

pub use class_metrics::{Averages, ClassMetrics};
pub use epoch::EpochRecord;
pub use error::MetricsError;
pub use evaluation::Evaluation;
pub use multi_label::MultiLabelEvaluation;
pub use proportion::Proportion;
pub use top_k::TopK;
pub use worth::Worth;
