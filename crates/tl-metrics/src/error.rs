//! What can be wrong with the input.

/// Why numbers could not be computed.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// There is nothing to evaluate.
    #[error("there is nothing to evaluate: {n_classes} classes and {n_rows} rows; give at least one of each")]
    Empty {
        /// Classes given.
        n_classes: usize,
        /// Labels given.
        n_rows: usize,
    },
    /// The probabilities are not one row per label.
    #[error("{n_labels} labels and {n_classes} classes need {} probabilities, but there are {found}", n_labels * n_classes)]
    Length {
        /// Labels given.
        n_labels: usize,
        /// Classes given.
        n_classes: usize,
        /// Probabilities given.
        found: usize,
    },
    /// No class, or several, where one is meant.
    #[error("row {row} has {n_labels} classes, but it must have one; evaluate several classes as such")]
    NotOne {
        /// Position of the row.
        row: usize,
        /// Classes that it has.
        n_labels: usize,
    },
    /// A label that names no class.
    #[error("row {row} has label {label}, but the labels of {n_classes} classes go from 0 to {}", n_classes - 1)]
    Label {
        /// Position of the label.
        row: usize,
        /// The label.
        label: usize,
        /// Classes given.
        n_classes: usize,
    },
    /// A value that is no probability: NaN, below 0 or above 1.
    #[error(
        "row {row} gives class {class} the probability {value}; apply softmax (or sigmoid) to logits, and look for NaN in the model"
    )]
    Probability {
        /// Position of the row.
        row: usize,
        /// Position in the row.
        class: usize,
        /// The value.
        value: f32,
    },
    /// A row that does not sum to one.
    #[error("the probabilities of row {row} sum to {sum:.3}, not to 1; apply softmax to logits")]
    Sum {
        /// Position of the row.
        row: usize,
        /// Its sum.
        sum: f64,
    },
}
