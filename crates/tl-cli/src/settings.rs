//! From what was typed to the settings of a run: defaults, then the file, then `--set`, then flags.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tl_train::{Recipe, TrainOptions};
use toml::{Table, Value};

/// Settings that are put over each other.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    table: Table,
}

impl Settings {
    /// Takes the settings of a TOML file.
    pub(crate) fn file(&mut self, path: &Path) -> Result<()> {
        let text = fs_err::read_to_string(path)?;
        let table: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        self.table.extend(table);
        Ok(())
    }

    /// Takes `key=value`; a value that is no TOML is text.
    pub(crate) fn assignment(&mut self, text: &str) -> Result<()> {
        let Some((key, value)) = text.split_once('=') else {
            bail!("--set takes key=value, as in --set epochs=20; `{text}` has no `=`");
        };
        let (key, value) = (key.trim(), value.trim());
        let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
        self.table.insert(key.to_owned(), parsed.unwrap_or_else(|| Value::String(value.to_owned())));
        Ok(())
    }

    /// Takes a flag, when it was given.
    pub(crate) fn flag(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.table.insert(key.to_owned(), value.into());
        }
    }

    /// The settings, each key and type checked. Those that were not given are the recipe's.
    pub(crate) fn finish(self, as_published: bool) -> Result<TrainOptions> {
        let recipe = match self.table.get("recipe") {
            None => Recipe::Features,
            Some(name) => name
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| anyhow::anyhow!("the recipe is wrong: {}", error.message()))?,
        };
        let preset = if as_published { Recipe::as_published() } else { recipe.options() };
        let mut table = Table::try_from(preset)?;
        table.extend(self.table);
        table.try_into().map_err(|error: toml::de::Error| anyhow::anyhow!("a setting is wrong: {}", error.message()))
    }
}
