//! The photos of a step, and parts of them.

use std::borrow::Cow;

use tch::Tensor;
use tl_head::LossOptions;

use super::source::StepBatch;
use crate::{error::TrainError, mix::Mix, targets::Answers};

/// The photos of a step, mixed or as they came.
pub(crate) struct StepPhotos<'a> {
    /// Empty where their activations are kept.
    pixels: Cow<'a, [u8]>,
    places: &'a [usize],
    labels: Cow<'a, [usize]>,
    answers: Answers<'a>,
    /// Labels of the partners that photos are mixed with, which have less of the photos than `labels`.
    partners: Option<Vec<usize>>,
    /// What photos have of `labels`.
    share: f64,
}

impl<'a> StepPhotos<'a> {
    pub(crate) fn new(batch: &'a StepBatch, answers: Answers<'a>, side: usize, mix: Option<Mix>) -> Self {
        let (labels, places) = (batch.labels(), batch.places());
        let Some(mix) = mix else {
            let pixels = batch.pixels().into();
            return Self { pixels, places, labels: labels.into(), answers, partners: None, share: 1.0 };
        };
        let (pixels, share) = mix.pixels(batch.pixels(), side);
        let reversed: Vec<usize> = labels.iter().rev().copied().collect();
        let (pixels, own) = (pixels.into(), labels.to_vec());
        match share >= 0.5 {
            true => Self { pixels, places, labels: own.into(), answers, partners: Some(reversed), share },
            false => Self { pixels, places, labels: reversed.into(), answers, partners: Some(own), share: 1.0 - share },
        }
    }

    /// The photos in parts of `size`, with what each part counts.
    pub(crate) fn parts(&self, size: usize, loss: &LossOptions) -> Vec<Photos<'_>> {
        let weight = |labels: &[usize]| match &loss.class_weights {
            None => labels.len() as f64,
            Some(weights) => labels.iter().map(|&label| f64::from(weights[label])).sum(),
        };
        let n = self.labels.len();
        let photo_bytes = self.pixels.len() / n;
        let (all, all_partners) = (weight(&self.labels), self.partners.as_deref().map(weight));
        let part = |first: usize| {
            let range = first..(first + size).min(n);
            let labels = &self.labels[range.clone()];
            let partners = self.partners.as_ref().zip(all_partners).map(|(partners, all)| {
                let labels = &partners[range.clone()];
                (labels, (1.0 - self.share) * (weight(labels) / all))
            });
            let pixels = &self.pixels[range.start * photo_bytes..range.end * photo_bytes];
            let share = self.share * (weight(labels) / all);
            Photos { pixels, places: &self.places[range], labels, answers: self.answers, share, partners }
        };
        (0..n).step_by(size).map(part).collect()
    }
}

/// Photos of a micro-batch and what they count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Photos<'a> {
    /// `[n, side, side, 3]` RGB; empty where what the frozen blocks make of them is kept.
    pub(crate) pixels: &'a [u8],
    /// Where they stand in the list of training photos; beyond its end it is gone through again.
    pub(crate) places: &'a [usize],
    pub(crate) labels: &'a [usize],
    pub(crate) answers: Answers<'a>,
    /// Their part of the step's loss; all parts and those of partners add up to 1.
    pub(crate) share: f64,
    /// Labels of what they are mixed with, and their part of the loss.
    pub(crate) partners: Option<(&'a [usize], f64)>,
}

impl<'a> Photos<'a> {
    /// The same photos, `size` at a time. Their shares remain those of the whole.
    pub(crate) fn parts(&self, size: usize) -> Vec<Photos<'a>> {
        let (n, photo_bytes) = (self.labels.len(), self.pixels.len() / self.labels.len());
        let part = |first: usize| {
            let range = first..(first + size).min(n);
            let pixels = &self.pixels[range.start * photo_bytes..range.end * photo_bytes];
            Photos { pixels, places: &self.places[range.clone()], labels: &self.labels[range], ..*self }
        };
        (0..n).step_by(size).map(|first| Photos { partners: None, ..part(first) }).collect()
    }

    /// Labels with the parts that they count.
    pub(crate) fn targets(&self) -> Result<Vec<(Tensor, f64)>, TrainError> {
        let own = (self.answers.targets(self.labels).to_tensor()?, self.share);
        let partners = self
            .partners
            .map(|(labels, share)| Ok::<_, TrainError>((self.answers.targets(labels).to_tensor()?, share)));
        Ok(std::iter::once(own).chain(partners.transpose()?).collect())
    }
}
