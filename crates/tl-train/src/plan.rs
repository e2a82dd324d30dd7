//! Options, checked once and together.

use tl_backbone::{Precision, Spec, spec};
use tl_head::HeadConfig;

use crate::{
    error::TrainError,
    options::{HeadKind, TrainOptions},
};

/// Options that were checked against each other; what a run goes by.
#[derive(Debug, Clone)]
pub struct Plan {
    options: TrainOptions,
    spec: &'static Spec,
    precision: Precision,
}

impl Plan {
    /// Checks the options and reports every problem at once.
    pub fn new(options: TrainOptions) -> Result<Self, TrainError> {
        let mut problems = Vec::new();
        let spec = spec(&options.backbone).map_err(|e| problems.push(e.to_string())).ok();
        problems.extend(checks(&options).into_iter().filter(|(ok, _)| !ok).map(|(_, problem)| problem));
        match (spec, problems.is_empty()) {
            (Some(spec), true) => Ok(Self { precision: options.precision.resolve(), spec, options }),
            _ => Err(TrainError::Options { problems }),
        }
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// The backbone to use.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// Arithmetic of the backbone on this machine.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The head for `n_classes` classes.
    #[must_use]
    pub fn head_config(&self, n_classes: usize) -> HeadConfig {
        let hidden = match self.options.head {
            HeadKind::Mlp => self.options.hidden.clone(),
            HeadKind::Linear | HeadKind::Logistic => Vec::new(),
        };
        HeadConfig { n_features: self.spec.n_features, hidden, n_classes }
    }
}

/// Each condition with the sentence that says how it was broken.
fn checks(o: &TrainOptions) -> Vec<(bool, String)> {
    vec![
        (
            (0.0..1.0).contains(&o.val_fraction),
            format!("val_fraction is {}, but it is a fraction: 0 or more, below 1", o.val_fraction),
        ),
        (
            (0.0..=1.0).contains(&o.max_skipped),
            format!("max_skipped is {}, but it is a fraction from 0 to 1", o.max_skipped),
        ),
        (o.epochs > 0, "epochs is 0; train for at least 1".to_owned()),
        (o.batch_size > 0, "batch_size is 0; use at least 1 (32 is usual)".to_owned()),
        (o.lr.is_finite() && o.lr > 0.0, format!("lr is {}, but it must be above 0 (0.001 is usual)", o.lr)),
        (
            (0.0..1.0).contains(&o.label_smoothing),
            format!("label_smoothing is {}, but it must be 0 or more and below 1", o.label_smoothing),
        ),
        (
            o.hidden.iter().all(|n| (1..=65_536).contains(n)),
            format!("hidden is {:?}, but each size must be from 1 to 65536", o.hidden),
        ),
        (o.threads <= 1024, format!("threads is {}, more than any machine has; 0 takes one per core", o.threads)),
    ]
}
