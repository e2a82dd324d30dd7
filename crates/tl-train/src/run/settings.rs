//! The settings of a run, as they are written down.

use super::command::{command_line, first_command};
use crate::{
    error::TrainError,
    event::{Event, Observer},
    options::TrainOptions,
    run_folder::{RunFolder, write_file},
};

/// What a run was begun with.
pub(super) struct Settings {
    /// Its first command.
    pub(super) command: Vec<String>,
    /// Its options as TOML.
    pub(super) text: String,
}

impl Settings {
    /// Writes them into the folder, and tells of them.
    pub(super) fn write(
        options: &TrainOptions,
        folder: &RunFolder,
        command: Vec<String>,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let starts_over = folder.starts_over();
        let command = first_command(&folder.config(), command);
        let text = toml::to_string(options).map_err(|e| TrainError::Options { problems: vec![e.to_string()] })?;
        let with_command = command_line(&command) + &text;
        write_file(&folder.config(), |out| out.write_all(with_command.as_bytes()))?;
        observer.event(&Event::Started { settings: &text });
        if starts_over {
            observer.event(&Event::StartsOver);
        }
        Ok(Self { command, text })
    }
}
