//! What an example of each class counts.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tl_head::balanced_class_weights;

use crate::error::TrainError;

/// Weights of the classes in the loss: `none`, `balanced`, or the path of a file.
///
/// The file is CSV with the header `class,weight` and a line for each class. A run writes the file's BLAKE3 behind its
/// path, `weights.csv#` and 64 digits, so that a run that is resumed cannot go on with other weights.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ClassWeights {
    /// Every photo counts the same.
    #[default]
    None,
    /// Every class counts the same.
    Balanced,
    /// As a file says.
    File {
        /// The file.
        path: PathBuf,
        /// BLAKE3 of what it must hold, in hexadecimal; `None` takes what it holds.
        blake3: Option<String>,
    },
}

impl From<String> for ClassWeights {
    fn from(text: String) -> Self {
        match text.as_str() {
            "none" => Self::None,
            "balanced" => Self::Balanced,
            _ => match text.rsplit_once('#').filter(|(_, hash)| is_hash(hash)) {
                Some((path, hash)) => Self::File { path: path.into(), blake3: Some(hash.to_owned()) },
                None => Self::File { path: text.into(), blake3: None },
            },
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl From<ClassWeights> for String {
    fn from(weights: ClassWeights) -> Self {
        match weights {
            ClassWeights::None => "none".to_owned(),
            ClassWeights::Balanced => "balanced".to_owned(),
            ClassWeights::File { path, blake3: None } => path.to_string_lossy().into_owned(),
            ClassWeights::File { path, blake3: Some(hash) } => format!("{}#{hash}", path.display()),
        }
    }
}

impl ClassWeights {
    /// The file's weights in the order of `classes`, all problems reported together; none without a file.
    pub(crate) fn read(&self, classes: &[String]) -> Result<Option<Vec<f32>>, TrainError> {
        let Self::File { path, blake3 } = self else { return Ok(None) };
        let refused = |problems: Vec<String>| TrainError::ClassWeights { path: path.clone(), problems };
        let text = text_of(path).map_err(|problem| refused(vec![problem]))?;
        let mut problems = Vec::new();
        if blake3.as_ref().is_some_and(|wanted| *wanted != hash_of(&text)) {
            let changed = "it is not what it was when the run began; put it back as it was, or train again with it";
            problems.push(changed.to_owned());
        }
        let mut named = entries(&text, &mut problems).map_err(|problem| refused(vec![problem]))?;
        let weights: Vec<Option<f32>> = classes.iter().map(|class| named.remove(class)).collect();
        let missing = classes.iter().zip(&weights).filter(|(_, weight)| weight.is_none());
        problems.extend(missing.map(|(class, _)| format!("it says nothing of class `{class}`; add a line for it")));
        let known = classes.join(", ");
        let unknown = named.into_keys().map(|class| format!("it names `{class}`, but the classes are {known}"));
        problems.extend(unknown);
        match problems.is_empty() {
            true => Ok(Some(weights.into_iter().flatten().collect())),
            false => Err(refused(problems)),
        }
    }

    /// The same, bound to what the file holds now, if it was not before. One that cannot be read is left for
    /// [`ClassWeights::read`] to report.
    pub(crate) fn bind(&mut self) {
        if let Self::File { path, blake3: blake3 @ None } = self {
            *blake3 = text_of(path).ok().map(|text| hash_of(&text));
        }
    }

    /// The weights of classes that have so many training photos; `from_file` is what [`ClassWeights::read`] gave.
    pub(crate) fn of(&self, counts: &[usize], from_file: Option<Vec<f32>>) -> Option<Vec<f32>> {
        match self {
            Self::None => None,
            Self::Balanced => Some(balanced_class_weights(counts)),
            Self::File { .. } => from_file,
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| {
        format!("it cannot be read ({}); give balanced, none, or a file of class,weight", error.kind())
    };
    fs_err::read_to_string(path).map_err(unreadable)
}

fn hash_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Classes of the file with their weights; an error where it is no such file at all.
fn entries(text: &str, problems: &mut Vec<String>) -> Result<BTreeMap<String, f32>, String> {
    let mut weights = BTreeMap::new();
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    if rows.headers().ok() != Some(&csv::StringRecord::from(vec!["class", "weight"])) {
        return Err("its first line must be class,weight".to_owned());
    }
    for row in rows.deserialize::<(String, String)>() {
        match row {
            Ok((class, weight)) => match weight.parse::<f32>().ok().filter(|w| w.is_finite() && *w > 0.0) {
                None => {
                    let problem =
                        format!("the weight of class `{class}` is `{weight}`, but it must be a number above 0");
                    problems.push(problem);
                    weights.insert(class, f32::NAN);
                }
                Some(weight) => {
                    if weights.insert(class.clone(), weight).is_some() {
                        problems.push(format!("it names class `{class}` twice; keep one line"));
                    }
                }
            },
            Err(error) => problems.push(format!("{error}; a line is class,weight")),
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Vec<f32>>, TrainError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), text).unwrap();
        ClassWeights::File { path: file.path().to_owned(), blake3: None }.read(&["cats".to_owned(), "dogs".to_owned()])
    }

    #[test]
    fn weights_come_in_the_order_of_the_classes() {
        assert_eq!(read("class,weight\ndogs,2.5\ncats, 1\n").unwrap(), Some(vec![1.0, 2.5]));
        assert_eq!(ClassWeights::Balanced.read(&[]).unwrap(), None);
        assert_eq!(ClassWeights::Balanced.of(&[1, 3], None), Some(vec![2.0, 2.0 / 3.0]));
    }

    #[test]
    fn every_problem_of_a_file_is_named() {
        let problems = |text| match read(text) {
            Err(TrainError::ClassWeights { problems, .. }) => problems.join("\n"),
            other => panic!("{other:?}"),
        };
        let all = problems("class,weight\ncats,1\ncats,2\nbirds,1\n");
        for words in ["class `cats` twice", "nothing of class `dogs`", "names `birds`, but the classes are cats, dogs"]
        {
            assert!(all.contains(words), "{words} is not in {all}");
        }
        assert!(problems("class,weight\ncats,1\ndogs,-1\n").contains("weight of class `dogs` is `-1`"));
        assert!(problems("cats,1\ndogs,2\n").contains("first line must be class,weight"));
        assert!(problems("class,weight\ncats\n").contains("a line is class,weight"));
    }

    #[test]
    fn a_file_that_changed_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let classes = ["cats".to_owned(), "dogs".to_owned()];
        fs_err::write(file.path(), "class,weight\ncats,1\ndogs,2\n").unwrap();
        let mut bound = ClassWeights::File { path: file.path().to_owned(), blake3: None };
        bound.bind();
        assert_eq!(bound.read(&classes).unwrap(), Some(vec![1.0, 2.0]));
        fs_err::write(file.path(), "class,weight\ncats,1\ndogs,3\n").unwrap();
        bound.bind();
        let error = bound.read(&classes).unwrap_err().to_string();
        assert!(error.contains("not what it was") && error.contains(&file.path().display().to_string()), "{error}");
    }

    #[test]
    fn they_are_one_word_in_the_settings() {
        let file = |path: &str, blake3| ClassWeights::File { path: path.into(), blake3 };
        let bound = file("w#1.csv", Some("0123456789abcdef".repeat(4)));
        for weights in [ClassWeights::None, ClassWeights::Balanced, file("w.csv", None), file("w#1", None), bound] {
            assert_eq!(ClassWeights::from(String::from(weights.clone())), weights);
        }
    }
}
