//! A moving average of the head's weights.

use std::collections::BTreeMap;

use tl_head::{Head, HeadConfig};
use tl_torch::Array;

use crate::{
    descent::Descent,
    ema::{check_decay, move_slices, towards},
    error::TrainError,
};

/// What [`crate::Ema`] is for tensors.
#[derive(Debug)]
pub(crate) struct HeadAverage {
    decay: f64,
    n_updates: u64,
    /// Values by name, with their shape; none before the first update.
    averages: BTreeMap<String, (Vec<f32>, Vec<usize>)>,
}

impl HeadAverage {
    pub(crate) fn new(decay: f64) -> Result<Self, TrainError> {
        check_decay(decay)?;
        Ok(Self { decay, n_updates: 0, averages: BTreeMap::new() })
    }

    /// Takes in the weights as a step left them.
    pub(crate) fn update(&mut self, descent: &Descent) {
        let towards = towards(self.decay, self.n_updates);
        for (name, values, shape) in descent.parameters() {
            let (average, _) = self.averages.entry(name).or_insert_with(|| (values.to_vec(), shape));
            move_slices(average, values, towards);
        }
        self.n_updates += 1;
    }

    /// The head of the averages.
    pub(crate) fn head(&self, config: &HeadConfig) -> Result<Head, TrainError> {
        Ok(Head::from_arrays(config, self.arrays()?)?)
    }

    /// Updates so far, and the averages.
    pub(crate) fn state(&self) -> Result<(u64, BTreeMap<String, Array>), TrainError> {
        Ok((self.n_updates, self.arrays()?))
    }

    /// Takes up a saved state; averages that are no head of this configuration are refused.
    pub(crate) fn load_state(
        &mut self,
        n_updates: u64,
        arrays: BTreeMap<String, Array>,
        config: &HeadConfig,
    ) -> Result<(), TrainError> {
        if n_updates > 0 {
            Head::from_arrays(config, arrays.clone())?;
        }
        let average = |(name, array): (String, Array)| (name, (array.values().to_vec(), array.shape().to_vec()));
        self.averages = arrays.into_iter().map(average).collect();
        self.n_updates = n_updates;
        Ok(())
    }

    fn arrays(&self) -> Result<BTreeMap<String, Array>, TrainError> {
        let array = |(name, (values, shape)): (&String, &(Vec<f32>, Vec<usize>))| {
            Ok((name.clone(), Array::new(values.clone(), shape)?))
        };
        self.averages.iter().map(array).collect()
    }
}
