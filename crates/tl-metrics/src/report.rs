//! Tables for a terminal.

use crate::{Averages, ClassMetrics, Evaluation, MultiLabelEvaluation};

/// A table of cells; the first column is text and stands left, the others are numbers and stand right.
fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let name = format!("{:<width$}", row[0], width = widths[0]);
    let numbers = row.iter().zip(widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
    let mut text: String = std::iter::once(name).chain(numbers).collect();
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// Classes up to which a table has all of them; of more it leaves out those that do not occur.
const FEW: usize = 20;

/// Whether a class of so many has a row.
fn is_shown(class: &ClassMetrics, n_classes: usize) -> bool {
    n_classes <= FEW || class.occurs()
}

/// A row per class, then the averages.
pub(crate) fn classes(evaluation: &Evaluation) -> String {
    let header = ["class", "precision", "recall", "f1", "support"].map(str::to_owned).to_vec();
    let n_classes = evaluation.per_class.len();
    let classes = evaluation.per_class.iter().filter(|class| is_shown(class, n_classes)).map(|c| {
        let averages = Averages { precision: c.precision, recall: c.recall, f1: c.f1 };
        class_row(&c.class, averages, c.support)
    });
    let averages = [("macro average", evaluation.macro_average), ("weighted average", evaluation.weighted_average)];
    let averages = averages.map(|(name, values)| class_row(name, values, evaluation.n_images));
    table(&std::iter::once(header).chain(classes).chain(averages).collect::<Vec<_>>())
}

fn class_row(name: &str, values: Averages, support: usize) -> Vec<String> {
    let three = |value: f64| format!("{value:.3}");
    vec![name.to_owned(), three(values.precision), three(values.recall), three(values.f1), support.to_string()]
}

/// A row per class with its average precision, then the averages.
pub(crate) fn multi_label(evaluation: &MultiLabelEvaluation) -> String {
    let with_ap = |mut row: Vec<String>, ap: Option<f64>| {
        row.insert(4, ap.map_or_else(|| "-".to_owned(), |ap| format!("{ap:.3}")));
        row
    };
    let header = ["class", "precision", "recall", "f1", "ap", "support"].map(str::to_owned).to_vec();
    let n_classes = evaluation.per_class.len();
    let classes = evaluation.per_class.iter().zip(&evaluation.average_precision);
    let classes = classes.filter(|(class, _)| is_shown(class, n_classes)).map(|(c, &ap)| {
        let averages = Averages { precision: c.precision, recall: c.recall, f1: c.f1 };
        with_ap(class_row(&c.class, averages, c.support), ap)
    });
    let n = evaluation.per_class.iter().map(|class| class.support).sum();
    let micro = with_ap(class_row("micro average", evaluation.micro_average, n), None);
    let mean = with_ap(class_row("macro average", evaluation.macro_average, n), evaluation.mean_average_precision);
    table(&std::iter::once(header).chain(classes).chain([micro, mean]).collect::<Vec<_>>())
}

/// A row per true class, a column per predicted class.
pub(crate) fn confusion(evaluation: &Evaluation) -> String {
    let names: Vec<String> = evaluation.per_class.iter().map(|c| c.class.clone()).collect();
    let header = std::iter::once("truth \\ predicted".to_owned()).chain(names.iter().cloned()).collect();
    let rows = names
        .iter()
        .zip(&evaluation.confusion)
        .map(|(name, counts)| std::iter::once(name.clone()).chain(counts.iter().map(ToString::to_string)).collect());
    table(&std::iter::once(header).chain(rows).collect::<Vec<Vec<String>>>())
}
