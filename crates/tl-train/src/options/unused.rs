//! Settings that a run makes no use of.

use super::{HeadKind, LossKind, Schedule, TrainOptions};
use crate::recipe::Recipe;

impl TrainOptions {
    /// Of the settings with these names those that the run makes no use of, each in a sentence that says what it is for.
    ///
    /// That is no mistake: a setting may wait for another one. But who typed it expects something of it.
    #[must_use]
    pub fn unused<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let sentence = |name: &str| {
            let purpose = self.missed_purpose(name)?;
            Some(format!("{name} is set, and this run makes no use of it: it is for {purpose}"))
        };
        names.into_iter().filter_map(sentence).collect()
    }

    /// What a setting is for that this run does not do.
    fn missed_purpose(&self, name: &str) -> Option<&'static str> {
        let tunes = self.recipe != Recipe::Features;
        let takes_steps = tunes || self.head != HeadKind::Logistic;
        let (is_used, purpose) = match name {
            "freeze" | "unfreeze_every" | "batch_norm" | "head_epochs" | "backbone_lr" | "stage_decay" | "micro_batch"
            | "frozen_memory_bytes" | "checkpoint_steps" => {
                (tunes, "the recipes that train the backbone: finetune, notebook and scratch")
            }
            "bn_momentum" => (
                self.normalises_by_batch(),
                "BatchNorm in training mode, as in the recipes notebook and scratch (batch_norm = \"batch\")",
            ),
            "hidden" => (self.head == HeadKind::Mlp, "the head mlp"),
            "focal_gamma" => (self.loss == LossKind::Focal, "the loss focal"),
            "plateau_factor" | "plateau_patience" => (self.schedule == Schedule::Plateau, "the schedule plateau"),
            "epochs" | "batch_size" | "accumulate" | "optimizer" | "weight_decay" | "clip_norm" | "clip_value" | "lr"
            | "schedule" | "warmup" | "keep" => {
                (takes_steps, "training in steps, and a logistic head is fitted to its optimum without any")
            }
            "val_fraction" => (self.val.is_none(), "photos without a validation folder"),
            _ => return None,
        };
        (!is_used).then_some(purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings that a run makes no use of, of all there are.
    fn unused(options: &TrainOptions) -> Vec<String> {
        let all = toml::Table::try_from(options).expect("settings are a table");
        let said = options.unused(all.keys().map(String::as_str));
        said.iter().map(|text| text.split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_setting_is_of_no_use_where_what_it_is_for_is_not_done() {
        let of_tuning = ["backbone_lr", "batch_norm", "bn_momentum", "checkpoint_steps"];
        let others = ["focal_gamma", "freeze", "head_epochs", "micro_batch", "plateau_factor", "plateau_patience"];
        let features = unused(&TrainOptions::default());
        assert_eq!(features, [&of_tuning[..], &others, &["stage_decay", "unfreeze_every"]].concat());
        let fitted = unused(&TrainOptions { head: HeadKind::Logistic, ..TrainOptions::default() });
        let more: Vec<&String> = fitted.iter().filter(|name| !features.contains(name)).collect();
        assert_eq!(
            more,
            ["accumulate", "batch_size", "epochs", "hidden", "keep", "lr", "optimizer", "schedule", "warmup"]
        );
    }

    #[test]
    fn other_settings_give_it_one() {
        let of_others = ["focal_gamma", "plateau_factor", "plateau_patience"];
        assert_eq!(unused(&Recipe::Notebook.options()), of_others);
        assert_eq!(
            unused(&Recipe::Finetune.options()),
            ["bn_momentum", "focal_gamma", "hidden", "plateau_factor", "plateau_patience"]
        );
        let (loss, schedule) = (LossKind::Focal, Schedule::Plateau);
        assert!(unused(&TrainOptions { loss, schedule, ..Recipe::Notebook.options() }).is_empty());
    }

    #[test]
    fn it_is_said_what_a_setting_is_for() {
        let said = TrainOptions::default().unused(["lr", "focal_gamma"]);
        assert_eq!(said, ["focal_gamma is set, and this run makes no use of it: it is for the loss focal"]);
    }
}
