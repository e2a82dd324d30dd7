//! From what was typed to the settings of a run: defaults, then the file, then `--set` and flags.

mod replaced;
mod values;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Error, Result, anyhow, bail};
use tl_train::{Recipe, TrainOptions};
use toml::{Table, Value};

use self::values::settled;
pub(crate) use self::values::{absolute, class_weights, full_name, name_of};
use crate::output;

/// Settings that are put over each other.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    table: Table,
    /// Those that were typed one by one, and as what; a file may hold all of another run.
    typed: BTreeMap<String, String>,
    /// What was said twice, and differently.
    clashes: Vec<String>,
    /// Those that a run was begun with.
    begun: Option<Table>,
    /// Those of a file that others were typed for, on which more of the file's may hang.
    replaced: Vec<(String, Value)>,
}

impl Settings {
    /// Takes the settings of a TOML file.
    pub(crate) fn file(&mut self, path: &Path) -> Result<()> {
        let text = fs_err::read_to_string(path)?;
        let table: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        for (key, value) in table {
            let value = settled(&key, value)?;
            self.table.insert(key, value);
        }
        Ok(())
    }

    /// Takes the settings of a run that is to be gone on with.
    pub(crate) fn resumed(&mut self, path: &Path) -> Result<()> {
        self.file(path)?;
        let all = Table::try_from(TrainOptions::default())?;
        let open = TrainOptions::OPEN_WHEN_RESUMED;
        if let Some(name) = all.keys().find(|name| !self.table.contains_key(*name) && !open.contains(&name.as_str())) {
            bail!("{} lacks {name}, as it would if it were cut; put it back, or train again", path.display());
        }
        self.begun = Some(self.table.clone());
        Ok(())
    }

    /// Takes `key=value`; a value that is no TOML is text.
    pub(crate) fn assignment(&mut self, text: &str) -> Result<()> {
        let Some((key, value)) = text.split_once('=') else {
            bail!("--set takes key=value, as in --set epochs=20; `{text}` has no `=`");
        };
        let (key, text) = (key.trim(), value.trim());
        let parsed = format!("v = {text}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
        if parsed.is_none() && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            bail!("{key} is {text}, and no setting is larger than {}", i64::MAX);
        }
        // TOML has no `.001`, and people do.
        let number = || text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Float);
        let value = parsed.or_else(number).unwrap_or_else(|| Value::String(text.to_owned()));
        self.typed(key, settled(key, value)?, "--set".to_owned());
        Ok(())
    }

    /// What was said of `key`, where that is text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.as_str()
    }

    /// Takes a flag, when it was given.
    pub(crate) fn flag(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.typed(key, value.into(), flag_of(key));
        }
    }

    /// Takes what was typed as `flag`.
    fn typed(&mut self, key: &str, value: Value, flag: String) {
        let clashes = [
            self.clash_with_flag(key, &value, &flag),
            self.clash_with_file(key, &value, &flag),
            self.clash_with_run(key, &value, &flag),
        ];
        self.clashes.extend(clashes.into_iter().flatten());
        let of_file = self.table.get(key).filter(|before| !self.typed.contains_key(key) && !is_same(before, &value));
        self.replaced.extend(of_file.map(|before| (key.to_owned(), before.clone())));
        self.typed.insert(key.to_owned(), flag);
        self.table.insert(key.to_owned(), value);
    }

    /// Whoever typed two values of a setting must not be served with one of them.
    fn clash_with_flag(&self, key: &str, value: &Value, flag: &str) -> Option<String> {
        let (first, before) = (self.typed.get(key)?, self.table.get(key)?);
        let clash = || format!("{key} is {before} by {first} and {value} by {flag}; leave one of them out");
        (!is_same(before, value)).then(clash)
    }

    /// A run's file has every setting of its recipe, which would go on under another name.
    fn clash_with_file(&self, key: &str, value: &Value, flag: &str) -> Option<String> {
        if key != "recipe" || self.begun.is_some() || self.typed.contains_key(key) {
            return None;
        }
        let before = self.table.get(key).filter(|before| *before != value)?;
        Some(format!("--config is of the recipe {before}, and {flag} says {value}; leave one out"))
    }

    /// A run that is gone on with keeps what it was begun with.
    fn clash_with_run(&self, key: &str, value: &Value, flag: &str) -> Option<String> {
        let begun = self.begun.as_ref().filter(|_| !TrainOptions::OPEN_WHEN_RESUMED.contains(&key))?;
        let before = match begun.get(key) {
            Some(before) if is_same(before, value) => return None,
            Some(before) => format!("with {key} = {before}"),
            None => "without it".to_owned(),
        };
        Some(format!("the run was begun {before}, which stays; leave {flag} out, or train a new one"))
    }

    /// The settings, each key and type checked. Those that were not given are the recipe's; those that were typed for
    /// nothing are remarked on.
    pub(crate) fn finish(self, as_published: bool) -> Result<TrainOptions> {
        if !self.clashes.is_empty() {
            bail!(self.clashes.join("; "));
        }
        let recipe = match self.table.get("recipe") {
            None => Recipe::Features,
            Some(name) => name
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| anyhow!("the recipe is wrong: {}", error.message()))?,
        };
        let preset = Table::try_from(if as_published { Recipe::as_published() } else { recipe.options() })?;
        let mut table = preset.clone();
        table.extend(self.table.clone());
        let options: TrainOptions = table.try_into().map_err(|error| self.culprit(&preset, error))?;
        self.say_kept();
        for remark in options.unused(self.typed.keys().map(String::as_str)) {
            output::careful("unused", &remark);
        }
        Ok(options)
    }

    /// Which setting it is that cannot be put over `preset`.
    fn culprit(&self, preset: &Table, error: toml::de::Error) -> Error {
        let alone = |(key, value): (&String, &Value)| {
            let mut one = preset.clone();
            one.insert(key.clone(), value.clone());
            Some(problem(key, value, &one.try_into::<TrainOptions>().err()?))
        };
        self.table.iter().find_map(alone).unwrap_or_else(|| error.into())
    }
}

