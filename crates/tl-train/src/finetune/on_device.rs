//! The gradient of a batch on a GPU: one graph of all photos, which has enough in it to keep such a device busy.
//!
//! Sums are then in whatever order the device takes them: its bits do not repeat as the processor's do.

use tch::{Device, Kind, Tensor};
use tl_backbone::{Backbone, DeviceFold, DeviceInput, Folded};
use tl_head::{LossOptions, mixed_cross_entropy};
use tl_torch::upload;

use super::{
    gradients::{Gradients, in_order},
    model::Model,
    photos::Photos,
};
use crate::{error::TrainError, gradients::GradientSum, options::NormKind, plan::Plan, targets::hits};

/// What stays on the device from step to step.
pub(crate) struct OnDevice {
    device: Device,
    input: DeviceInput,
    /// Of the photos, in pixels.
    side: usize,
    /// The blocks before the first trained one.
    frozen: Folded,
    /// Where statistics stay; none where they are the batch's.
    fold: Option<DeviceFold>,
}

/// What a batch says, still on the device.
struct Part {
    /// As in [`Gradients`], of the loss that was multiplied.
    by_parameter: Vec<Tensor>,
    /// `[2] f64`: the loss, and how many answers are right.
    numbers: Tensor,
}

impl OnDevice {
    /// For steps of `backbone`, which is on `device` already.
    pub(crate) fn new(plan: &Plan, backbone: &Backbone, device: Device) -> Result<Self, TrainError> {
        let (preprocessing, precision) = (plan.preprocessing(), plan.tuning_precision());
        Ok(Self {
            device,
            input: DeviceInput::new(&preprocessing, device)?,
            side: preprocessing.geometry.side as usize,
            frozen: backbone.fold_frozen(precision)?,
            fold: match plan.options().batch_norm {
                NormKind::Frozen => Some(DeviceFold::new(backbone, precision)?),
                NormKind::Batch => None,
            },
        })
    }

    /// The gradient of the loss of all `batches`, f32. The loss is multiplied by `scale` on its way back, so that f16 can
    /// hold small gradients, and they are divided by it in the end: where it was too much they are not finite.
    pub(crate) fn gradients(
        &self,
        model: &Model,
        batches: &[Photos<'_>],
        loss: &LossOptions,
        scale: f64,
    ) -> Result<Gradients, TrainError> {
        let (mut sum, mut numbers) = (GradientSum::default(), Vec::new());
        for photos in batches {
            let part = self.batch(model, *photos, loss, scale)?;
            // A batch's loss counts by its share already.
            sum.add(&part.by_parameter, 1.0 / scale)?;
            numbers.push(part.numbers);
        }
        // The device is waited for here, once, when it has been told everything.
        let numbers: Vec<f64> =
            Vec::try_from(&Tensor::f_stack(&numbers, 0)?.f_sum_dim_intlist(0, false, Kind::Double)?)?;
        Ok(Gradients { by_parameter: sum.total(), loss: numbers[0], n_correct: numbers[1] as usize })
    }

    fn batch(&self, model: &Model, photos: Photos<'_>, loss: &LossOptions, scale: f64) -> Result<Part, TrainError> {
        // First, so that nothing waits for what comes after.
        let to_device = |(target, share): (Tensor, f64)| Ok((upload(&target, self.device)?, share));
        let targets = photos.targets()?.into_iter().map(to_device).collect::<Result<Vec<_>, TrainError>>()?;
        let x = self.activations(photos)?;
        let folded = self.fold.as_ref().map(|fold| fold.fold(&model.backbone)).transpose()?;
        let (features, of_backbone): (_, Vec<&Tensor>) = match &folded {
            Some(folded) => (folded.forward(&x)?, folded.leaves().collect()),
            None => (model.backbone.forward_trained(&x)?, model.backbone.parameters().map(|(_, t)| t).collect()),
        };
        let head = model.head.trainable();
        let logits = model.head.forward(&features)?;
        let loss = mixed_cross_entropy(&logits, &targets, loss)?;
        let leaves: Vec<&Tensor> = of_backbone.into_iter().chain(head.iter().map(|(_, tensor)| tensor)).collect();
        let mut by_parameter = Tensor::f_run_backward(&[loss.f_mul_scalar(scale)?], &leaves, false, false)?;
        if let Some(folded) = &folded {
            let of_head = by_parameter.split_off(by_parameter.len() - head.len());
            by_parameter = in_order(model, folded.unfold(&by_parameter)?, of_head)?;
        }
        let numbers = [loss.f_detach()?, hits(&logits, &targets[0].0)?].map(|number| number.f_to_kind(Kind::Double));
        let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Part { by_parameter, numbers: Tensor::f_stack(&numbers, 0)? })
    }

