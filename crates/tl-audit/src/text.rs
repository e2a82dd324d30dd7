//! The audit as a person reads it in a terminal.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

use crate::{
    audit::{Audit, ClassCount},
    group::{Group, Sameness},
    oddity::{Oddity, OddityKind},
    photo::{Part, Photo},
};

/// Findings of one kind that are named; the rest is counted.
const N_NAMED: usize = 5;

/// Photos of one group that are named.
const N_PER_GROUP: usize = 4;

impl Audit {
    /// The numbers and the findings as text, the dangerous ones first; long lists are cut and counted.
    #[must_use]
    pub fn to_text(&self) -> String {
        Text(self).to_string()
    }

    /// Groups that lie in several parts.
    pub(crate) fn leaks(&self) -> Vec<&Group> {
        self.groups.iter().filter(|group| group.leaks).collect()
    }

    /// Groups with several classes.
    pub(crate) fn two_labels(&self) -> Vec<&Group> {
        self.groups.iter().filter(|group| group.has_two_labels).collect()
    }

    /// Groups that are neither, so that a group is shown as what is worst about it.
    pub(crate) fn plain_duplicates(&self) -> Vec<&Group> {
        self.groups.iter().filter(|group| !group.leaks && !group.has_two_labels).collect()
    }

    /// Oddities of one kind.
    pub(crate) fn odd(&self, kind: OddityKind) -> Vec<&Oddity> {
        self.oddities.iter().filter(|oddity| oddity.kind == kind).collect()
    }

    /// Unusable files by kind of reason, such as `1 empty, 2 truncated`.
    pub(crate) fn unusable_by_kind(&self) -> String {
        let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
        for file in &self.unusable {
            *kinds.entry(file.kind).or_default() += 1;
        }
        kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect::<Vec<_>>().join(", ")
    }

    /// Photos per format, the most frequent first.
    pub(crate) fn formats_in_words(&self) -> String {
        let mut formats: Vec<_> = self.formats.iter().collect();
        formats.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        formats.iter().map(|(format, n)| format!("{n} {format}")).collect::<Vec<_>>().join(", ")
    }

    /// How unequal the classes are.
    pub(crate) fn balance_in_words(&self) -> String {
        match self.imbalance {
            Some(times) => format!("the largest class has {times:.1} times the photos of the smallest"),
            None => "a class has no usable photo to train on".to_owned(),
        }
    }
}

struct Text<'a>(&'a Audit);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let audit = self.0;
        numbers(f, audit)?;
        if audit.endangers_training() {
            writeln!(f, "\nEndangers a training:")?;
            groups(f, &audit.leaks(), "on both sides of a split")?;
            groups(f, &audit.two_labels(), "under two labels")?;
            unusable(f, audit)?;
        }
        let duplicates = audit.plain_duplicates();
        if duplicates.is_empty() && audit.oddities.is_empty() && !audit.is_imbalanced {
            let nothing = if audit.endangers_training() { "Nothing else was found." } else { "Nothing was found." };
            return writeln!(f, "\n{nothing}");
        }
        writeln!(f, "\nWorth a look:")?;
        if audit.is_imbalanced {
            writeln!(f, "  unequal classes: {}", audit.balance_in_words())?;
        }
        groups(f, &duplicates, "more than once")?;
        OddityKind::ALL.into_iter().try_for_each(|kind| odd(f, kind, &audit.odd(kind)))
    }
}

fn numbers(f: &mut Formatter<'_>, audit: &Audit) -> fmt::Result {
    let (n_photos, n_classes) = (count(audit.n_photos, "photo"), audit.classes.len());
    let n_classes = if n_classes == 1 { "1 class".to_owned() } else { format!("{n_classes} classes") };
    writeln!(f, "{n_photos} in {n_classes}, {:.1} MB", audit.n_bytes as f64 / 1e6)?;
    classes(f, &audit.classes)?;
    let (short, long) = (audit.short_side, audit.long_side);
    writeln!(f, "\nFormats     {}", audit.formats_in_words())?;
    writeln!(f, "Short side  {} to {} pixels, median {}", short.min, short.max, short.median)?;
    writeln!(f, "Long side   {} to {} pixels, median {}", long.min, long.max, long.median)?;
    writeln!(f, "Balance     {}", audit.balance_in_words())
}

fn classes(f: &mut Formatter<'_>, classes: &[ClassCount]) -> fmt::Result {
    let width = classes.iter().map(|class| class.name.chars().count()).max().unwrap_or(0).max(5);
    let parts = [Part::Train, Part::Val, Part::Test];
    let used: Vec<_> = parts.into_iter().filter(|&part| classes.iter().any(|class| class.n_of(part) > 0)).collect();
    write!(f, "\n{:width$}", "class")?;
    used.iter().try_for_each(|part| write!(f, "  {:>7}", part.to_string()))?;
    for class in classes {
        write!(f, "\n{:width$}", class.name)?;
        used.iter().try_for_each(|&part| write!(f, "  {:>7}", class.n_of(part)))?;
    }
    writeln!(f)
}

impl ClassCount {
    pub(crate) fn n_of(&self, part: Part) -> usize {
        match part {
            Part::Train => self.train,
            Part::Val => self.val,
            Part::Test => self.test,
        }
    }
}

fn groups(f: &mut Formatter<'_>, groups: &[&Group], what: &str) -> fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(f, "  {} {what}", count(groups.len(), "picture"))?;
    for group in groups.iter().take(N_NAMED) {
        writeln!(f, "    {}", group.sameness)?;
        group.shown(N_PER_GROUP).into_iter().try_for_each(|photo| writeln!(f, "      {}", Named(photo)))?;
        rest(f, "      ", group.photos.len(), N_PER_GROUP)?;
    }
    rest(f, "    ", groups.len(), N_NAMED)
}

fn unusable(f: &mut Formatter<'_>, audit: &Audit) -> fmt::Result {
    if audit.unusable.is_empty() {
        return Ok(());
    }
    let n = audit.unusable.len();
    writeln!(f, "  {} cannot be used: {}", count(n, "file"), audit.unusable_by_kind())?;
    for file in audit.unusable.iter().take(N_NAMED) {
        writeln!(f, "    {} {}", file.path.display(), file.reason)?;
    }
    rest(f, "    ", n, N_NAMED)
}

fn odd(f: &mut Formatter<'_>, kind: OddityKind, odd: &[&Oddity]) -> fmt::Result {
    if odd.is_empty() {
        return Ok(());
    }
    writeln!(f, "  {} {kind}", count(odd.len(), "photo"))?;
    for oddity in odd.iter().take(N_NAMED) {
        writeln!(f, "    {}: {}", Named(&oddity.photo), kind.describe(oddity.value))?;
    }
    rest(f, "    ", odd.len(), N_NAMED)
}

/// What was not named.
fn rest(f: &mut Formatter<'_>, indent: &str, n: usize, n_named: usize) -> fmt::Result {
    if n > n_named { writeln!(f, "{indent}and {} more", n - n_named) } else { Ok(()) }
}

/// `1 photo`, `2 photos`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Path, part and class.
struct Named<'a>(&'a Photo);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.0.path.display(), self.0.part, self.0.class)
    }
}

impl Display for Sameness {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "equal files:",
            Self::Similar => "alike to the eye:",
        })
    }
}
