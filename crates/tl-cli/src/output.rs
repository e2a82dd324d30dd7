//! Standard output for results, standard error for everything else.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Error, Result};

use crate::logging;

/// Writes a result.
pub(crate) fn result(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("the result cannot be written to standard output")
}

/// Writes an error with its causes, once.
pub(crate) fn error(error: &Error) {
    match logging::is_json() {
        true => tracing::error!(target: "tl", "{}", causes(error)),
        false => line(&format!("error: {}", causes(error))),
    }
}

/// The error and its causes; one that the text before it names already is not said again.
fn causes(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Writes a remark.
pub(crate) fn note(text: &str) {
    match logging::is_json() {
        true => tracing::info!(target: "tl", "{text}"),
        false => line(text),
    }
}

/// Writes a line as it is to standard error. One that is closed is no reason to fail.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A remark about something that goes less well than it could.
pub(crate) fn careful(event: &str, problem: &str) {
    match logging::is_json() {
        true => tracing::warn!(target: "tl", event, problem),
        false => line(&format!("Careful: {problem}")),
    }
}

/// Whether the reader of the results went away, as `head` does: that is no error.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}

/// How this program was called, so that a command that is shown can be run.
pub(crate) fn program() -> String {
    quoted(&std::env::args_os().next().map_or_else(|| "tl".into(), |name| name.to_string_lossy().into_owned()))
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn no_cause_is_said_twice() {
        let error = anyhow!("no space").context("cannot write a.txt: no space; free some").context("the run failed");
        assert_eq!(causes(&error), "the run failed: cannot write a.txt: no space; free some");
    }
}
