//! Medians, spreads and ratios as Markdown.

use std::{collections::BTreeSet, fmt::Write};

use super::{contest::Contest, measure::Measured};

/// A quantity of a run, if the run has it.
type Quantity<'a> = Box<dyn Fn(&Measured) -> Option<f64> + 'a>;

/// A row per contestant: medians with the smallest and the largest, and how many times that of tl they are.
pub(super) fn markdown(contest: &Contest, measured: &[Vec<Measured>]) -> String {
    let columns = columns(measured);
    let mut text = format!("## {}\n| |", contest.title);
    for (name, _) in &columns {
        let _ = write!(text, " {name} |");
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(columns.len()));
    for (contestant, runs) in contest.contestants.iter().zip(measured) {
        let _ = write!(text, "| {} |", contestant.name);
        for (_, quantity) in &columns {
            let _ = write!(text, " {} |", cell(runs, &measured[0], quantity));
        }
        text.push('\n');
    }
    if contest.name == "notebook" {
        text.push_str(&losses(contest, measured));
    }
    text
}

fn columns(measured: &[Vec<Measured>]) -> Vec<(String, Quantity<'_>)> {
    let mut columns: Vec<(String, Quantity<'_>)> = vec![
        ("wall s".to_owned(), Box::new(|run| Some(run.wall_s))),
        ("CPU s".to_owned(), Box::new(|run| Some(run.cpu_s))),
        ("peak MiB".to_owned(), Box::new(|run| Some(run.peak_mib))),
    ];
    let all = || measured.iter().flatten();
    if all().any(|run| run.results.accuracy.is_some()) {
        columns.push(("accuracy %".to_owned(), Box::new(|run| run.results.accuracy.map(|accuracy| accuracy * 100.0))));
    }
    // Names that all contestants know can be compared; networks show what each arithmetic is worth.
    let names: BTreeSet<&String> = all().flat_map(|run| run.results.rates.keys()).collect();
    let known_by_all = |name: &str| all().all(|run| run.results.rates.contains_key(name));
    for name in names.into_iter().filter(|name| name.starts_with("network") || known_by_all(name)) {
        columns.push((format!("{name}, photos/s"), Box::new(move |run| run.results.rates.get(name).copied())));
    }
    columns
}

fn cell(runs: &[Measured], ours: &[Measured], quantity: &Quantity<'_>) -> String {
    let Some((median, min, max)) = spread(runs, quantity) else { return "-".to_owned() };
    let digits = if median < 10.0 { 2 } else { usize::from(median < 100.0) };
    let ratio = spread(ours, quantity).map(|(ours, ..)| format!(", x{:.2}", median / ours)).unwrap_or_default();
    format!("{median:.digits$} ({min:.digits$} to {max:.digits$}){ratio}")
}

/// Median, smallest and largest.
fn spread(runs: &[Measured], quantity: &Quantity<'_>) -> Option<(f64, f64, f64)> {
    let mut values: Vec<f64> = runs.iter().filter_map(quantity).collect();
    values.sort_by(f64::total_cmp);
    Some((*values.get(values.len() / 2)?, *values.first()?, *values.last()?))
}

/// Training loss by epoch, smallest to largest of the runs.
fn losses(contest: &Contest, measured: &[Vec<Measured>]) -> String {
    let n_epochs = measured.iter().flatten().map(|run| run.results.losses.len()).max().unwrap_or(0);
    let mut text = String::from("\n| training loss |");
    for contestant in &contest.contestants {
        let _ = write!(text, " {} |", contestant.name);
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(contest.contestants.len()));
    for epoch in 0..n_epochs {
        let _ = write!(text, "| epoch {} |", epoch + 1);
        for runs in measured {
            let loss: Quantity<'_> = Box::new(move |run| run.results.losses.get(epoch).copied());
            let shown = spread(runs, &loss)
                .map_or_else(|| "-".to_owned(), |(median, min, max)| format!("{median:.3} ({min:.3} to {max:.3})"));
            let _ = write!(text, " {shown} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            contest::{Answer, Contestant},
            measure::Results,
        },
        *,
    };

    fn contestant(name: &'static str) -> Contestant {
        Contestant { name, words: Vec::new(), answer: Answer::LastLine, warms_up: false }
    }

    fn run(wall_s: f64, rates: &[(&str, f64)], losses: &[f64]) -> Measured {
        let rates = rates.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
        let results = Results { accuracy: None, rates, losses: losses.to_vec() };
        Measured { wall_s, cpu_s: 2.0 * wall_s, peak_mib: 100.0, results }
    }

    #[test]
    fn medians_spreads_and_ratios_of_what_all_know() {
        let contestants = vec![contestant("tl"), contestant("peer"), contestant("failed")];
        let contest = Contest { name: "notebook", title: "A job", contestants };
        let ours = [3.0, 1.0, 2.0]
            .map(|wall| run(wall, &[("training", 50.0), ("our own", 1.0), ("network int16", 3.0)], &[0.5]));
        let theirs = [4.0, 3.0, 5.0].map(|wall| run(wall, &[("training", 25.0)], &[0.25, 0.125]));
        let text = markdown(&contest, &[ours.to_vec(), theirs.to_vec(), Vec::new()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "| | wall s | CPU s | peak MiB | network int16, photos/s | training, photos/s |");
        assert!(lines[4].starts_with("| peer | 4.00 (3.00 to 5.00), x2.00 | 8.00 (6.00 to 10.00), x2.00 |"), "{text}");
        assert!(lines[4].ends_with("| - | 25.0 (25.0 to 25.0), x0.50 |"), "{text}");
        assert_eq!(lines[5], "| failed | - | - | - | - | - |");
        assert_eq!(lines[10], "| epoch 2 | - | 0.125 (0.125 to 0.125) | - |");
    }
}
