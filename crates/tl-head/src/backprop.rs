//! Loss and gradients of a dense stack, written out.

use rayon::prelude::*;
use tl_kernels::{Aligned, transpose};
use tl_torch::Array;

use crate::{
    config::HeadConfig,
    error::HeadError,
    head::{Head, bias_name, check_rows, weight_name},
    pass::{self, Activations, BLOCK, Taker},
    row_loss::RowLoss,
};

/// A [`Head`] in training, with its gradients on batch after batch: the step that training repeats most.
///
/// Autograd would record each step anew, allocate every intermediate, and use one core where bits must not
/// depend on threads. Here the products are cut into blocks, in buffers that stay, and the blocks of a layer are shared
/// among the threads of the rayon pool that a method is called in. The gradients are those of autograd but for rounding
/// (Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors").
#[derive(Debug)]
pub struct Backprop {
    config: HeadConfig,
    layers: Vec<Layer>,
    /// Of the features, then of each layer.
    activations: Vec<Activations>,
    /// What is known of each layer's outputs, `[width, N]`.
    gradients: Vec<Aligned>,
}

/// `y = Wx + b`.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) n_inputs: usize,
    /// `[outputs, inputs]`.
    pub(crate) weight: Aligned,
    /// `[outputs]`.
    pub(crate) bias: Aligned,
}

/// Some rows of a layer.
#[derive(Debug)]
pub struct BlockParameters<'a> {
    /// The layer, from 0.
    pub layer: usize,
    /// Which rows: those from `block` times [`Backprop::BLOCK_ROWS`] on.
    pub block: usize,
    /// `[rows, n_inputs]`.
    pub weight: &'a mut [f32],
    /// `[rows]`.
    pub bias: &'a mut [f32],
}

/// Their gradient, as soon as it is known.
#[derive(Debug, Clone, Copy)]
pub struct BlockGradient<'a> {
    /// Of the weight.
    pub weight: &'a [f32],
    /// Of the bias.
    pub bias: &'a [f32],
}

impl Backprop {
    /// Rows of a layer that are given at a time.
    pub const BLOCK_ROWS: usize = BLOCK;

    /// Begins with the numbers of `head`.
    #[must_use]
    pub fn new(head: &Head) -> Self {
        let parameters = head.parameters();
        let layer = |(pair, (n_inputs, _)): (&[(String, &Array)], _)| {
            let values = |i: usize| Aligned::from(pair[i].1.values());
            Layer { n_inputs, weight: values(0), bias: values(1) }
        };
        let layers: Vec<Layer> = parameters.chunks_exact(2).zip(head.config().layers()).map(layer).collect();
        let activations = (0..=layers.len()).map(|_| Activations::default()).collect();
        let gradients = layers.iter().map(|_| Aligned::default()).collect();
        Self { config: head.config().clone(), layers, activations, gradients }
    }

    /// The sizes of the head.
    #[must_use]
    pub fn config(&self) -> &HeadConfig {
        &self.config
    }

    /// The head as it is now.
    ///
    /// # Errors
    /// None, but for a bug: the shapes are those that it began with.
    pub fn head(&self) -> Result<Head, HeadError> {
        let array = |(name, values, shape): (_, &[f32], Vec<usize>)| Ok((name, Array::new(values.to_vec(), &shape)?));
        Head::from_arrays(&self.config, self.parameters().map(array).collect::<Result<_, HeadError>>()?)
    }

    /// Names, values and shapes of the parameters, as [`Head::parameters`] lists them.
    pub fn parameters(&self) -> impl Iterator<Item = (String, &[f32], Vec<usize>)> {
        self.layers.iter().enumerate().flat_map(|(i, Layer { n_inputs, weight, bias })| {
            let n_outputs = bias.len();
            let (of_weight, of_bias) = (vec![n_outputs, *n_inputs], vec![n_outputs]);
            [(weight_name(i), &**weight, of_weight), (bias_name(i), &**bias, of_bias)]
        })
    }

