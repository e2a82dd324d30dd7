//! An optimizer of a head in training, which takes its steps block by block, each as soon as its gradient is known.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tl_head::{Aligned, Backprop, BlockGradient, BlockParameters};
use tl_torch::Array;

use super::{OptimizerConfig, state};
use crate::error::TrainError;

/// Moves the parameters of a [`Backprop`] as [`super::Optimizer`] moves tensors.
#[derive(Debug)]
pub(crate) struct BlockOptimizer {
    config: OptimizerConfig,
    n_steps: u64,
    /// Weight and bias of each layer, as [`Backprop::parameters`] lists them.
    parameters: Vec<Remembered>,
}

/// What is remembered of a parameter.
#[derive(Debug)]
struct Remembered {
    name: String,
    shape: Vec<usize>,
    /// Zero where the parameter is spared.
    weight_decay: f64,
    /// By block, then by kind. Nobody waits for a lock: a block is stepped on once in a step.
    blocks: Vec<Mutex<Vec<Aligned>>>,
}

/// One step of all blocks.
#[derive(Debug)]
pub(crate) struct BlockStep<'a> {
    optimizer: &'a BlockOptimizer,
    lr: f64,
}

impl BlockOptimizer {
    pub(crate) fn new(config: OptimizerConfig, backprop: &Backprop) -> Result<Self, TrainError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(TrainError::Options { problems });
        }
        let n_kinds = config.state_names().len();
        let remembered = |(name, values, shape): (String, &[f32], Vec<usize>)| {
            // Weight decay spares biases, which have one dimension.
            let weight_decay = if shape.len() > 1 { config.weight_decay() } else { 0.0 };
            let n_each = Backprop::BLOCK_ROWS * values.len() / shape[0];
            let block = |values: &[f32]| Mutex::new((0..n_kinds).map(|_| Aligned::zeros(values.len())).collect());
            Remembered { name, shape, weight_decay, blocks: values.chunks(n_each).map(block).collect() }
        };
        let parameters = backprop.parameters().map(remembered).collect();
        Ok(Self { config, n_steps: 0, parameters })
    }

    /// The next step, with learning rate `lr`.
    pub(crate) fn step(&mut self, lr: f64) -> BlockStep<'_> {
        self.n_steps += 1;
        BlockStep { optimizer: self, lr }
    }

    /// Steps taken, and copies of all else that the next one depends on, with their names: `{parameter}.{state}`.
    pub(crate) fn state(&self) -> Result<(u64, BTreeMap<String, Array>), TrainError> {
        let of_kind = |parameter: &Remembered, kind: usize| {
            let lock =
                |block: &Mutex<Vec<Aligned>>| block.lock().unwrap_or_else(PoisonError::into_inner)[kind].to_vec();
            Array::new(parameter.blocks.iter().flat_map(lock).collect(), &parameter.shape)
        };
        let arrays = self.parameters.iter().flat_map(|parameter| {
            let kinds = self.config.state_names().iter().enumerate();
            kinds.map(move |(kind, name)| Ok((parameter.state_name(name), of_kind(parameter, kind)?)))
        });
        Ok((self.n_steps, arrays.collect::<Result<_, TrainError>>()?))
    }

    /// Takes up a saved state. All that is missing, unexpected or of another shape is listed, and then nothing is
    /// changed.
    pub(crate) fn load_state(&mut self, n_steps: u64, arrays: &BTreeMap<String, Array>) -> Result<(), TrainError> {
        let names = self.config.state_names();
        let of_parameter = |p: &Remembered| names.iter().map(|name| (p.state_name(name), p.shape.clone())).collect();
        let expected = self.parameters.iter().flat_map::<Vec<_>, _>(of_parameter).collect();
        let found = arrays.iter().map(|(name, array)| (name.clone(), array.shape().to_vec())).collect();
        state::check("the optimizer's state", &expected, &found)?;
        self.n_steps = n_steps;
        for parameter in &mut self.parameters {
            for (kind, name) in names.iter().enumerate() {
                // The check above saw every name and shape.
                let Some(array) = arrays.get(&parameter.state_name(name)) else { continue };
                let mut values = array.values();
                for block in &mut parameter.blocks {
                    let own = &mut block.get_mut().unwrap_or_else(PoisonError::into_inner)[kind];
                    let (block, rest) = values.split_at(own.len());
                    own.copy_from_slice(block);
                    values = rest;
                }
            }
        }
        Ok(())
    }
}

impl Remembered {
    fn state_name(&self, state: &str) -> String {
        format!("{}.{state}", self.name)
    }
}

impl BlockStep<'_> {
    /// Takes it on one block.
    pub(crate) fn along(&self, own: BlockParameters<'_>, gradient: BlockGradient<'_>) {
        let BlockParameters { layer, block, weight, bias } = own;
        for (i, values, gradient) in [(0, weight, gradient.weight), (1, bias, gradient.bias)] {
            let Remembered { blocks, weight_decay, .. } = &self.optimizer.parameters[2 * layer + i];
            let mut state = blocks[block].lock().unwrap_or_else(PoisonError::into_inner);
            let mut state: Vec<&mut [f32]> = state.iter_mut().map(|values| &mut **values).collect();
            let BlockOptimizer { config, n_steps, .. } = self.optimizer;
            config.step_slices(values, gradient, &mut state, *n_steps, (self.lr, *weight_decay));
        }
    }
}
