//! What a run leaves behind.

use tl_backbone::Weights;
use tl_model::{Bundle, Provenance};

use super::{
    Halt, Run,
    head::Learnt,
    rows::Rows,
    settings::Settings,
    summary::{Counts, fit_records, run_metrics},
};
use crate::{
    event::Event,
    proof_ahead::ProofAhead,
    report::{RunMetrics, write_history, write_metrics},
    table::table,
    targets::worth,
};

impl Run<'_> {
    /// Writes the bundle, the curve and the metrics. `weights` are those that the run began with.
    pub(super) fn write_results(
        mut self,
        weights: Weights,
        rows: Rows,
        learnt: Learnt,
        golden: Option<ProofAhead>,
        settings: Settings,
    ) -> Result<RunMetrics, Halt> {
        let (plan, data, folder) = (self.plan, self.data, self.folder);
        let counts = Counts {
            train: rows.train_photos.len(),
            val: rows.val_photos.len(),
            cached: rows.n_cached,
            skipped: rows.n_skipped,
            leaks: data.leaks.len(),
        };
        let (mut weights, mut val) = (weights, rows.val);
        let (mut freezing, mut images_per_second, mut tuned_weights_sha256) = (None, None, None);
        if let Some(tuning) = learnt.tuning {
            weights = tuning.weights;
            // The same photos, as the tuned backbone sees them.
            let seen_anew = tuning.val.zip(val);
            val = seen_anew.map(|(features, before)| table(features.rows, features.width, &before.labels, data));
            tuned_weights_sha256 = Some(weights.sha256());
            (freezing, images_per_second) = (Some(tuning.proof), tuning.images_per_second);
        }
        let worth = val.map(|val| worth(&learnt.head, &val, data, plan.n_threads())).transpose()?;
        self.clock.lap("evaluation");

        let provenance = Provenance {
            command: settings.command,
            tl_version: env!("CARGO_PKG_VERSION").to_owned(),
            libtorch_version: tl_torch::libtorch_version(),
            seed: plan.options().seed,
            precision: plan.precision().name().to_owned(),
            n_train: counts.train,
            n_val: counts.val,
            data_blake3: rows.data_blake3,
            settings: settings.text,
            tuned_weights_sha256,
        };
        let bundle = Bundle {
            weights,
            head: learnt.head,
            classes: data.classes.clone(),
            multi_label: plan.options().multi_label,
            preprocessing: plan.preprocessing(),
            temperature: 1.0,
            provenance,
        };
        match golden.and_then(ProofAhead::finish) {
            Some(golden) => bundle.save_with(&folder.model(), &golden?)?,
            None => bundle.save(&folder.model())?,
        }
        self.observer.event(&Event::Saved(&folder.model()));
        write_history(folder, &learnt.history)?;
        self.clock.lap("saving");

        let history = (&learnt.history[..], learnt.kept_epoch);
        let mut metrics = run_metrics(&data.classes, worth, history, learnt.stopped_early, counts, self.clock);
        (metrics.freezing, metrics.tuned_images_per_second) = (freezing, images_per_second);
        metrics.fits = fit_records(&learnt.fits, data);
        write_metrics(folder, &metrics)?;
        self.observer.event(&Event::Finished(&metrics));
        folder.remove_checkpoints();
        Ok(metrics)
    }
}
