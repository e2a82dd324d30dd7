//! The command that a run was begun with: the first line of its settings, which TOML takes for a comment.

use std::path::Path;

const MARK: &str = "# command: ";

/// The line, with its end.
pub(super) fn command_line(command: &[String]) -> String {
    // JSON leaves the one control character as it is that TOML has no room for.
    let words = serde_json::json!(command).to_string().replace('\u{7f}', "\\u007f");
    format!("{MARK}{words}\n")
}

/// What the run of these settings was begun with; `now` where it is new, or older than the line.
pub(super) fn first_command(config: &Path, now: Vec<String>) -> Vec<String> {
    let text = fs_err::read_to_string(config).unwrap_or_default();
    let words = text.lines().next().and_then(|line| line.strip_prefix(MARK));
    words.and_then(|words| serde_json::from_str(words).ok()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_comes_back_from_settings_that_are_still_toml() {
        let dir = tempfile::TempDir::new().unwrap();
        let (config, now) = (dir.path().join("config.toml"), vec!["tl".to_owned(), "--resume".to_owned()]);
        assert_eq!(first_command(&config, now.clone()), now);
        let command = ["tl", "a b", "quoted \"\n\u{7f}é"].map(str::to_owned);
        fs_err::write(&config, command_line(&command) + "epochs = 3\n").unwrap();
        assert_eq!(first_command(&config, now.clone()), command);
        let table: toml::Table = fs_err::read_to_string(&config).unwrap().parse().unwrap();
        assert_eq!(table.len(), 1);
        fs_err::write(&config, "epochs = 3\n").unwrap();
        assert_eq!(first_command(&config, now.clone()), now);
    }
}
