//! `tl info --layers`.

use std::fmt::Write;

use anyhow::Result;
use serde_json::json;
use tl_backbone::{LayerInfo, Spec, layers};

/// The layers of a network: what `--freeze` counts, and what each costs.
pub(super) fn table(spec: &Spec, as_json: bool) -> Result<String> {
    let layers = layers(spec);
    if as_json {
        let rows: Vec<_> = layers.iter().map(facts).collect();
        return Ok(serde_json::to_string_pretty(&rows)? + "\n");
    }
    let mut text = format!(
        "{:<30} {:>5} {:>5} {:>5} {:>10} {:>12} {:>12}\n",
        "layer", "keras", "block", "stage", "parameters", "MACs", "output"
    );
    for layer in &layers {
        let (channels, side) = layer.output;
        let output = format!("{channels}x{side}x{side}");
        let LayerInfo { name, keras_index: keras, block, stage, n_parameters, n_macs, .. } = layer;
        writeln!(text, "{name:<30} {keras:>5} {block:>5} {stage:>5} {n_parameters:>10} {n_macs:>12} {output:>12}")?;
    }
    let n_parameters: usize = layers.iter().map(|layer| layer.n_parameters).sum();
    let n_macs: u64 = layers.iter().map(|layer| layer.n_macs).sum();
    writeln!(text, "{:<30} {:>5} {:>5} {:>5} {n_parameters:>10} {n_macs:>12}", "sum, without the top", "", "", "")?;
    Ok(text)
}

fn facts(layer: &LayerInfo) -> serde_json::Value {
    json!({
        "name": layer.name,
        "keras_index": layer.keras_index,
        "block": layer.block,
        "stage": layer.stage,
        "parameters": layer.n_parameters,
        "macs": layer.n_macs,
        "output": layer.output,
    })
}
