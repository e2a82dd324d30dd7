//! The photos of a step, and parts of them.

use std::borrow::Cow;

use tch::Tensor;
use tl_data::Batch;
use tl_head::LossOptions;

use super::worker::labels_tensor;
use crate::{error::TrainError, mix::Mix};

/// The photos of a step, mixed or as they came.
pub(crate) struct StepPhotos<'a> {
    pixels: Cow<'a, [u8]>,
    labels: Cow<'a, [usize]>,
    /// Labels of the partners that photos are mixed with, which have less of the photos than `labels`.
    partners: Option<Vec<usize>>,
    /// What photos have of `labels`.
    share: f64,
}

impl<'a> StepPhotos<'a> {
    pub(crate) fn new(batch: &'a Batch, side: usize, mix: Option<Mix>) -> Self {
        let labels: &[usize] = &batch.labels;
        let Some(mix) = mix else {
            return Self { pixels: batch.pixels().into(), labels: labels.into(), partners: None, share: 1.0 };
        };
        let (pixels, share) = mix.pixels(batch.pixels(), side);
        let reversed: Vec<usize> = labels.iter().rev().copied().collect();
        let (pixels, own) = (pixels.into(), labels.to_vec());
        match share >= 0.5 {
            true => Self { pixels, labels: own.into(), partners: Some(reversed), share },
            false => Self { pixels, labels: reversed.into(), partners: Some(own), share: 1.0 - share },
        }
    }

    /// The photos in parts of `size`, with what each part counts.
    pub(crate) fn parts(&self, size: usize, loss: &LossOptions) -> Vec<Photos<'_>> {
        let weight = |labels: &[usize]| match &loss.class_weights {
            None => labels.len() as f64,
            Some(weights) => labels.iter().map(|&label| f64::from(weights[label])).sum(),
        };
        let photo_bytes = self.pixels.len() / self.labels.len();
        let (all, all_partners) = (weight(&self.labels), self.partners.as_deref().map(weight));
        let part = |(i, pixels): (usize, &'_ [u8])| {
            let range = i * size..i * size + pixels.len() / photo_bytes;
            let labels = &self.labels[range.clone()];
            let partners = self.partners.as_ref().zip(all_partners).map(|(partners, all)| {
                let labels = &partners[range];
                (labels, (1.0 - self.share) * (weight(labels) / all))
            });
            (labels, self.share * (weight(labels) / all), partners)
        };
        let chunks = self.pixels.chunks(size * photo_bytes).enumerate();
        chunks
            .map(|(i, pixels)| {
                let (labels, share, partners) = part((i, pixels));
                Photos { pixels, labels, share, partners }
            })
            .collect()
    }
}

/// Photos of a micro-batch and what they count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Photos<'a> {
    /// `[n, side, side, 3]` RGB.
    pub(crate) pixels: &'a [u8],
    pub(crate) labels: &'a [usize],
    /// Their part of the step's loss; all parts and those of partners add up to 1.
    pub(crate) share: f64,
    /// Labels of what they are mixed with, and their part of the loss.
    pub(crate) partners: Option<(&'a [usize], f64)>,
}

impl<'a> Photos<'a> {
    /// The same photos, `size` at a time. Their shares remain those of the whole.
    pub(crate) fn parts(&self, size: usize) -> Vec<Photos<'a>> {
        let photo_bytes = self.pixels.len() / self.labels.len();
        let parts = self.pixels.chunks(size * photo_bytes).zip(self.labels.chunks(size));
        parts.map(|(pixels, labels)| Photos { pixels, labels, share: self.share, partners: None }).collect()
    }

    /// Labels with the parts that they count.
    pub(crate) fn targets(&self) -> Result<Vec<(Tensor, f64)>, TrainError> {
        let own = (labels_tensor(self.labels)?, self.share);
        let partners = self.partners.map(|(labels, share)| Ok::<_, TrainError>((labels_tensor(labels)?, share)));
        Ok(std::iter::once(own).chain(partners.transpose()?).collect())
    }
}
