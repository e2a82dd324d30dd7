//! The line of an augmentation: parsing and printing.

use std::{fmt, str::FromStr};

use super::{
    Augment, PRESETS, keras,
    step::{Definition, Kind, Param, Step, definitions},
};
use crate::error::DataError;

impl FromStr for Augment {
    type Err = DataError;

    fn from_str(line: &str) -> Result<Self, DataError> {
        let mut steps = Vec::new();
        for text in line.split('|').map(str::trim).filter(|text| !text.is_empty()) {
            if let Some((_, preset)) = PRESETS.iter().find(|(name, _)| *name == text) {
                steps.extend(preset.parse::<Self>()?.steps);
                continue;
            }
            let (name, arguments) = name_and_arguments(text)?;
            if name == "keras" {
                steps.extend(keras::steps(text, &arguments)?);
            } else {
                steps.push(step(text, name, &arguments)?);
            }
        }
        Ok(Self { steps })
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("none");
        }
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{}{step}", if i > 0 { "|" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let definition = self.definition();
        let print = |(value, param): (&f64, &Param)| match param.words.get(*value as usize) {
            Some(word) => (*word).to_owned(),
            None => value.to_string(),
        };
        let values: Vec<_> = self.given.iter().zip(definition.params).map(print).collect();
        f.write_str(definition.name)?;
        if values.is_empty() { Ok(()) } else { write!(f, "({})", values.join(",")) }
    }
}

/// `name(a,b=c)` to its parts: an argument has a name or none.
pub(crate) type Arguments<'a> = Vec<(Option<&'a str>, &'a str)>;

fn name_and_arguments(text: &str) -> Result<(&str, Arguments<'_>), DataError> {
    let Some((name, rest)) = text.split_once('(') else { return Ok((text, Vec::new())) };
    let Some(inside) = rest.strip_suffix(')') else { return Err(wrong(text, "the bracket is not closed")) };
    if inside.trim().is_empty() {
        return Ok((name.trim(), Vec::new()));
    }
    let arguments: Vec<_> = inside.split(',').map(str::trim).collect();
    if arguments.iter().any(|argument| argument.is_empty()) {
        return Err(wrong(text, "there is nothing between two commas"));
    }
    let arguments: Arguments<'_> = arguments.into_iter().map(argument).collect();
    let is_repeated = |i: usize| arguments[i].0.is_some() && arguments[..i].iter().any(|a| a.0 == arguments[i].0);
    match (0..arguments.len()).find(|&i| is_repeated(i)) {
        Some(i) => Err(wrong(text, &format!("{} is given twice", arguments[i].0.unwrap_or_default()))),
        None => Ok((name.trim(), arguments)),
    }
}

fn argument(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, value)) => (Some(name.trim()), value.trim()),
        None => (None, text),
    }
}

fn step(text: &str, name: &str, arguments: &Arguments<'_>) -> Result<Step, DataError> {
    let Some(definition) = definitions().iter().find(|definition| definition.name == name) else {
        let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).chain(definitions().iter().map(|d| d.name)).collect();
        return Err(wrong(text, &format!("there is no such step; there are {}, keras", names.join(", "))));
    };
    let mut values = vec![None; definition.params.len()];
    for (position, (name, value)) in arguments.iter().enumerate() {
        let i = match name {
            Some(name) => definition.params.iter().position(|param| param.name == *name),
            None => Some(position).filter(|&i| i < values.len()),
        };
        let Some(i) = i else { return Err(wrong(text, &signature(definition))) };
        let param = &definition.params[i];
        if values[i].is_some() {
            return Err(wrong(text, &format!("{} is given twice", param.name)));
        }
        values[i] = Some(number(text, param, value)?);
    }
    let given = values.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let needed = definition.params.iter().filter(|param| param.default.is_none()).count();
    let filled = values.iter().zip(definition.params).take(given.max(needed)).map(|(value, p)| value.or(p.default));
    let Some(given) = filled.collect::<Option<Vec<_>>>() else { return Err(wrong(text, &signature(definition))) };
    if definition.kind == Kind::RandAugment && given.first().is_some_and(|n| n.fract() != 0.0) {
        return Err(wrong(text, "n is a whole number"));
    }
    check_order(text, definition, &Step { kind: definition.kind, given: given.clone() })?;
    Ok(Step { kind: definition.kind, given })
}

/// `min_x` may not be above `max_x`.
fn check_order(text: &str, definition: &Definition, step: &Step) -> Result<(), DataError> {
    for (i, param) in definition.params.iter().enumerate() {
        let Some(rest) = param.name.strip_prefix("min") else { continue };
        let highest = definition.params.iter().position(|other| other.name.strip_prefix("max") == Some(rest));
        if highest.is_some_and(|j| step.value(i) > step.value(j)) {
            return Err(wrong(text, &format!("{} is above max{rest}", param.name)));
        }
    }
    Ok(())
}

pub(crate) fn number(text: &str, param: &Param, value: &str) -> Result<f64, DataError> {
    if !param.words.is_empty() {
        let position = param.words.iter().position(|word| *word == value);
        return position
            .map(|i| i as f64)
            .ok_or_else(|| wrong(text, &format!("{} is one of {}", param.name, param.words.join(", "))));
    }
    let number = value.parse::<f64>().ok().filter(|number| (param.min..=param.max).contains(number));
    number.ok_or_else(|| wrong(text, &format!("{} is a number from {} to {}", param.name, param.min, param.max)))
}

pub(crate) fn wrong(step: &str, reason: &str) -> DataError {
    DataError::Augment { step: step.to_owned(), reason: reason.to_owned() }
}

fn signature(definition: &Definition) -> String {
    let print = |param: &Param| match param.default {
        Some(default) => format!("{}={default}", param.name),
        None => param.name.to_owned(),
    };
    let params: Vec<_> = definition.params.iter().map(print).collect();
    format!("write {}({})", definition.name, params.join(","))
}
