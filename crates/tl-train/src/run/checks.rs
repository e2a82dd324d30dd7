//! What must be so of the photos, beyond what the settings alone can tell.

use tl_data::Skipped;

use crate::{
    data::Data,
    error::TrainError,
    options::{HeadKind, Keep, Schedule, TrainOptions},
    plan::Plan,
};

/// Early stopping, plateaus and the choice of the best epoch look at validation photos, and early stopping needs steps
/// to leave out.
pub(super) fn check_stopping(plan: &Plan, n_val: usize) -> Result<(), TrainError> {
    let TrainOptions { patience, target_accuracy, time_s, .. } = plan.options();
    let (patient, targeted) = (*patience > 0, target_accuracy.is_some());
    let asked = [("patience", patient, true), ("target_accuracy", targeted, true), ("time_s", time_s.is_some(), false)];
    let mut problems = Vec::new();
    let in_vain = |what: &str| format!("{what} needs validation photos, and there are none; set val or val_fraction");
    if plan.options().schedule == Schedule::Plateau && n_val == 0 {
        problems.push(in_vain("schedule plateau"));
    }
    if asks_for_the_best(plan) && n_val == 0 {
        problems.push(in_vain("keep best"));
    }
    for (name, _, looks_at_val) in asked.into_iter().filter(|(_, is_asked, _)| *is_asked) {
        if plan.options().head == HeadKind::Logistic && !plan.tunes_backbone() {
            problems.push(format!("{name} ends epochs, and a logistic head has none; leave it out"));
        } else if looks_at_val && n_val == 0 {
            problems.push(in_vain(name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(TrainError::Options { problems }) }
}

/// Fine-tuning keeps the best by itself, and the last where nothing can tell; a fitted head has one epoch alone.
fn asks_for_the_best(plan: &Plan) -> bool {
    let TrainOptions { keep, recipe, head, .. } = plan.options();
    let has_epochs = *head != HeadKind::Logistic || plan.tunes_backbone();
    *keep == Keep::Best && recipe.options().keep != Keep::Best && has_epochs
}

/// Every class must have a photo to learn from.
pub(crate) fn check_classes(data: &Data, labels: &[usize], skipped: &[Skipped]) -> Result<(), TrainError> {
    let missing = data.count(labels.iter().copied()).iter().position(|&n| n == 0);
    let Some(class) = missing else { return Ok(()) };
    let class = data.classes[class].clone();
    if skipped.is_empty() {
        return Err(TrainError::NothingToLearn { class });
    }
    Err(TrainError::NothingReadable { class, n_skipped: skipped.len(), first: first_of(skipped) })
}

/// A folder that is mostly broken is an error, not a surprise.
pub(crate) fn check_skipped(skipped: &[Skipped], n_used: usize, allowed: f64) -> Result<(), TrainError> {
    let (n_skipped, n_files) = (skipped.len(), skipped.len() + n_used);
    if n_skipped as f64 <= allowed * n_files as f64 {
        return Ok(());
    }
    Err(TrainError::TooManySkipped { n_skipped, n_files, allowed, first: first_of(skipped) })
}

fn first_of(skipped: &[Skipped]) -> String {
    skipped.first().map(|s| format!("{} {}", s.path.display(), s.reason)).unwrap_or_default()
}