/// The flag of a setting.
fn flag_of(key: &str) -> String {
    match key {
        "time_s" => "--time".to_owned(),
        "max_skipped" => "--max-skipped or --strict".to_owned(),
        _ => format!("--{}", key.replace('_', "-")),
    }
}

/// Whether two values mean the same, as 1 and 1.0 do.
fn is_same(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
    a == b || number(a).is_some_and(|n| Some(n) == number(b))
}

/// The names of all settings, as the refusal of an unknown one lists them.
fn known_in(refusal: &str) -> Option<impl Iterator<Item = &str>> {
    let (_, known) = refusal.split_once("unknown field").and_then(|(_, text)| text.split_once(", "))?;
    // Every other piece between backticks is a name.
    Some(known.split('`').skip(1).step_by(2))
}

/// Settings as TOML, and in comments those that nothing was said of and that have no default.
pub(crate) fn printed(options: &TrainOptions) -> Result<String> {
    let text = toml::to_string(options)?;
    let table: Table = text.parse()?;
    let refusal =
        toml::from_str::<TrainOptions>("x = 0").map_or_else(|error| error.message().to_owned(), |_| String::new());
    let unset = known_in(&refusal).into_iter().flatten().filter(|name| !table.contains_key(*name));
    Ok(unset.fold(text, |text, name| text + &format!("# {name} is not set\n")))
}

/// What is wrong with a setting, by its name.
fn problem(key: &str, value: &Value, error: &toml::de::Error) -> Error {
    let Some(known) = known_in(error.message()) else {
        return anyhow!("{key} cannot be {value}: {}", error.message());
    };
    let alike = known.map(|name| (strsim::jaro_winkler(name, key), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = alike.filter(|(likeness, _)| *likeness > 0.8).map(|(_, name)| format!(" `{name}` is one."));
    anyhow!("there is no setting `{key}`.{} --print-config shows what is set", hint.unwrap_or_default())
}
