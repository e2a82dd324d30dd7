//! Predictions as text.

use std::{fmt::Write, path::PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value, json};
use tl_data::Skipped;
use tl_model::Prediction;

/// How to write the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each photo, in columns
    Table,
    /// One JSON document
    Json,
    /// A JSON document for each photo, a line each
    Jsonl,
    /// path, rank, class, probability; the last three empty for a photo with none of several classes
    Csv,
}

impl Format {
    /// Whether photos without an answer stand among the others.
    pub(crate) fn tells_of_skipped(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

/// What is to be written.
pub(crate) struct Listing<'a> {
    pub(crate) photos: &'a [PathBuf],
    pub(crate) classes: &'a [String],
    pub(crate) answers: &'a [Answer],
    pub(crate) skipped: &'a [Skipped],
}

/// What is shown of a photo's classes.
pub(crate) struct Answer {
    photo: usize,
    /// Classes with probabilities, best first.
    best: Vec<(usize, f32)>,
    /// The classes that are said to be there, best first, where there may be several.
    present: Option<Vec<usize>>,
}

impl Answer {
    /// The `top` best classes of a photo that has one.
    pub(crate) fn one(prediction: &Prediction, top: usize) -> Self {
        Self { photo: prediction.photo, best: prediction.top(top), present: None }
    }

    /// The classes of a photo that reach `threshold`, or the `top` best ones where a number is given.
    pub(crate) fn several(prediction: &Prediction, threshold: f32, top: Option<usize>) -> Self {
        let present = prediction.at_least(threshold);
        let classes = present.iter().map(|(class, _)| *class).collect();
        let best = top.map_or(present, |top| prediction.top(top));
        Self { photo: prediction.photo, best, present: Some(classes) }
    }
}

impl Listing<'_> {
    pub(crate) fn write(&self, format: Format) -> Result<String> {
        Ok(match format {
            Format::Table => self.table(),
            Format::Json => {
                let document = json!({
                    "predictions": self.answers.iter().map(|answer| self.entry(answer)).collect::<Vec<_>>(),
                    "skipped": self.skipped.iter().map(skipped_entry).collect::<Vec<_>>(),
                });
                serde_json::to_string_pretty(&document)? + "\n"
            }
            Format::Jsonl => {
                let entries =
                    self.answers.iter().map(|answer| self.entry(answer)).chain(self.skipped.iter().map(skipped_entry));
                entries.map(|entry| entry.to_string() + "\n").collect()
            }
            Format::Csv => self.csv()?,
        })
    }

    fn path(&self, answer: &Answer) -> String {
        self.photos[answer.photo].to_string_lossy().into_owned()
    }

    /// Class names with probabilities, best first.
    fn best(&self, answer: &Answer) -> Vec<(&str, f32)> {
        answer.best.iter().map(|&(class, p)| (self.classes[class].as_str(), p)).collect()
    }

    fn entry(&self, answer: &Answer) -> Value {
        let best = self.best(answer);
        let top: Vec<_> = best.iter().map(|(class, p)| json!({"class": class, "probability": p})).collect();
        match &answer.present {
            None => json!({"path": self.path(answer), "class": best[0].0, "probability": best[0].1, "top": top}),
            Some(present) => {
                let classes: Vec<_> = present.iter().map(|&class| self.classes[class].as_str()).collect();
                json!({"path": self.path(answer), "classes": classes, "top": top})
            }
        }
    }

    fn table(&self) -> String {
        let width = self.answers.iter().map(|p| one_line(&self.path(p)).chars().count()).max().unwrap_or(0);
        let class_width = self.classes.iter().map(|c| c.chars().count()).max().unwrap_or(0).min(24);
        let mut text = String::new();
        for answer in self.answers {
            let cells: Vec<_> = self
                .best(answer)
                .iter()
                .map(|(class, p)| format!("{:<class_width$} {:5.1} %", one_line(class), p * 100.0))
                .collect();
            let path = one_line(&self.path(answer));
            let cells = if cells.is_empty() { "(none)".to_owned() } else { cells.join("  ") };
            let _ = writeln!(text, "{path:<width$}  {cells}");
        }
        text
    }

    fn csv(&self) -> Result<String> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["path", "rank", "class", "probability"])?;
        for answer in self.answers {
            let path = self.path(answer);
            if answer.best.is_empty() {
                csv.write_record([path.as_str(), "", "", ""])?;
            }
            for (rank, (class, p)) in self.best(answer).into_iter().enumerate() {
                csv.write_record([path.as_str(), &(rank + 1).to_string(), class, &p.to_string()])?;
            }
        }
        Ok(String::from_utf8(csv.into_inner()?)?)
    }
}

fn skipped_entry(skipped: &Skipped) -> Value {
    json!({"path": skipped.path.to_string_lossy(), "error": skipped.reason.to_string()})
}

/// A name with a line break must not look like two photos, nor one with an escape sequence steer the terminal.
fn one_line(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
