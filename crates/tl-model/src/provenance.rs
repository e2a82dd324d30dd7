//! Where a model came from.

use serde::{Deserialize, Serialize};

/// Who trained a model, from what, and how; enough to train it again.
///
/// It holds no date, so that the same command on the same photos gives the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The command, word by word.
    pub command: Vec<String>,
    /// Version of tl.
    pub tl_version: String,
    /// Version of libtorch.
    pub libtorch_version: String,
    /// Seed of the split, of the head's first weights and of the order of photos.
    pub seed: u64,
    /// Arithmetic of the backbone while training: `f32`, `int16`, `bf16`, `f16` or `int8`.
    pub precision: String,
    /// Training photos used.
    pub n_train: usize,
    /// Validation photos used.
    pub n_val: usize,
    /// BLAKE3 over content, label and side of every photo, in order.
    pub data_blake3: String,
    /// Every setting of the run, as TOML.
    pub settings: String,
    /// SHA-256 of the backbone's tensors, as `Weights::sha256` counts it, where training changed them; none for a
    /// backbone that is as it was pretrained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_weights_sha256: Option<String>,
}
