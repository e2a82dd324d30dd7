//! What an example of each class counts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tl_head::balanced_class_weights;

use crate::error::TrainError;

/// Weights of the classes in the loss: `none`, `balanced`, or the path of a file.
///
/// The file is CSV with the header `class,weight` and a line for each class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ClassWeights {
    /// Every photo counts the same.
    #[default]
    None,
    /// Every class counts the same.
    Balanced,
    /// As a file says.
    File(PathBuf),
}

impl From<String> for ClassWeights {
    fn from(text: String) -> Self {
        match text.as_str() {
            "none" => Self::None,
            "balanced" => Self::Balanced,
            _ => Self::File(text.into()),
        }
    }
}

impl From<ClassWeights> for String {
    fn from(weights: ClassWeights) -> Self {
        match weights {
            ClassWeights::None => "none".to_owned(),
            ClassWeights::Balanced => "balanced".to_owned(),
            ClassWeights::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

impl ClassWeights {
    /// The file's weights in the order of `classes`, all problems reported together; none without a file.
    pub(crate) fn read(&self, classes: &[String]) -> Result<Option<Vec<f32>>, TrainError> {
        let Self::File(path) = self else { return Ok(None) };
        let mut problems = Vec::new();
        let mut named = entries(path, &mut problems);
        let weights: Vec<Option<f32>> = classes.iter().map(|class| named.remove(class)).collect();
        let missing = classes.iter().zip(&weights).filter(|(_, weight)| weight.is_none());
        problems.extend(missing.map(|(class, _)| format!("it says nothing of class `{class}`; add a line for it")));
        let known = classes.join(", ");
        let unknown = named.into_keys().map(|class| format!("it names `{class}`, but the classes are {known}"));
        problems.extend(unknown);
        match problems.is_empty() {
            true => Ok(Some(weights.into_iter().flatten().collect())),
            false => Err(TrainError::ClassWeights { path: path.clone(), problems }),
        }
    }

    /// The weights of classes that have so many training photos; `from_file` is what [`ClassWeights::read`] gave.
    pub(crate) fn of(&self, counts: &[usize], from_file: Option<Vec<f32>>) -> Option<Vec<f32>> {
        match self {
            Self::None => None,
            Self::Balanced => Some(balanced_class_weights(counts)),
            Self::File(_) => from_file,
        }
    }
}

/// Classes of the file with their weights.
fn entries(path: &Path, problems: &mut Vec<String>) -> BTreeMap<String, f32> {
    let mut weights = BTreeMap::new();
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(format!("it cannot be read ({}); write lines of class,weight into it", error.kind()));
            return weights;
        }
    };
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    if rows.headers().ok() != Some(&csv::StringRecord::from(vec!["class", "weight"])) {
        problems.push("its first line must be class,weight".to_owned());
    }
    for row in rows.deserialize::<(String, String)>() {
        match row {
            Ok((class, weight)) => match weight.parse::<f32>().ok().filter(|w| w.is_finite() && *w > 0.0) {
                None => problems
                    .push(format!("the weight of class `{class}` is `{weight}`, but it must be a number above 0")),
                Some(weight) => {
                    if weights.insert(class.clone(), weight).is_some() {
                        problems.push(format!("it names class `{class}` twice; keep one line"));
                    }
                }
            },
            Err(error) => problems.push(format!("{error}; a line is class,weight")),
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Vec<f32>>, TrainError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), text).unwrap();
        ClassWeights::File(file.path().to_owned()).read(&["cats".to_owned(), "dogs".to_owned()])
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
    fn they_are_one_word_in_the_settings() {
        for weights in [ClassWeights::None, ClassWeights::Balanced, ClassWeights::File("w.csv".into())] {
            assert_eq!(ClassWeights::from(String::from(weights.clone())), weights);
        }
    }
}
