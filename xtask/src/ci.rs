//! `cargo xtask ci`: every check, in the order in which a failure is cheapest.

use std::process::Command;

use anyhow::{Context, Result};

use crate::fetch::{self, FetchOptions};
use crate::workspace;

/// The checks after the fetch: arguments of cargo, and the flags of rustdoc.
const STEPS: [(&[&str], &str); 4] = [
    (&["fmt", "--all", "--check"], ""),
    (&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], ""),
    (&["test", "--workspace"], ""),
    (&["doc", "--workspace", "--no-deps"], "-D warnings"),
];

/// Fetches what the tests need and runs every check; true if all of them pass. The first that fails is the last.
///
/// # Errors
/// A fetch that cannot begin, see [`fetch::run`], and a cargo that cannot be run.
pub fn run() -> Result<bool> {
    println!("$ cargo xtask fetch --all --sample dogs_cats");
    let needed = FetchOptions { all: true, samples: vec!["dogs_cats".to_owned()], ..FetchOptions::default() };
    if !fetch::run(&needed)? {
        return Ok(false);
    }
    for (arguments, rustdoc_flags) in STEPS {
        if !cargo(arguments, rustdoc_flags)? {
            eprintln!("cargo {} failed.", arguments.join(" "));
            return Ok(false);
        }
    }
    println!("All checks passed.");
    Ok(true)
}

fn cargo(arguments: &[&str], rustdoc_flags: &str) -> Result<bool> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root());
    let mut shown = format!("cargo {}", arguments.join(" "));
    if !rustdoc_flags.is_empty() {
        command.env("RUSTDOCFLAGS", rustdoc_flags);
        shown = format!("RUSTDOCFLAGS={rustdoc_flags:?} {shown}");
    }
    // Cargo set this for us; the inner cargo sets it again for itself, and rebuilds nothing if it is the same.
    if workspace::users_libtorch().is_none() {
        command.env_remove("LIBTORCH");
    }
    println!("$ {shown}");
    Ok(command.status().context("cargo cannot be run")?.success())
}
