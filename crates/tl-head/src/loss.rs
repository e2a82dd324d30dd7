//! Cross-entropy, and the focal loss that grows out of it.

use tch::{Kind, Reduction, Tensor};

use crate::{binary::binary_cross_entropy, error::HeadError};

/// How the loss looks at labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LossOptions {
    /// What an example of each class counts; none counts all the same.
    pub class_weights: Option<Vec<f32>>,
    /// Probability mass that a label spreads evenly over all classes, 0 or more and below 1.
    pub label_smoothing: f64,
    /// How much less counts what the head is sure of: gamma of the focal loss, 0 or more. 0 is plain cross-entropy.
    pub focal_gamma: f64,
}

impl LossOptions {
    /// Whether the options make sense for `n_classes` classes.
    pub(crate) fn check(&self, n_classes: usize) -> Result<(), HeadError> {
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let value = self.label_smoothing.to_string();
            return Err(HeadError::Option { name: "label smoothing", value, range: "0 or more and below 1" });
        }
        if !(self.focal_gamma.is_finite() && self.focal_gamma >= 0.0) {
            let value = self.focal_gamma.to_string();
            return Err(HeadError::Option { name: "gamma of the focal loss", value, range: "0 or more (2 is usual)" });
        }
        let Some(weights) = &self.class_weights else { return Ok(()) };
        let usable = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().any(|w| *w > 0.0);
        if weights.len() != n_classes || !usable {
            let value = format!("{weights:?}");
            return Err(HeadError::Option {
                name: "class weights",
                value,
                range: "one number per class, 0 or more, not all 0",
            });
        }
        Ok(())
    }
}

/// Mean cross-entropy in nats of `logits` `[N, K] f32` against `labels` `[N] i64`: a scalar with its graph.
///
/// This is PyTorch's `F.cross_entropy(logits, labels, weight, label_smoothing=...)`: with class weights it is the
/// weighted mean, divided by the sum of the examples' weights. Without class weights Keras's
/// `CategoricalCrossentropy(from_logits=True, label_smoothing=...)` is the same; with them Keras divides by the
/// number of examples, so that its value differs by a factor.
///
/// With `focal_gamma` each term `-log p` is multiplied by `(1 - p)^gamma`: the focal loss (Lin et al. 2017,
/// arXiv:1708.02002) over a softmax.
///
/// # Errors
/// [`HeadError::Shape`] for logits that are no rows, or labels that are not one `i64` for each; [`HeadError::Option`]
/// for options out of range; [`HeadError::Torch`] for labels that name no class, which a GPU may tell later.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, options: &LossOptions) -> Result<Tensor, HeadError> {
    let found = logits.size();
    let &[n, n_classes] = found.as_slice() else {
        return Err(HeadError::Shape { what: "logits", expected: "[N, K]".to_owned(), found });
    };
    if labels.size() != [n] || labels.kind() != Kind::Int64 {
        return Err(HeadError::Shape { what: "labels", expected: format!("[{n}] i64"), found: labels.size() });
    }
    options.check(n_classes as usize)?;
    let weights = match &options.class_weights {
        Some(weights) => Some(tl_torch::upload(&Tensor::f_from_slice(weights)?, logits.device())?),
        None => None,
    };
    if options.focal_gamma > 0.0 {
        return focal(logits, labels, weights.as_ref(), options);
    }
    // No row is left out: libtorch's marker for ignored labels is put where no label can be.
    Ok(logits.f_cross_entropy_loss(labels, weights.as_ref(), Reduction::Mean, i64::MIN, options.label_smoothing)?)
}

/// The loss that fits `targets`: [`cross_entropy`] where they are labels `[N] i64`, [`binary_cross_entropy`] where they
/// are rows of ones and zeros `[N, K] f32`.
///
/// # Errors
/// Those of the loss that is taken.
pub fn loss_on(logits: &Tensor, targets: &Tensor, options: &LossOptions) -> Result<Tensor, HeadError> {
    match targets.dim() {
        1 => cross_entropy(logits, targets, options),
        _ => binary_cross_entropy(logits, targets, options),
    }
}

/// Cross-entropy of rows that are made of several: each of `targets` is as for [`loss_on`], with the part that it
/// counts.
///
/// With parts that add up to 1 and no class weights this is PyTorch's `F.cross_entropy` with those probabilities as
/// targets; with class weights each part is a weighted mean of its own.
///
/// # Errors
/// As [`loss_on`], and [`HeadError::Shape`] where there are no targets.
pub fn mixed_cross_entropy(
    logits: &Tensor,
    targets: &[(Tensor, f64)],
    options: &LossOptions,
) -> Result<Tensor, HeadError> {
    let part = |(target, share): &(Tensor, f64)| -> Result<Tensor, HeadError> {
        Ok(loss_on(logits, target, options)?.f_mul_scalar(*share)?)
    };
    let Some((first, others)) = targets.split_first() else {
        let expected = "labels and the part that they count, at least once".to_owned();
        return Err(HeadError::Shape { what: "targets", expected, found: vec![0] });
    };
    others.iter().try_fold(part(first)?, |sum, target| Ok(sum.f_add(&part(target)?)?))
}

/// Sum over rows and classes of `weight · target · (1 - p)^gamma · -log p`, divided as cross-entropy divides it.
fn focal(logits: &Tensor, labels: &Tensor, weights: Option<&Tensor>, o: &LossOptions) -> Result<Tensor, HeadError> {
    let log_p = logits.f_log_softmax(1, None)?;
    // `1 - p` without cancellation. The bound keeps the slope of its power finite where a head is quite sure.
    let unsure = log_p.f_expm1()?.f_neg()?.f_clamp_min(1e-12)?;
    let terms = (unsure.f_pow_tensor_scalar(o.focal_gamma)?).f_mul(&log_p)?.f_neg()?;
    let mut targets = one_hot(labels, logits, o.label_smoothing)?;
    let mut total = Tensor::f_scalar_tensor(logits.size()[0], (logits.kind(), logits.device()))?;
    if let Some(weights) = weights {
        targets = targets.f_mul(weights)?;
        total = weights.f_index_select(0, labels)?.f_sum(None)?;
    }
    Ok(terms.f_mul(&targets)?.f_sum(None)?.f_div(&total)?)
}

/// Labels as rows of probabilities, `smoothing` of them spread over all classes.
fn one_hot(labels: &Tensor, logits: &Tensor, smoothing: f64) -> Result<Tensor, HeadError> {
    let n_classes = logits.size()[1];
    let ones = logits.f_zeros_like()?.f_detach()?.f_scatter_value(1, &labels.f_unsqueeze(1)?, 1.0)?;
    Ok(ones.f_mul_scalar(1.0 - smoothing)?.f_add_scalar(smoothing / n_classes as f64)?)
}

/// Weights that make every class count the same: `n / (k * count)` (King and Zeng 2001), scikit-learn's `balanced`.
///
/// `counts` has the examples of each class; a class without examples gets weight 0 and is left out of `k`, so that
/// the weights of the examples always average to 1.
#[must_use]
pub fn balanced_class_weights(counts: &[usize]) -> Vec<f32> {
    let n: usize = counts.iter().sum();
    let n_present = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &usize| if count == 0 { 0.0 } else { (n as f64 / (n_present * count) as f64) as f32 };
    counts.iter().map(weight).collect()
}
