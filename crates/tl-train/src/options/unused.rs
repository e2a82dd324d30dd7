//! Settings that a run makes no use of.

use super::{HeadKind, LossKind, OptimizerKind, Schedule, TrainOptions};
use crate::recipe::Recipe;

/// Settings of training the backbone.
const OF_BACKBONE: [&str; 9] = [
    "backbone_lr",
    "batch_norm",
    "checkpoint_steps",
    "freeze",
    "frozen_memory_bytes",
    "head_epochs",
    "micro_batch",
    "stage_decay",
    "unfreeze_every",
];

/// Settings of training in steps, of a head or of the backbone.
const OF_STEPS: [&str; 16] = [
    "accumulate",
    "batch_size",
    "beta1",
    "beta2",
    "clip_norm",
    "clip_value",
    "epochs",
    "epsilon",
    "keep",
    "lr",
    "momentum",
    "nesterov",
    "optimizer",
    "schedule",
    "warmup",
    "weight_decay",
];

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
        let mut missed = self.purposes().into_iter().filter(|(is_met, ..)| !is_met);
        missed.find(|(_, names, _)| names.contains(&name)).map(|(.., what)| what)
    }

    /// Whether the run does something, the settings that are for it alone, and what it is.
    fn purposes(&self) -> [(bool, &'static [&'static str], &'static str); 13] {
        let tunes = self.recipe != Recipe::Features;
        let steps = tunes || self.head != HeadKind::Logistic;
        let divides = !matches!(self.optimizer, OptimizerKind::Sgd | OptimizerKind::Lion);
        let sums = matches!(self.optimizer, OptimizerKind::Sgd | OptimizerKind::RmsProp);
        [
            (tunes, &OF_BACKBONE, "the recipes that train the backbone: finetune, notebook and scratch"),
            (
                self.normalises_by_batch(),
                &["bn_momentum"],
                "batch_norm = \"batch\", as in the recipes notebook and scratch",
            ),
            (self.head == HeadKind::Mlp, &["hidden"], "the head mlp"),
            (
                self.head != HeadKind::Logistic || self.head_epochs == Recipe::Finetune.options().head_epochs,
                &["head_epochs"],
                "heads that take steps, and a logistic one is fitted at once",
            ),
            (self.loss == LossKind::Focal, &["focal_gamma"], "the loss focal"),
            (self.schedule == Schedule::Step, &["step_drops", "step_factor"], "the schedule step"),
            (self.schedule == Schedule::Plateau, &["plateau_factor", "plateau_patience"], "the schedule plateau"),
            (steps, &OF_STEPS, "training in steps, and a logistic head is fitted to its optimum without any"),
            (sums, &["momentum"], "the optimizers sgd and rmsprop"),
            (self.optimizer == OptimizerKind::Sgd, &["nesterov"], "the optimizer sgd"),
            (!sums, &["beta1", "beta2"], "the optimizers adam, adamw and lion"),
            (divides, &["epsilon"], "the optimizers adam, adamw and rmsprop"),
            (self.val.is_none(), &["val_fraction"], "photos without a validation folder"),
        ]
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
        let of_steps = ["step_drops", "step_factor"];
        assert_eq!(features, [&of_tuning[..], &others, &["stage_decay"], &of_steps, &["unfreeze_every"]].concat());
        let fitted = unused(&TrainOptions { head: HeadKind::Logistic, ..TrainOptions::default() });
        let more: Vec<&String> = fitted.iter().filter(|name| !features.contains(name)).collect();
        assert_eq!(
            more,
            ["accumulate", "batch_size", "epochs", "hidden", "keep", "lr", "optimizer", "schedule", "warmup"]
        );
    }

    #[test]
    fn other_settings_give_it_one() {
        let of_others = ["focal_gamma", "plateau_factor", "plateau_patience", "step_drops", "step_factor"];
        assert_eq!(unused(&Recipe::Notebook.options()), of_others);
        assert_eq!(
            unused(&Recipe::Finetune.options()),
            [&["bn_momentum"], &of_others[..1], &["hidden"], &of_others[1..]].concat()
        );
        let (schedule, loss) = (Schedule::Plateau, LossKind::Focal);
        assert_eq!(unused(&TrainOptions { schedule, loss, ..Recipe::Notebook.options() }), of_others[3..]);
    }

    #[test]
    fn each_optimizer_has_constants_of_its_own() {
        let unused = |optimizer| {
            let options = TrainOptions { optimizer, ..TrainOptions::default() };
            options.unused(["momentum", "nesterov", "beta1", "beta2", "epsilon"]).len()
        };
        let kinds = [OptimizerKind::Adam, OptimizerKind::Sgd, OptimizerKind::RmsProp, OptimizerKind::Lion];
        assert_eq!(kinds.map(unused), [2, 3, 3, 3]);
        let fitted =
            TrainOptions { optimizer: OptimizerKind::Sgd, head: HeadKind::Logistic, ..TrainOptions::default() };
        assert!(fitted.unused(["momentum"])[0].contains("a logistic head is fitted"));
    }

    #[test]
    fn it_is_said_what_a_setting_is_for() {
        let said = TrainOptions::default().unused(["lr", "focal_gamma"]);
        assert_eq!(said, ["focal_gamma is set, and this run makes no use of it: it is for the loss focal"]);
    }
}
