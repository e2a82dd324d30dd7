//! The command that trains at a rate that was found.

use crate::output::quoted;

/// Flags of `tl lr-find` alone; each takes a value.
const OWN: [&str; 2] = ["--steps", "--out"];
/// Settings whose place the rate takes.
const RATES: [&str; 2] = ["lr", "backbone_lr"];

/// `tl train` with all that was typed for `tl lr-find`: another recipe, optimizer or head has another best rate.
pub(super) fn command(typed: impl Iterator<Item = String>, rate: f64, of_backbone: Option<f64>) -> String {
    let mut words = kept(typed);
    // Not at the end, where a `--` may be before it.
    let at = words.iter().position(|word| word == "lr-find").unwrap_or(0);
    let backbone = of_backbone.map(|part| ["--set".to_owned(), format!("backbone_lr={:.1e}", rate * part)]);
    let rates = ["--lr".to_owned(), format!("{rate:.1e}")].into_iter().chain(backbone.into_iter().flatten());
    words.splice(at..=at, std::iter::once("train".to_owned()).chain(rates));
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The words without those that say how rates are looked for, and at which one training would go on else.
fn kept(mut typed: impl Iterator<Item = String>) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(word) = typed.next() {
        let (flag, value) = word.split_once('=').map_or((word.as_str(), None), |(flag, value)| (flag, Some(value)));
        if !OWN.contains(&flag) && flag != "--set" {
            words.push(word);
            continue;
        }
        let value = value.map_or_else(|| typed.next().unwrap_or_default(), str::to_owned);
        if flag == "--set" && !is_rate(&value) {
            words.extend([flag.to_owned(), value]);
        }
    }
    words
}

fn is_rate(setting: &str) -> bool {
    setting.split_once('=').is_some_and(|(key, _)| RATES.contains(&key.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(typed: &[&str], of_backbone: Option<f64>) -> String {
        command(typed.iter().map(|&word| word.to_owned()), 1e-3, of_backbone)
    }

    #[test]
    fn what_the_rate_was_found_with_stays() {
        let typed = "tl --threads 2 lr-find photos --backbone v2 --set optimizer=sgd --steps 50 --out=x.csv";
        let typed: Vec<_> = typed.split(' ').collect();
        let said = "tl --threads 2 train --lr 1.0e-3 photos --backbone v2 --set optimizer=sgd";
        assert_eq!(from(&typed, None), said);
        let said = from(&["tl", "lr-find", "--recipe", "finetune"], Some(0.1));
        assert_eq!(said, "tl train --lr 1.0e-3 --set backbone_lr=1.0e-4 --recipe finetune");
    }

    #[test]
    fn one_rate_is_left_and_a_shell_can_read_it() {
        let typed =
            ["tl", "lr-find", "--set=lr=0.1", "--set", "backbone_lr = 1", "--set", "beta1=0.95", "--", "it's a"];
        assert_eq!(from(&typed, None), r"tl train --lr 1.0e-3 --set beta1=0.95 -- 'it'\''s a'");
    }
}
