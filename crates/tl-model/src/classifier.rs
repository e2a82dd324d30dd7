//! Prediction: photos in, class probabilities out.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use tl_backbone::{Precision, Preprocessing, Weights, imagenet_classes};
use tl_data::{Skipped, n_threads};
use tl_features::{Features, extract};
use tl_head::{Head, probabilities};

use crate::{bundle::Bundle, error::ModelError, predict_options::PredictOptions, stored::StoredBundle};

/// Photos whose features are held at a time: enough that starting the workers anew costs nothing beside the work.
const PART: usize = 2048;

/// A network with classes: a trained bundle, or a pretrained backbone with its ImageNet top.
#[derive(Debug)]
pub struct Classifier {
    weights: Weights,
    preprocessing: Preprocessing,
    classes: Vec<String>,
    multi_label: bool,
    trained_in: Option<Precision>,
    top: Top,
}

/// What turns features into logits.
#[derive(Debug)]
enum Top {
    Head { head: Head, temperature: f64 },
    ImageNet,
}

/// What a model says of one photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Position of the photo in the list that was asked for.
    pub photo: usize,
    /// `[n_classes]`, sums to 1; of a model with several classes per photo, each from 0 to 1 for itself.
    pub probabilities: Vec<f32>,
}

impl Prediction {
    /// The `k` most probable classes with their probabilities, best first; equal ones in class order.
    #[must_use]
    pub fn top(&self, k: usize) -> Vec<(usize, f32)> {
        let mut order: Vec<_> = self.probabilities.iter().copied().enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.truncate(k);
        // Of a thousand classes a few are kept, often for thousands of photos.
        order.shrink_to_fit();
        order
    }

    /// The classes that have at least the probability `threshold`, best first: 0.5 says which are there.
    #[must_use]
    pub fn at_least(&self, threshold: f32) -> Vec<(usize, f32)> {
        let n = self.probabilities.iter().filter(|&&p| p >= threshold).count();
        self.top(n)
    }
}

impl Classifier {
    /// Opens a bundle's file to predict with; where the processor has kernels for its network, no tensor is ever made.
    ///
    /// # Errors
    /// As [`StoredBundle::open`].
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Ok(Self::from_bundle(StoredBundle::open(path)?.bundle))
    }

    /// The same after a check that it still gives the answers it gave when it was saved.
    ///
    /// # Errors
    /// As [`StoredBundle::open`] and [`StoredBundle::verify`].
    pub fn open_verified(path: &Path) -> Result<Self, ModelError> {
        let stored = StoredBundle::open(path)?;
        stored.verify()?;
        Ok(Self::from_bundle(stored.bundle))
    }

    /// A classifier from a trained bundle.
    #[must_use]
    pub fn from_bundle(bundle: Bundle) -> Self {
        let Bundle { weights, head, classes, multi_label, preprocessing, temperature, provenance } = bundle;
        let trained_in = Precision::named(&provenance.precision);
        Self { weights, preprocessing, classes, multi_label, trained_in, top: Top::Head { head, temperature } }
    }

    /// The pretrained network itself, with its own 1000 ImageNet classes.
    #[must_use]
    pub fn imagenet(weights: Weights) -> Self {
        let classes = imagenet_classes().iter().map(|class| class.name.to_owned()).collect();
        let preprocessing = weights.spec().preprocessing.clone();
        Self { weights, preprocessing, classes, multi_label: false, trained_in: None, top: Top::ImageNet }
    }

    /// Class names; position is label.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Whether a photo may have several classes, or none.
    #[must_use]
    pub fn is_multi_label(&self) -> bool {
        self.multi_label
    }

    /// Arithmetic of the features that the head learnt from, if that is known. A head of int8 features does best on such
    /// features; f32, int16 and bf16 can stand for each other.
    #[must_use]
    pub fn trained_in(&self) -> Option<Precision> {
        self.trained_in
    }

    /// Predicts the classes of photos.
    ///
    /// Returns a prediction for each photo that could be read, in order, and the others with their reasons.
    /// `progress` and `stop` are as in [`extract`].
    ///
    /// # Errors
    /// [`ModelError::Features`] as [`extract`] has it, also when `stop` was set and for weights that are no numbers;
    /// [`ModelError::NoNumber`] for heads that give none; [`ModelError::Classes`] for a bundle with other classes than its
    /// head has.
    pub fn predict(
        &self,
        photos: &[PathBuf],
        options: &PredictOptions,
        progress: &mut dyn FnMut(usize),
        stop: &AtomicBool,
    ) -> Result<(Vec<Prediction>, Vec<Skipped>), ModelError> {
        let mut predictions = Vec::new();
        let skipped = self.predict_parts(photos, options, progress, stop, &mut |part| predictions.extend(part))?;
        Ok((predictions, skipped))
    }

    /// As [`Classifier::predict`], a part of the photos after the other, so that memory does not grow with their
    /// number: `take` has the predictions of each part as soon as they are there.
    ///
    /// # Errors
    /// As [`Classifier::predict`]; `take` may have had some parts by then.
    pub fn predict_parts(
        &self,
        photos: &[PathBuf],
        options: &PredictOptions,
        progress: &mut dyn FnMut(usize),
        stop: &AtomicBool,
        take: &mut dyn FnMut(Vec<Prediction>),
    ) -> Result<Vec<Skipped>, ModelError> {
        let options = options.extracting(self.preprocessing.geometry, self.trained_in);
        let mut all_skipped = Vec::new();
        for (i, part) in photos.chunks(PART).enumerate() {
            let first = i * PART;
            let (features, skipped) = extract(&self.weights, part, &options, &mut |n| progress(first + n), stop)?;
            all_skipped.extend(skipped);
            if !features.is_empty() {
                take(self.predictions(&features, first, n_threads(options.n_threads))?);
            }
        }
        Ok(all_skipped)
    }

    /// Of features whose photos are counted from `first`.
    fn predictions(&self, features: &Features, first: usize, n_threads: usize) -> Result<Vec<Prediction>, ModelError> {
        let (logits, temperature) = match &self.top {
            Top::Head { head, temperature } => (head.logits_on(n_threads, &features.rows)?, *temperature),
            Top::ImageNet => (tl_backbone::Top::new(&self.weights)?.logits(&features.rows)?, 1.0),
        };
        let n_classes = self.classes.len();
        let n_answers = logits.len() / features.len();
        if n_answers != n_classes {
            return Err(ModelError::Classes { n_answers, n_names: n_classes });
        }
        let rows = probabilities(&logits, n_classes, temperature, self.multi_label)?;
        if rows.iter().any(|probability| !probability.is_finite()) {
            return Err(ModelError::NoNumber);
        }
        let of_row = |(&photo, row): (&usize, &[f32])| Prediction { photo: first + photo, probabilities: row.to_vec() };
        Ok(features.photos.iter().zip(rows.chunks_exact(n_classes)).map(of_row).collect())
    }
}
