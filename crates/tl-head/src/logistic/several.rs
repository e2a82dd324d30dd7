//! The best linear head where rows may have several classes, or none.

use tch::Tensor;
use tl_torch::Array;

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
    let config = HeadConfig::linear(features.size()[1] as usize, n_classes as usize);
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for class in 0..n_classes {
        let (weight, bias) = fit_class(&rows, &targets.f_select(1, class)?, config.n_features, choice, options)?;
        weights.extend(weight);
        biases.extend(bias);
    }
    let weight = Array::new(weights, &[config.n_classes, config.n_features])?;
    let arrays = [("layers.0.weight", weight), ("layers.0.bias", Array::new(biases, &[config.n_classes])?)];
    Head::from_arrays(&config, arrays.map(|(name, array)| (name.to_owned(), array)).into())
}

/// Weight `[F]` and bias `[1]` of the class that rows have where `target` `[N]` is 1.
fn fit_class(
    rows: &Rows,
    target: &Tensor,
    width: usize,
    choice: &CrossValidation,
    options: &LogisticOptions,
) -> Result<(Vec<f32>, Vec<f32>), HeadError> {
    let labels: Vec<usize> = tl_torch::to_vec_f32(target)?.into_iter().map(|t| usize::from(t > 0.5)).collect();
    let n_with = labels.iter().sum::<usize>();
    if n_with == 0 || n_with == labels.len() {
        let odds = (n_with as f64 + 0.5) / ((labels.len() - n_with) as f64 + 0.5);
        return Ok((vec![0.0; width], vec![odds.ln() as f32]));
    }
    let fit = fit_cv(&Table::new(rows, &labels, 2, &options.loss)?, choice, options)?;
    // A softmax over two is a sigmoid of their difference.
    let difference = |array: &Array| {
        let (absent, present) = array.values().split_at(array.values().len() / 2);
        present.iter().zip(absent).map(|(present, absent)| present - absent).collect()
    };
    match fit.head.parameters().as_slice() {
        [(_, weight), (_, bias)] => Ok((difference(weight), difference(bias))),
        _ => Err(shape(labels.len() as i64, target)),
    }
}

fn shape(n_rows: i64, targets: &Tensor) -> HeadError {
    HeadError::Shape { what: "targets", expected: format!("[{n_rows}, K]"), found: targets.size() }
}
