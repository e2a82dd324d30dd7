//! What is said about photos that were left out.

use std::collections::BTreeMap;

use tl_data::Skipped;

use crate::{logging, output::note};

/// Photos named on screen; the rest is counted. The log in JSON names all.
const N_NAMED: usize = 5;

/// Says how many photos were left out, why, and names the first few.
pub(crate) fn say(skipped: &[Skipped], list: Option<&str>) {
    for line in lines(skipped, list) {
        note(&line);
    }
}

/// The same, as lines; none when nothing was left out.
pub(crate) fn lines(skipped: &[Skipped], list: Option<&str>) -> Vec<String> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let mut by_reason: BTreeMap<&str, usize> = BTreeMap::new();
    for s in skipped {
        *by_reason.entry(s.reason.kind()).or_default() += 1;
    }
    let reasons: Vec<_> = by_reason.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let mut lines = vec![format!("Skipped {} ({}):", plural(skipped.len(), "file"), reasons.join(", "))];
    let n_named = if logging::is_json() { skipped.len() } else { N_NAMED };
    lines.extend(skipped.iter().take(n_named).map(|s| format!("  {}: {}", s.path.display(), s.reason)));
    if skipped.len() > n_named {
        let list = list.map_or_else(|| "; --log-json names all".to_owned(), |list| format!(", listed in {list}"));
        lines.push(format!("  and {} more{list}", skipped.len() - n_named));
    }
    lines
}

/// `1 file`, `2 files`.
pub(crate) fn plural(n: usize, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{ending}")
}