    /// Logits `[N, n_classes]` of features `[N, n_features]`, both row by row.
    ///
    /// # Errors
    /// [`HeadError::Shape`] for features that are no whole rows, or none at all.
    pub fn logits(&mut self, features: &[f32]) -> Result<&[f32], HeadError> {
        check_rows(&self.config, features)?;
        if features.is_empty() {
            let expected = format!("[N, {}] with one row at least", self.config.n_features);
            return Err(HeadError::Shape { what: "features", expected, found: vec![0] });
        }
        let n = features.len() / self.config.n_features;
        let last = self.layers.len();
        self.activations[0].turned.set_len(features.len());
        self.activations[0].turned.copy_from_slice(features);
        transpose(features, self.config.n_features, &mut self.activations[0].values);
        for (i, layer) in self.layers.iter().enumerate() {
            let (inputs, outputs) = self.activations.split_at_mut(i + 1);
            pass::forward(layer, &inputs[i], &mut outputs[0], n, i + 1 < last)?;
        }
        let Activations { values, turned } = &mut self.activations[last];
        transpose(values, n, turned);
        Ok(turned)
    }

    /// Computes `loss` on the logits of `features` and gives `take` each block of the parameters with its gradient, while
    /// that is still in a core's cache, on whichever thread computed it: gradients never travel to memory and back. `take`
    /// may change the parameters; they have been read for the last time by then. Returns logits and value of the loss.
    /// Where it is not a finite number, `take` hears of nothing.
    ///
    /// # Errors
    /// As [`Backprop::logits`], and those of `loss`; [`HeadError::Shape`] where its gradient is not one number for each
    /// logit.
    pub fn run<E: From<HeadError>>(
        &mut self,
        features: &[f32],
        loss: impl FnOnce(&[f32]) -> Result<RowLoss, E>,
        take: &(dyn Fn(BlockParameters<'_>, BlockGradient<'_>) + Sync),
    ) -> Result<(&[f32], f64), E> {
        let logits = self.logits(features)?;
        let n_logits = logits.len();
        let RowLoss { value, gradient } = loss(logits)?;
        if gradient.len() != n_logits {
            let (expected, found) = (format!("[{n_logits}], one for each logit"), vec![gradient.len() as i64]);
            return Err(HeadError::Shape { what: "the loss's gradient", expected, found }.into());
        }
        let last = self.layers.len();
        if value.is_finite() {
            transpose(&gradient, self.config.n_classes, &mut self.gradients[last - 1]);
            let n = features.len() / self.config.n_features;
            self.activations[1..last]
                .par_iter_mut()
                .for_each(|Activations { values, turned }| transpose(values, n, turned));
            self.backward(n, take)?;
        }
        Ok((&self.activations[last].turned, value))
    }

    /// The gradients of a layer's parameters, and beside them those of the inputs of the layer before: when the former are
    /// taken nobody reads the layer's weights any more.
    fn backward(&mut self, n: usize, take: Taker<'_>) -> Result<(), HeadError> {
        let Self { layers, activations, gradients, .. } = self;
        let to_inputs = |layers: &[Layer], i: usize, gradients: &mut [Aligned]| {
            let [.., into, known] = &mut gradients[..=i] else { return Ok(()) };
            pass::inputs(&layers[i], known, &activations[i], into, n)
        };
        let last = layers.len() - 1;
        to_inputs(layers, last, gradients)?;
        for i in (0..=last).rev() {
            let (before, own) = layers.split_at_mut(i);
            let (known, own_gradient) = gradients.split_at_mut(i);
            let (of_weights, of_inputs) = rayon::join(
                || pass::weights(i, &mut own[0], &own_gradient[0], &activations[i], n, take),
                || if i > 0 { to_inputs(before, i - 1, known) } else { Ok(()) },
            );
            of_weights.and(of_inputs)?;
        }
        Ok(())
    }

    /// Gives `take` each block of the parameters, several at once and in no order.
    pub fn for_each_block(&mut self, take: &(dyn Fn(BlockParameters<'_>) + Sync)) {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let weights = layer.weight.par_chunks_mut(BLOCK * layer.n_inputs);
            let blocks = weights.zip(layer.bias.par_chunks_mut(BLOCK)).enumerate().with_max_len(1);
            blocks.for_each(|(block, (weight, bias))| take(BlockParameters { layer: index, block, weight, bias }));
        }
    }
}
