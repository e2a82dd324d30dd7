//! The best linear head where rows may have several classes, or none.

use tch::{Kind, Tensor};

use super::{
    CrossValidation, LogisticOptions,
    cross_validation::{check_choice, fit_cv},
    table::{Rows, Table},
};
use crate::{config::HeadConfig, error::HeadError, head::Head};

/// Fits a logistic regression for each class alone, with the penalty that does best for it on rows held out, to
/// `features` `[N, F] f32` and `targets` `[N, K] f32`, 1 where a row has the class and 0 where not.
///
/// The head's logits are those of [`crate::binary_cross_entropy`]; each class's objective is that of
/// [`crate::fit_logistic`] for two classes, the row having it or not (scikit-learn's `OneVsRestClassifier`). A class
/// that all rows have, or none, gets the bias of half a row to the contrary, and no weights.
///
/// # Errors
/// As those of [`crate::fit_logistic_cv`], and one for class weights: they have several meanings here.
pub fn fit_logistic_several_cv(
    features: &Tensor,
    targets: &Tensor,
    choice: &CrossValidation,
    options: &LogisticOptions,
) -> Result<Head, HeadError> {
    let n_rows = features.size().first().copied().unwrap_or(0);
    let &[n_targets, n_classes] = targets.size().as_slice() else { return Err(shape(n_rows, targets)) };
    if n_targets != n_rows {
        return Err(shape(n_rows, targets));
    }
    if options.loss.class_weights.is_some() {
        let value = format!("{:?}", options.loss.class_weights);
        return Err(HeadError::Option { name: "class weights", value, range: "none where rows have several classes" });
    }
    check_choice(choice, n_rows as usize)?;
    let rows = Rows::new(features, n_rows as usize)?;
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for class in 0..n_classes {
        let (weight, bias) = fit_class(&rows, &targets.f_select(1, class)?, features.size()[1], choice, options)?;
        weights.push(weight);
        biases.push(bias);
    }
    let config = HeadConfig::linear(features.size()[1] as usize, n_classes as usize);
    let tensors = [("layers.0.weight", Tensor::f_stack(&weights, 0)?), ("layers.0.bias", Tensor::f_stack(&biases, 0)?)];
    Head::from_tensors(&config, tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into())
}

/// Weight `[F]` and bias `[]` of the class that rows have where `target` `[N]` is 1.
fn fit_class(
    rows: &Rows,
    target: &Tensor,
    width: i64,
    choice: &CrossValidation,
    options: &LogisticOptions,
) -> Result<(Tensor, Tensor), HeadError> {
    let labels: Vec<usize> = tl_torch::to_vec_f32(target)?.into_iter().map(|t| usize::from(t > 0.5)).collect();
    let n_with = labels.iter().sum::<usize>();
    if n_with == 0 || n_with == labels.len() {
        let odds = (n_with as f64 + 0.5) / ((labels.len() - n_with) as f64 + 0.5);
        let zeros = Tensor::f_zeros([width], (Kind::Float, target.device()))?;
        return Ok((zeros, Tensor::f_from_slice(&[odds.ln() as f32])?.f_squeeze()?));
    }
    let fit = fit_cv(&Table::new(rows, &labels, 2, &options.loss)?, choice, options)?;
    // A softmax over two is a sigmoid of their difference.
    let difference = |tensor: &Tensor| tensor.f_select(0, 1)?.f_sub(&tensor.f_select(0, 0)?);
    match fit.head.parameters().as_slice() {
        [(_, weight), (_, bias)] => Ok((difference(weight)?, difference(bias)?)),
        _ => Err(shape(labels.len() as i64, target)),
    }
}

fn shape(n_rows: i64, targets: &Tensor) -> HeadError {
    HeadError::Shape { what: "targets", expected: format!("[{n_rows}, K]"), found: targets.size() }
}
