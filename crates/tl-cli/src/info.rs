//! `tl info`.

mod layers;

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::ValueHint;
use serde_json::{Value, json};
use tl_backbone::{Preprocessing, Spec};
use tl_data::Fit;
use tl_model::{Bundle, StoredBundle};

use crate::{
    args::GlobalArgs,
    assets,
    model::{Named, backbone},
    output,
};

/// Which model to describe.
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArgs {
    /// A model.safetensors, a run's folder, or imagenet:mobilenet_v1 (or v2, v3_small)
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "layers")]
    model: Option<PathBuf>,
    /// List the layers of a pretrained network, as --freeze counts them
    #[arg(long, value_name = "BACKBONE", conflicts_with = "model")]
    layers: Option<String>,
    /// Check that the model still gives the answers it gave when it was saved
    #[arg(long)]
    verify: bool,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

/// What `--verify` found of a model, of one of an older version, and of a pretrained network.
const ALL_VERIFIED: &str = "all that it holds, and the answers on the built-in pictures, are what was saved";
const ANSWERS_VERIFIED: &str =
    "the answers on the built-in pictures are those it was saved with; this older file holds no checksum of all else";
const FILE_VERIFIED: &str = "the file has the hash of the weights that were published";

pub(crate) fn run(args: &InfoArgs, global: &GlobalArgs) -> Result<ExitCode> {
    if let Some(name) = &args.layers {
        output::result(&layers::table(backbone(name)?, args.json)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (facts, verified) = match Named::parse(args.model.as_deref().unwrap_or(Path::new("")))? {
        Named::Bundle(path) => {
            let stored = StoredBundle::open(&path)?;
            if args.verify {
                stored.verify()?;
            }
            (bundle_facts(&stored.bundle), if stored.has_checksums() { ALL_VERIFIED } else { ANSWERS_VERIFIED })
        }
        Named::ImageNet(spec) => {
            assets::weights(global, spec)?;
            if args.verify {
                assets::verify(global, spec)?;
            }
            (spec_facts(spec), FILE_VERIFIED)
        }
    };
    output::result(&match args.json {
        true => serde_json::to_string_pretty(&facts)? + "\n",
        false => as_text(&facts, args.verify.then_some(verified)),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn bundle_facts(bundle: &Bundle) -> Value {
    let Bundle { weights, head, classes, multi_label, preprocessing, temperature, provenance } = bundle;
    let spec = weights.spec();
    json!({
        "backbone": spec.name,
        "weights_sha256": spec.sha256,
        "fine_tuned": provenance.tuned_weights_sha256.is_some(),
        "licence": spec.licence,
        "preprocessing": preprocessing_text(preprocessing),
        "head": head.config(),
        // Without the network's own top, which is stored and not used.
        "parameters": tl_backbone::layers(spec).iter().map(|layer| layer.n_parameters).sum::<usize>() + head.n_parameters(),
        "temperature": temperature,
        "classes": classes,
        "multi_label": multi_label,
        "provenance": provenance,
    })
}

fn spec_facts(spec: &Spec) -> Value {
    json!({
        "backbone": spec.name,
        "weights_sha256": spec.sha256,
        "licence": spec.licence,
        "preprocessing": preprocessing_text(&spec.preprocessing),
        "parameters": spec.n_parameters,
        "classes": format!("the {} classes of ImageNet", spec.n_classes),
    })
}

/// Preprocessing on one line.
fn preprocessing_text(preprocessing: &Preprocessing) -> String {
    let Preprocessing { geometry, mean, std } = preprocessing;
    let side = geometry.side;
    let fit = match geometry.fit {
        Fit::Squash => format!("squash to {side}x{side}"),
        Fit::Crop { short_side } => format!("short side to {short_side}, central {side}x{side}"),
    };
    let reduced = if geometry.reduced { ", large JPEGs decoded at reduced size" } else { "" };
    format!("{fit}{reduced}, RGB, mean {mean:?}, std {std:?}")
}

fn as_text(facts: &Value, verified: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &Value| {
        let value = match value {
            Value::String(s) => s.clone(),
            Value::Array(words) if words.iter().all(Value::is_string) => words
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(if name == "command" { " " } else { ", " }),
            other => other.to_string(),
        };
        let _ = writeln!(text, "{name:<18} {value}");
    };
    for (name, value) in facts.as_object().into_iter().flatten().filter(|(name, _)| *name != "provenance") {
        line(name, value);
    }
    for (name, value) in facts["provenance"].as_object().into_iter().flatten().filter(|(name, _)| *name != "settings") {
        line(name, value);
    }
    if let Some(verified) = verified {
        let _ = writeln!(text, "verified           {verified}");
    }
    text
}
