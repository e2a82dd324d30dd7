//! The form that is trained with `BatchNorm` on the statistics of the batch: the batch in parts, of which all threads
//! compute some, layer by layer, with sums over the parts between.
//!
//! One graph would give the same, on all threads at once, only that its sums would depend on their number, that
//! threads would wait for each other by spinning, and that each norm and activation would take eight passes over
//! memory where four do (synchronised batch normalisation: Peng et al. 2018, "`MegDet`", section 3.3).

mod norm;
mod part;

use std::collections::BTreeMap;

use rayon::{ThreadPool, prelude::*};
use tch::Tensor;
use tl_torch::{Activation, f32_mut, f32_slice, tensor_from_f32};

use self::{
    norm::{Moments, Norm, Sums},
    part::{Part, Window},
};
use crate::{
    architecture::{ConvBn, Layer, Padding},
    backbone::{Backbone, BatchNorm},
    error::BackboneError,
};

/// A batch on its way through the blocks from the first trained one on, and back.
///
/// Its gradients depend on how it is cut into parts, by rounding, and not on the number of threads.
#[derive(Debug)]
pub struct Synced<'a> {
    backbone: &'a Backbone,
    steps: Vec<Step>,
    /// Of the steps that are convolutions, once the batch has passed them.
    norms: Vec<Option<Norm>>,
    /// The first step with something to train.
    first: usize,
    parts: Vec<Part>,
}

/// What is done to the activations in turn, and whether it is trained.
#[derive(Debug)]
struct Step {
    action: Action,
    trained: bool,
}

#[derive(Debug)]
enum Action {
    /// Keeps the activations for the next `Add`.
    Keep,
    Conv {
        window: Window,
        activation: Activation,
        weight: String,
        bn: String,
    },
    /// The names of its four tensors.
    Excite([String; 4]),
    Add,
}

impl Backbone {
    /// A batch of activations before the first block with a trained layer, in parts `[n, C, H, W] f32`. Trained layers
    /// normalise by the statistics of all parts, with [`BatchNorm::Batch`].
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for a part that does not have four dimensions, or when libtorch refuses.
    pub fn synced(&self, parts: &[Tensor]) -> Result<Synced<'_>, BackboneError> {
        let steps = self.steps();
        let first = steps.iter().position(|step| step.trained).unwrap_or(steps.len());
        let part = |x| Part::new(x, steps.iter().map(|step| self.handles(step)).collect::<Result<_, _>>()?);
        let parts = parts.iter().map(part).collect::<Result<_, BackboneError>>()?;
        Ok(Synced { backbone: self, norms: steps.iter().map(|_| None).collect(), steps, first, parts })
    }

    fn steps(&self) -> Vec<Step> {
        let mut trained = self.trained.iter().copied();
        let mut steps = Vec::new();
        for (i, block) in self.architecture.blocks.iter().enumerate() {
            let plain = |action| Step { action, trained: false };
            let layers = block.layers.iter().zip(&mut trained).map(|(layer, trained)| {
                let action = match layer {
                    Layer::Conv(conv) => self.conv_action(conv),
                    Layer::SqueezeExcite(excite) => Action::Excite(excite.names()),
                };
                Step { action, trained }
            });
            let layers: Vec<Step> = layers.collect();
            if i >= self.first_trained {
                steps.extend(block.is_residual.then(|| plain(Action::Keep)));
                steps.extend(layers);
                steps.extend(block.is_residual.then(|| plain(Action::Add)));
            }
        }
        steps
    }

    fn conv_action(&self, conv: &ConvBn) -> Action {
        let window = Window::new(conv, self.architecture.padding);
        Action::Conv { window, activation: conv.activation, weight: conv.conv.clone(), bn: conv.bn.clone() }
    }

    /// What a part computes with: of a convolution its kernel, of squeeze and excite all.
    fn handles(&self, step: &Step) -> Result<Vec<Tensor>, BackboneError> {
        match &step.action {
            Action::Conv { weight, .. } => Ok(vec![self.get(weight, "weight")?.f_detach()?]),
            Action::Excite(names) => names.iter().map(|name| Ok(self.tensor(name)?.f_detach()?)).collect(),
            Action::Keep | Action::Add => Ok(Vec::new()),
        }
    }

    /// Moves a layer's statistics towards the batch's.
    fn move_statistics(&self, bn: &str, batch: &Moments) -> Result<(), BackboneError> {
        // Of the variance Keras keeps that of the batch, torchvision the estimate for all photos.
        let n = if self.architecture.padding == Padding::Same { batch.n } else { (batch.n - 1.0).max(1.0) };
        let variance: Vec<f64> = batch.squares.iter().map(|squares| squares / n).collect();
        for (name, of_batch) in [("running_mean", &batch.mean), ("running_var", &variance)] {
            // A handle to the backbone's own tensor.
            let mut moving = self.get(bn, name)?.shallow_clone();
            for (moving, of_batch) in f32_mut(&mut moving)?.iter_mut().zip(of_batch) {
                *moving += (self.bn_momentum * (of_batch - f64::from(*moving))) as f32;
            }
        }
        Ok(())
    }
}