    /// What comes out of the frozen blocks.
    fn activations(&self, photos: Photos<'_>) -> Result<Tensor, TrainError> {
        let _guard = tch::no_grad_guard();
        Ok(self.frozen.activations(&self.input.normalise(photos.pixels, photos.labels.len(), self.side)?)?)
    }
}

#[cfg(test)]
mod tests {
    use tl_backbone::{BatchNorm, Precision, Weights};
    use tl_head::{Head, TensorHead};

    use super::*;
    use crate::{gradients::global_norm, recipe::Recipe, targets::Answers};

    const N: usize = 4;

    /// A step of a network that has learnt nothing, on patterns, as a GPU would take it in `precision`.
    fn step(norm: NormKind, precision: Precision, scale: f64) -> Gradients {
        let mut options = Recipe::Finetune.options();
        (options.backbone, options.side, options.batch_norm) = ("mobilenet_v3_small".to_owned(), 64, norm);
        let plan = Plan::new(options).expect("the settings fit").as_on_gpu();
        let mut backbone =
            Backbone::new(&Weights::initial(plan.spec(), 0).expect("it is drawn")).expect("it is copied");
        let norm = if norm == NormKind::Batch { BatchNorm::Batch } else { BatchNorm::Frozen };
        backbone.train_from(1, norm).expect("there are blocks");
        let head = Head::new(&plan.head_config(3), 0).and_then(|head| TensorHead::of(&head)).expect("it is drawn");
        let step = OnDevice::new(&plan, &backbone, Device::Cpu).expect("the form is made");
        // The plan has no f16 on a processor.
        let fold = step.fold.map(|_| DeviceFold::new(&backbone, precision).expect("it is folded"));
        let step = OnDevice { fold, frozen: backbone.fold_frozen(precision).expect("it is folded"), ..step };
        let pixels: Vec<u8> = (0..N * 64 * 64 * 3).map(|i| (i * i / 97 % 256) as u8).collect();
        let (labels, places) = ([0, 1, 2, 0], [0; N]);
        let answers = Answers { sets: None, n_classes: 3 };
        let photos = Photos { pixels: &pixels, places: &places, labels: &labels, answers, share: 1.0, partners: None };
        let model = Model { backbone, head };
        step.gradients(&model, &[photos], &LossOptions::default(), scale).expect("it is computed")
    }

    #[test]
    fn f16_gives_the_gradients_of_f32_but_for_rounding() {
        for norm in [NormKind::Frozen, NormKind::Batch] {
            let (f32, f16) = (step(norm, Precision::F32, 1.0), step(norm, Precision::F16, 1024.0));
            assert!((f32.loss - f16.loss).abs() < 1e-2 * f32.loss, "{norm:?}: {} and not {}", f16.loss, f32.loss);
            let pairs = f32.by_parameter.iter().zip(&f16.by_parameter);
            let differences: Vec<Tensor> = pairs.map(|(a, b)| a - b).collect();
            let norm_of = |gradients: &[Tensor]| global_norm(gradients).expect("they are numbers");
            let (difference, all) = (norm_of(&differences), norm_of(&f32.by_parameter));
            assert!(difference < 3e-2 * all, "{norm:?}: {difference} of {all}");
        }
    }

    #[test]
    fn too_large_a_scale_shows() {
        let overflown = step(NormKind::Frozen, Precision::F16, 1e9);
        assert!(overflown.loss.is_finite());
        assert!(!global_norm(&overflown.by_parameter).expect("it is computed").is_finite());
    }
}
