//! What hangs on a setting that was typed in the place of a file's.

use super::Settings;
use crate::output;

impl Settings {
    /// Says which of a file's settings were chosen for what is replaced now, and go on all the same: whoever wrote the file
    /// may have meant them.
    pub(super) fn say_kept(&self) {
        for (key, before) in &self.replaced {
            let is_kept = |name: &&&str| self.table.contains_key(**name) && !self.typed.contains_key(**name);
            let kept: Vec<&str> = derived_from(key).iter().filter(is_kept).copied().collect();
            if !kept.is_empty() {
                let remark =
                    format!("from --config, for {key} = {before}: {}; set them too, or know why not", kept.join(", "));
                output::careful("config", &remark);
            }
        }
    }
}

/// Settings that a run's file spells out, and that hang on another.
fn derived_from(key: &str) -> &'static [&'static str] {
    match key {
        "optimizer" => &["lr", "momentum", "nesterov", "beta1", "beta2", "epsilon", "weight_decay"],
        "head" | "hidden" => &["lr"],
        _ => &[],
    }
}
