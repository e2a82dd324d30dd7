//! Names of classes in one argument.

use std::str::FromStr;

use csv::ReaderBuilder;

/// Names with commas between; one that holds a comma itself is in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) Vec<String>);

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rows = ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let names = match rows.records().next() {
            None => vec![String::new()],
            Some(row) => row.map_err(|error| error.to_string())?.iter().map(str::to_owned).collect(),
        };
        Ok(Self(names))
    }
}

/// All that were given; none where the argument was not.
pub(crate) fn all(given: &[Names]) -> Option<Vec<String>> {
    (!given.is_empty()).then(|| given.iter().flat_map(|names| names.0.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_commas() {
        for (text, names) in [("cats,dogs", &["cats", "dogs"][..]), ("\"a, b\",c", &["a, b", "c"]), ("", &[""])] {
            assert_eq!(text.parse::<Names>().unwrap().0, names, "{text}");
        }
    }
}