impl Synced<'_> {
    /// Features `[N, n_features]` of all parts, without a graph. Moves the statistics of trained layers.
    ///
    /// `pool` must hold libtorch to one thread in each of its threads, as that of [`tl_torch::thread_pool`] does.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for parts that do not fit the first block, or are not f32 on the processor;
    /// [`BackboneError::Folded`] or [`BackboneError::Torch`] for none.
    pub fn features(&mut self, pool: &ThreadPool) -> Result<Tensor, BackboneError> {
        for i in 0..self.steps.len() {
            let forget = i < self.first;
            match self.steps[i].action {
                Action::Keep => self.parts.iter_mut().for_each(Part::keep),
                Action::Add => drop(each(pool, &mut self.parts, Part::add)?),
                Action::Excite(_) => drop(each(pool, &mut self.parts, |part| part.excite(i, forget))?),
                Action::Conv { window, .. } => {
                    each(pool, &mut self.parts, |part| part.convolve(i, window))?;
                    let norm = self.norm(i, pool)?;
                    each(pool, &mut self.parts, |part| part.normalise(&norm, forget))?;
                    self.norms[i] = Some(norm);
                }
            }
        }
        let means = each(pool, &mut self.parts, |part| Ok(part.x.f_mean_dim(&[2, 3][..], false, tch::Kind::Float)?))?;
        Ok(Tensor::f_cat(&means, 0)?)
    }

    /// The norm after a convolution that all parts have passed.
    fn norm(&mut self, step: usize, pool: &ThreadPool) -> Result<Norm, BackboneError> {
        let Self { backbone, steps, parts, .. } = self;
        let Step { action: Action::Conv { activation, bn, .. }, trained } = &steps[step] else {
            return Err(BackboneError::Folded);
        };
        let parameters = [f32_slice(backbone.get(bn, "weight")?)?, f32_slice(backbone.get(bn, "bias")?)?];
        let inverse = |variance: f64| 1.0 / (variance + backbone.architecture.bn_eps).sqrt();
        if !*trained || backbone.batch_norm == BatchNorm::Frozen {
            let [mean, variance] = [backbone.get(bn, "running_mean")?, backbone.get(bn, "running_var")?];
            let mean: Vec<f64> = f32_slice(mean)?.iter().map(|v| f64::from(*v)).collect();
            let inverses: Vec<f64> = f32_slice(variance)?.iter().map(|v| inverse(f64::from(*v))).collect();
            return Ok(Norm::new(*activation, parameters, &mean, &inverses, None));
        }
        let moments = each(pool, parts, |part| part.moments())?;
        let moments = moments.into_iter().reduce(|a, b| a.and(&b)).ok_or(BackboneError::Folded)?;
        backbone.move_statistics(bn, &moments)?;
        let inverses: Vec<f64> = moments.squares.iter().map(|squares| inverse(squares / moments.n)).collect();
        Ok(Norm::new(*activation, parameters, &moments.mean, &inverses, Some(moments.n)))
    }

    /// The gradients of the trained parameters, by name, from that of the features.
    ///
    /// # Errors
    /// [`BackboneError::Folded`] or [`BackboneError::Torch`] before [`Self::features`], [`BackboneError::Torch`] for a
    /// gradient of fewer rows or another width.
    pub fn gradients(
        mut self,
        of_features: &Tensor,
        pool: &ThreadPool,
    ) -> Result<BTreeMap<String, Tensor>, BackboneError> {
        let mut start = 0;
        for part in &mut self.parts {
            let n = part.x.size()[0];
            part.begin_return(&of_features.f_narrow(0, start, n)?)?;
            start += n;
        }
        let mut found = Found::default();
        for i in (self.first..self.steps.len()).rev() {
            match &self.steps[i].action {
                Action::Keep => drop(each(pool, &mut self.parts, Part::add)?),
                Action::Add => drop(each(pool, &mut self.parts, Part::keep_gradient)?),
                Action::Excite(names) => {
                    let gradients = each(pool, &mut self.parts, |part| part.through_excite(i))?;
                    if self.steps[i].trained {
                        found.of_parts(names, gradients);
                    }
                }
                Action::Conv { .. } => self.through_conv(i, pool, &mut found)?,
            }
        }
        found.add_up(pool)
    }

    fn through_conv(&mut self, i: usize, pool: &ThreadPool, found: &mut Found) -> Result<(), BackboneError> {
        let Self { steps, norms, parts, first, .. } = self;
        let (Step { action: Action::Conv { window, weight, bn, .. }, trained }, Some(norm)) = (&steps[i], &norms[i])
        else {
            return Err(BackboneError::Folded);
        };
        let sums = each(pool, parts, |part| part.through_activation(norm))?;
        let sums: Sums = sums.into_iter().reduce(|a, b| a.and(&b)).ok_or(BackboneError::Folded)?;
        let line = norm.line(&sums);
        let wanted = [i > *first, *trained];
        let kernels = each(pool, parts, |part| part.through_conv(i, *window, &line, wanted))?;
        if *trained {
            found.of_parts(
                &[format!("{weight}.weight")],
                kernels.into_iter().map(|k| k.into_iter().collect()).collect(),
            );
            for (name, values) in ["weight", "bias"].iter().zip(norm.of_parameters(&sums)) {
                let gradient = tensor_from_f32(&values, &[values.len() as i64])?;
                found.by_name.insert(format!("{bn}.{name}"), vec![gradient]);
            }
        }
        Ok(())
    }
}

