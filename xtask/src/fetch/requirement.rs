//! The part of Python's dependency notation (PEP 508, PEP 440) that NVIDIA's packages use.

use std::collections::BTreeSet;

/// One `Requires-Dist` line: `cuda-toolkit[cudart,cufft]==13.0.3; platform_system == "Linux"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    pub(super) project: String,
    pub(super) extras: BTreeSet<String>,
    specifiers: Vec<(String, String)>,
    marker: String,
}

impl Requirement {
    /// Reads the lines of a package's METADATA that name what it requires.
    pub(super) fn all(metadata: &str) -> Vec<Requirement> {
        // The header ends at the first empty line; after it comes prose.
        let header = metadata.lines().take_while(|line| !line.is_empty());
        header.filter_map(|line| line.strip_prefix("Requires-Dist:")).map(Requirement::parse).collect()
    }

    fn parse(line: &str) -> Requirement {
        let (what, marker) = line.split_once(';').unwrap_or((line, ""));
        let what: String = what.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
        let end = what.find(['=', '<', '>', '!', '~']).unwrap_or(what.len());
        let (name, specifiers) = what.split_at(end);
        let (project, extras) = name.split_once('[').unwrap_or((name, ""));
        let extras = extras.trim_end_matches(']').split(',').filter(|extra| !extra.is_empty());
        Requirement {
            project: project.to_owned(),
            extras: extras.map(str::to_owned).collect(),
            specifiers: specifiers.split(',').filter(|one| !one.is_empty()).map(split_specifier).collect(),
            marker: marker.trim().replace('\'', "\""),
        }
    }

    /// Whether it counts on Linux on x86-64 for somebody who asked for `extras`.
    ///
    /// Markers are not evaluated in full: those of these packages name the systems they hold for, and at most one
    /// extra.
    pub(super) fn applies(&self, extras: &BTreeSet<String>) -> bool {
        let extra = self.marker.split_once("extra == \"").and_then(|(_, rest)| rest.split('"').next());
        let names_systems = self.marker.contains("sys_platform") || self.marker.contains("platform_system");
        let is_linux = self.marker.contains("\"linux\"") || self.marker.contains("\"Linux\"");
        extra.is_none_or(|extra| extras.contains(extra)) && (!names_systems || is_linux)
    }

    /// Whether a version will do; versions with letters are previews and never do.
    pub(super) fn allows(&self, version: &str) -> bool {
        let Some(version) = numbers(version) else { return false };
        self.specifiers.iter().all(|(operator, wanted)| {
            if let Some(prefix) = wanted.strip_suffix(".*") {
                return numbers(prefix).is_some_and(|prefix| version.starts_with(&prefix));
            }
            let Some(wanted) = numbers(wanted) else { return false };
            let order = trimmed(&version).cmp(trimmed(&wanted));
            match operator.as_str() {
                "==" | "===" => order.is_eq(),
                ">=" => order.is_ge(),
                "<=" => order.is_le(),
                "<" => order.is_lt(),
                ">" => order.is_gt(),
                "!=" => order.is_ne(),
                _ => false,
            }
        })
    }
}

fn split_specifier(text: &str) -> (String, String) {
    let at = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (operator, version) = text.split_at(at);
    (operator.to_owned(), version.to_owned())
}

/// The numbers of a version that has nothing else.
pub(super) fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

/// 13.0.3 and 13.0.3.0 are the same version.
fn trimmed(version: &[u64]) -> &[u64] {
    let n = version.iter().rposition(|number| *number != 0).map_or(0, |last| last + 1);
    &version[..n]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(line: &str) -> Requirement {
        Requirement::parse(line)
    }

    #[test]
    fn a_line_is_read_with_extras_versions_and_marker() {
        let toolkit = requirement(" cuda-toolkit[cudart,cufft]==13.0.3; platform_system == \"Linux\"");
        assert_eq!(toolkit.project, "cuda-toolkit");
        assert_eq!(toolkit.extras.iter().collect::<Vec<_>>(), ["cudart", "cufft"]);
        assert!(toolkit.applies(&BTreeSet::new()));
        assert!(toolkit.allows("13.0.3.0") && !toolkit.allows("13.0.2"));
    }

    #[test]
    fn an_extra_counts_only_when_it_was_asked_for() {
        let line = " nvidia-cufft==12.0.0.61.*; sys_platform == 'linux' and extra == 'cufft'";
        let cufft = requirement(line);
        assert!(!cufft.applies(&BTreeSet::new()));
        assert!(cufft.applies(&BTreeSet::from(["cufft".to_owned()])));
        assert!(cufft.allows("12.0.0.61") && !cufft.allows("12.0.0.6"));
    }

    #[test]
    fn ranges_and_previews_are_told_apart() {
        let nvjitlink = requirement(" nvidia-nvjitlink<14,>=13.0.88");
        assert!(nvjitlink.allows("13.0.88") && nvjitlink.allows("13.3.1"));
        assert!(!nvjitlink.allows("14.0") && !nvjitlink.allows("13.0.7") && !nvjitlink.allows("13.4.0rc1"));
        assert!(!requirement("nvidia-x; sys_platform == 'win32'").applies(&BTreeSet::new()));
    }
}
