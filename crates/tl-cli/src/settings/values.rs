//! Values as a run writes them down: with whole names and paths, which mean the same in another folder.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use toml::Value;

use crate::{model::backbone, names::Names};

/// The word that an argument's value is typed as, which is also what the settings call it.
pub(crate) fn name_of(value: &impl ValueEnum) -> Value {
    let name = value.to_possible_value().map(|v| v.get_name().to_owned());
    Value::String(name.unwrap_or_default())
}

/// The full name of a backbone; one that is not known is left for the plan to report with the other problems.
pub(crate) fn full_name(name: &str) -> String {
    backbone(name).map_or_else(|_| name.to_owned(), |spec| spec.name.to_owned())
}

/// A run must find its photos again from another working folder.
pub(crate) fn absolute(path: &Path) -> Result<Value> {
    let path = std::path::absolute(path)?;
    match path.to_str() {
        Some(text) => Ok(Value::String(text.to_owned())),
        None => anyhow::bail!("the name of {} is not UTF-8, which config.toml cannot hold; rename it", path.display()),
    }
}

/// A word, or a file that must be found again from another working folder.
pub(crate) fn class_weights(typed: &Path) -> Result<Value> {
    match typed.to_str() {
        Some(word @ ("none" | "balanced")) => Ok(Value::String(word.to_owned())),
        _ => absolute(typed),
    }
}

/// What was typed for a setting, as it is written down.
pub(super) fn settled(key: &str, value: Value) -> Result<Value> {
    if matches!((key, &value), ("data" | "val" | "class_weights", Value::String(path)) if path.is_empty()) {
        anyhow::bail!("{key} is empty; name a file or a folder, or leave it out");
    }
    Ok(match (key, value) {
        ("freeze", Value::Integer(n)) => n.to_string().into(),
        // As their flags take them.
        ("hidden", Value::Integer(n)) => vec![n].into(),
        ("hidden", Value::String(sizes)) => match sizes.split(',').map(|size| size.trim().parse()).collect() {
            Ok::<Vec<i64>, _>(sizes) => sizes.into(),
            Err(_) => sizes.into(),
        },
        ("classes", Value::String(names)) => match names.parse::<Names>() {
            Ok(Names(names)) => names.into(),
            Err(_) => names.into(),
        },
        ("data" | "val", Value::String(path)) => absolute(Path::new(&path))?,
        ("class_weights", Value::String(typed)) => class_weights(Path::new(&typed))?,
        ("backbone", Value::String(name)) => full_name(&name).into(),
        (_, value) => value,
    })
}
