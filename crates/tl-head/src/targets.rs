//! What rows are to be answered with.

use tch::Tensor;

use crate::error::HeadError;

/// What rows are to be answered with.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A class each.
    Labels(Vec<usize>),
    /// Several classes each, or none.
    Several {
        /// `[N, n_classes]` row by row: 1 where the row has the class, 0 where not.
        rows: Vec<f32>,
        /// Classes there are.
        n_classes: usize,
    },
}

impl Targets {
    /// Rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Several { rows, n_classes } => rows.len() / (*n_classes).max(1),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those of the rows at `places`, in this order.
    ///
    /// # Panics
    /// Where there is no such row.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        match self {
            Self::Labels(labels) => Self::Labels(places.iter().map(|&place| labels[place]).collect()),
            &Self::Several { ref rows, n_classes } => {
                let row = |&place: &usize| rows[place * n_classes..][..n_classes].iter().copied();
                Self::Several { rows: places.iter().flat_map(row).collect(), n_classes }
            }
        }
    }

    /// As a loss on tensors takes them: `[N] i64` or `[N, n_classes] f32`.
    ///
    /// # Errors
    /// [`HeadError::Torch`] for rows that are not all `n_classes` wide.
    pub fn to_tensor(&self) -> Result<Tensor, HeadError> {
        Ok(match self {
            Self::Labels(labels) => {
                Tensor::f_from_slice(&labels.iter().map(|&label| label as i64).collect::<Vec<_>>())?
            }
            Self::Several { rows, n_classes } => {
                tl_torch::tensor_from_f32(rows, &[self.len() as i64, *n_classes as i64])?
            }
        })
    }

    /// Rows whose most probable class is theirs, the first of several that tie; or that have the classes with a probability
    /// of 0.5 or more, and no others. `logits` are `[N, n_classes]`, row by row.
    #[must_use]
    pub fn n_correct(&self, logits: &[f32], n_classes: usize) -> usize {
        let logits = logits.chunks_exact(n_classes.max(1));
        match self {
            Self::Labels(labels) => logits.zip(labels).filter(|(row, label)| largest(row) == **label).count(),
            Self::Several { rows, .. } => {
                let is_right = |(logits, row): &(&[f32], &[f32])| {
                    logits.iter().zip(*row).all(|(&logit, &target)| (logit >= 0.0) == (target > 0.5))
                };
                logits.zip(rows.chunks_exact(n_classes.max(1))).filter(is_right).count()
            }
        }
    }
}

fn largest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
