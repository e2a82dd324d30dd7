//! The state of fine-tuning as tensors: what checkpoints hold, and models made of it.

use std::collections::BTreeMap;

use tch::{Device, Tensor};
use tl_backbone::{Backbone, Weights};
use tl_head::TensorHead;
use tl_torch::deep_copy;

use super::TuneRun;
use crate::{
    checkpoint::Checkpoints,
    ema::Ema,
    error::TrainError,
    event::{Event, Observer},
    finetune::{checkpoint::TuneCheckpoint, history::History, model::Model},
};

type Tensors = BTreeMap<String, Tensor>;

impl TuneRun<'_> {
    pub(super) fn checkpoint(&self) -> Result<TuneCheckpoint, TrainError> {
        let backbone = self.model.backbone.tensors();
        let backbone = backbone.map(|(name, t)| Ok((name.to_owned(), deep_copy(t)?)));
        let ema = self.ema.as_ref().map_or_else(|| Ok(Tensors::new()), Ema::state_tensors)?;
        Ok(TuneCheckpoint {
            history: History { stopping: self.stopping.state(), ..self.history.clone() },
            backbone: moved(backbone.collect::<Result<_, TrainError>>()?, Device::Cpu)?,
            head: moved(copies(&self.model.head)?, Device::Cpu)?,
            optimizer: self.optimizer.state_tensors()?,
            ema: moved(ema, Device::Cpu)?,
        })
    }

    /// Writes a checkpoint, and tells of it.
    pub(super) fn save(
        &self,
        checkpoints: &Checkpoints,
        is_best: bool,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        observer.event(&Event::Saving);
        let checkpoint = self.checkpoint()?;
        let place = (checkpoint.history.epoch, checkpoint.history.step);
        let path = checkpoints.save(&checkpoint.archive(checkpoints)?, place, is_best)?;
        observer.event(&Event::Checkpoint(&path));
        Ok(())
    }

    /// Takes a checkpoint's place in the run.
    pub(super) fn restore(&mut self, checkpoint: TuneCheckpoint) -> Result<(), TrainError> {
        let TuneCheckpoint { history, backbone, head, optimizer, ema } = checkpoint;
        self.options.check_epochs_left(history.epoch, history.step)?;
        self.stopping.restore(history.stopping.clone());
        self.history = history;
        self.model = self.model_of(backbone, head)?;
        self.load_ema(ema)?;
        self.unfreeze()?;
        self.optimizer.load_state(optimizer)
    }

    /// A model of these tensors.
    pub(super) fn model_of(&self, backbone: Tensors, head: Tensors) -> Result<Model, TrainError> {
        let weights = Weights::from_tensors(self.plan.spec(), moved(backbone, Device::Cpu)?)?;
        let mut backbone = Backbone::new(&weights)?;
        backbone.set_bn_momentum(self.options.bn_momentum);
        backbone.to_device(self.device())?;
        let head = TensorHead::from_tensors(self.model.head.config(), head)?.to_device(self.device())?;
        Ok(Model { backbone, head })
    }

    pub(super) fn load_ema(&mut self, state: Tensors) -> Result<(), TrainError> {
        let state = moved(state, self.device())?;
        match &mut self.ema {
            Some(ema) => ema.load_state(state, self.model.tensors()),
            None => Ok(()),
        }
    }

    /// Where the model is.
    fn device(&self) -> Device {
        self.plan.device().unwrap_or(Device::Cpu)
    }

    /// The model of the averaged weights, where they are asked for.
    pub(super) fn averaged(&self) -> Result<Option<Model>, TrainError> {
        let Some(ema) = &self.ema else { return Ok(None) };
        if ema.averages().is_empty() {
            // No step was taken: what the run began with is its own average.
            return Ok(None);
        }
        let (mut backbone, mut head) = (Tensors::new(), Tensors::new());
        for (name, tensor) in ema.averages() {
            match (name.strip_prefix("backbone."), name.strip_prefix("head.")) {
                (Some(name), _) => drop(backbone.insert(name.to_owned(), tensor)),
                (_, Some(name)) => drop(head.insert(name.to_owned(), tensor)),
                (None, None) => {}
            }
        }
        self.model_of(backbone, head).map(Some)
    }
}

/// The same tensors on `device`.
fn moved(tensors: Tensors, device: Device) -> Result<Tensors, TrainError> {
    tensors.into_iter().map(|(name, tensor)| Ok((name, tensor.f_to_device(device)?))).collect()
}

/// The head's parameters, no longer touched by training.
fn copies(head: &TensorHead) -> Result<Tensors, TrainError> {
    head.parameters().into_iter().map(|(name, tensor)| Ok((name, tensor.f_detach_copy()?))).collect()
}
