//! Binary cross-entropy, for rows that may have several classes or none.

use tch::{Kind, Reduction, Tensor};

use crate::{error::HeadError, loss::LossOptions};

/// Mean binary cross-entropy in nats over rows and classes: a scalar with its graph.
///
/// `logits` are `[N, K] f32`, and `targets` `[N, K] f32`, 1 where the row has the class and 0 where not, or something
/// between. This is PyTorch's `F.binary_cross_entropy_with_logits`. A label smoothing of `s` puts `t (1 - s) + s / 2`
/// in place of `t`, as Keras's `BinaryCrossentropy` does.
///
/// # Errors
/// [`HeadError::Shape`] for targets that are not of the logits' shape and f32, [`HeadError::Option`] for a smoothing
/// out of range, class weights, and the focal loss's gamma: those have several meanings here.
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor, options: &LossOptions) -> Result<Tensor, HeadError> {
    let (shape, found) = (logits.size(), targets.size());
    if shape.len() != 2 || shape != found || targets.kind() != Kind::Float {
        return Err(HeadError::Shape { what: "targets", expected: format!("{shape:?} f32, [N, K]"), found });
    }
    options.check(shape[1] as usize)?;
    check_binary(options)?;
    let smoothing = options.label_smoothing;
    let targets = targets.f_mul_scalar(1.0 - smoothing)?.f_add_scalar(smoothing / 2.0)?;
    Ok(logits.f_binary_cross_entropy_with_logits(&targets, None::<&Tensor>, None::<&Tensor>, Reduction::Mean)?)
}

pub(crate) fn check_binary(options: &LossOptions) -> Result<(), HeadError> {
    let (name, range) = ("class weights or gamma of the focal loss", "none with binary cross-entropy");
    if options.class_weights.is_some() || options.focal_gamma > 0.0 {
        return Err(HeadError::Option { name, value: format!("{options:?}"), range });
    }
    Ok(())
}
