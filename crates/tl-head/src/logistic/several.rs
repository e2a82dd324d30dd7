//! The best linear head where rows may have several classes, or none.

use std::sync::atomic::AtomicBool;

use tl_torch::Array;

use super::{
    CrossValidation, LogisticFit, LogisticOptions,
    cross_validation::{check_choice, fit_cv},
    rows::Rows,
    table::Table,
};
use crate::{config::HeadConfig, error::HeadError, head::Head};

/// Fits a logistic regression for each class alone, with the penalty that does best for it on rows held out, to
/// `features` `[N, F]` and `targets` `[N, n_classes]`, row by row, 1 where a row has the class and 0 where not.
///
/// The head's logits are those of [`crate::binary_cross_entropy`]; each class's objective is that of
/// [`crate::fit_logistic`] for two classes, the row having it or not (scikit-learn's `OneVsRestClassifier`). A class
/// that all rows have, or none, gets the bias of half a row to the contrary, and no weights. How each class's fit went
/// comes back beside the head: none for such a class, else the head of the two classes, not having it and having it.
///
/// # Errors
/// As those of [`crate::fit_logistic_cv`], and [`HeadError::Option`] for targets that are neither 0 nor 1, and for class
/// weights: they have several meanings here.
pub fn fit_logistic_several_cv(
    features: &[f32],
    targets: &[f32],
    n_classes: usize,
    choice: &CrossValidation,
    options: &LogisticOptions,
    stop: &AtomicBool,
) -> Result<(Head, Vec<Option<LogisticFit>>), HeadError> {
    let n_rows = targets.len() / n_classes.max(1);
    if n_classes == 0 || targets.len() != n_rows * n_classes {
        let (expected, found) = (format!("[N, {n_classes}], of a class at least"), vec![targets.len() as i64]);
        return Err(HeadError::Shape { what: "targets", expected, found });
    }
    if let Some(target) = targets.iter().find(|target| ![0.0, 1.0].contains(*target)) {
        return Err(HeadError::Option { name: "a target", value: target.to_string(), range: "0 or 1" });
    }
    if options.loss.class_weights.is_some() {
        let value = format!("{:?}", options.loss.class_weights);
        return Err(HeadError::Option { name: "class weights", value, range: "none where rows have several classes" });
    }
    check_choice(choice, n_rows)?;
    let rows = Rows::new(features, n_rows)?;
    let config = HeadConfig::linear(rows.width, n_classes);
    let (mut weights, mut biases, mut fits) = (Vec::new(), Vec::new(), Vec::new());
    for class in 0..n_classes {
        let labels: Vec<usize> = targets.iter().skip(class).step_by(n_classes).map(|t| usize::from(*t > 0.5)).collect();
        let fit = fit_class(&rows, &labels, choice, options, stop)?;
        let (weight, bias) = match &fit {
            Some(fit) => difference(fit),
            None => (vec![0.0; rows.width], vec![log_odds(&labels)]),
        };
        weights.extend(weight);
        biases.extend(bias);
        fits.push(fit);
    }
    let weight = Array::new(weights, &[config.n_classes, config.n_features])?;
    let arrays = [("layers.0.weight", weight), ("layers.0.bias", Array::new(biases, &[config.n_classes])?)];
    Ok((Head::from_arrays(&config, arrays.map(|(name, array)| (name.to_owned(), array)).into())?, fits))
}

/// The fit that tells rows of label 1 from the others; none where there are no two kinds.
fn fit_class(
    rows: &Rows,
    labels: &[usize],
    choice: &CrossValidation,
    options: &LogisticOptions,
    stop: &AtomicBool,
) -> Result<Option<LogisticFit>, HeadError> {
    let n_with = labels.iter().sum::<usize>();
    if n_with == 0 || n_with == labels.len() {
        return Ok(None);
    }
    fit_cv(&Table::new(rows, labels, 2, &options.loss)?, choice, options, stop).map(Some)
}

/// The logarithm of how many rows have the class to how many have not, half a row added to both.
fn log_odds(labels: &[usize]) -> f32 {
    let n_with = labels.iter().sum::<usize>();
    ((n_with as f64 + 0.5) / ((labels.len() - n_with) as f64 + 0.5)).ln() as f32
}

/// Weight `[F]` and bias `[1]` of the second of two classes against the first: a softmax over two is a sigmoid of their
/// difference.
fn difference(fit: &LogisticFit) -> (Vec<f32>, Vec<f32>) {
    let differences = fit.head.parameters().into_iter().map(|(_, array)| {
        let (absent, present) = array.values().split_at(array.values().len() / 2);
        present.iter().zip(absent).map(|(present, absent)| present - absent).collect()
    });
    let mut differences: Vec<Vec<f32>> = differences.collect();
    let bias = differences.pop().unwrap_or_default();
    (differences.pop().unwrap_or_default(), bias)
}
