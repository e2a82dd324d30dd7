//! Sources, tried one after the other, and what is said where they fail.

use std::io;

use anyhow::{Result, bail};

use crate::{manifest::Source, net::Failure};

/// The chain of an error, and what to do about it where that can be said.
pub(super) fn in_words(error: &anyhow::Error) -> String {
    let remedy = if is_disk_full(error) {
        "\n  Make room on the disk, or name another folder with --data, and run the command again: it goes on where it stopped."
    } else if matches!(error.downcast_ref(), Some(Failure::Broken(_))) {
        "\n  Run the command again: it goes on where it stopped."
    } else {
        ""
    };
    format!("{error:#}{remedy}")
}

/// Tries the sources in their order and says of each why it failed.
///
/// # Errors
/// None of the sources gave it, or the disk is full.
pub fn first_of<T>(sources: &[Source], mut bring: impl FnMut(&Source) -> Result<T>) -> Result<T> {
    let mut tried = Vec::new();
    for source in sources {
        match bring(source) {
            Ok(value) => return Ok(value),
            Err(error) if is_disk_full(&error) => return Err(error),
            Err(error) => tried.push((source, error)),
        }
    }
    let list: Vec<String> = tried.iter().map(|(source, error)| format!("\n  {source}: {}", in_words(error))).collect();
    let is_unreachable = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(Failure::Unreachable(_)));
    let remedy = if tried.iter().all(|(_, error)| is_unreachable(error)) {
        "\n  Is there a network? HTTPS_PROXY, SSL_CERT_FILE and PIP_INDEX_URL are honoured."
    } else {
        ""
    };
    bail!("none of its sources gave it:{}{remedy}", list.concat())
}

fn is_disk_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = match cause.downcast_ref::<Failure>() {
            Some(Failure::Disk(error)) => Some(error.kind()),
            _ => cause.downcast_ref::<io::Error>().map(io::Error::kind),
        };
        kind == Some(io::ErrorKind::StorageFull)
    })
}