/// Gradients of parts by the names of the parameters, in the order of the parts.
#[derive(Default)]
struct Found {
    by_name: BTreeMap<String, Vec<Tensor>>,
}

impl Found {
    /// Each part's gradients of the parameters with these names.
    fn of_parts(&mut self, names: &[String], parts: Vec<Vec<Tensor>>) {
        for part in parts {
            for (name, gradient) in names.iter().zip(part) {
                self.by_name.entry(name.clone()).or_default().push(gradient);
            }
        }
    }

    fn add_up(self, pool: &ThreadPool) -> Result<BTreeMap<String, Tensor>, BackboneError> {
        let sum = |(name, parts): (String, Vec<Tensor>)| {
            let _guard = tch::no_grad_guard();
            let sum = parts.into_iter().map(Ok).reduce(|sum, part| Ok::<_, BackboneError>(sum?.f_add_(&part?)?));
            Ok((name, sum.unwrap_or(Err(BackboneError::Folded))?))
        };
        pool.install(|| self.by_name.into_par_iter().map(sum).collect())
    }
}

/// What `work` gives for each part, in their order; threads take parts as they are free.
fn each<T: Send>(
    pool: &ThreadPool,
    parts: &mut [Part],
    work: impl Fn(&mut Part) -> Result<T, BackboneError> + Sync,
) -> Result<Vec<T>, BackboneError> {
    let without_graph = |part: &mut Part| {
        let _guard = tch::no_grad_guard();
        work(part)
    };
    // As single tasks: by default neighbours would be taken together.
    pool.install(|| parts.par_iter_mut().with_max_len(1).map(without_graph).collect())
}
