//! The audit as one web page that needs nothing else.

mod thumbnail;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::thumbnail::Thumbnails;
use crate::{
    audit::Audit,
    group::Group,
    oddity::OddityKind,
    photo::{Part, Photo},
    text::count,
};

/// Findings of one kind that are shown; the rest is counted, so that the page opens.
const N_SHOWN: usize = 24;

/// Photos of one group that are shown.
const N_PER_GROUP: usize = 6;

const STYLE: &str = "
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .1rem 1rem .1rem 0; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.danger h2 { color: #b3261e; }
.group { display: flex; flex-wrap: wrap; border-bottom: 1px solid #ccc; padding: .5rem 0; }
.odd { display: flex; flex-wrap: wrap; }
figure { width: 160px; margin: .3rem 1rem .3rem 0; }
figcaption { font-size: 12px; overflow-wrap: anywhere; }
";

impl Audit {
    /// The numbers and the findings as one page, with small pictures of the photos inside.
    ///
    /// The photos that are shown are read again; of one that has gone since, its name remains.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut thumbnails = Thumbnails::new();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Audit of " (count(self.n_photos, "photo")) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { "Audit of " (count(self.n_photos, "photo")) }
                    (numbers(self))
                    (dangers(self, &mut thumbnails))
                    (worth_a_look(self, &mut thumbnails))
                }
            }
        };
        page.into_string()
    }
}

fn numbers(audit: &Audit) -> Markup {
    let (short, long) = (audit.short_side, audit.long_side);
    html! {
        table {
            tr { th { "class" } th { (Part::Train) } th { (Part::Val) } th { (Part::Test) } }
            @for class in &audit.classes {
                tr { td { (class.name) } td { (class.train) } td { (class.val) } td { (class.test) } }
            }
        }
        p {
            (audit.formats_in_words()) "; " (format!("{:.1} MB", audit.n_bytes as f64 / 1e6)) br;
            "Short side " (short.min) " to " (short.max) " pixels, median " (short.median) br;
            "Long side " (long.min) " to " (long.max) " pixels, median " (long.median) br;
            "Balance: " (audit.balance_in_words())
        }
    }
}

fn dangers(audit: &Audit, thumbnails: &mut Thumbnails) -> Markup {
    html! {
        div.danger {
            (groups("on both sides of a split", &audit.leaks(), thumbnails))
            (groups("under two labels", &audit.two_labels(), thumbnails))
            @if !audit.unusable.is_empty() {
                h2 { (count(audit.unusable.len(), "file")) " cannot be used" }
                p { (audit.unusable_by_kind()) }
                ul {
                    @for file in &audit.unusable { li { (file.path.to_string_lossy()) " " (file.reason) } }
                }
            }
        }
    }
}

fn worth_a_look(audit: &Audit, thumbnails: &mut Thumbnails) -> Markup {
    html! {
        @if audit.is_imbalanced {
            h2 { "Unequal classes" }
            p { (audit.balance_in_words()) }
        }
        (groups("more than once", &audit.plain_duplicates(), thumbnails))
        @for kind in OddityKind::ALL {
            @let odd = audit.odd(kind);
            @if !odd.is_empty() {
                h2 { (count(odd.len(), "photo")) " " (kind) }
                div.odd {
                    @for oddity in odd.iter().take(N_SHOWN) {
                        (figure(&oddity.photo, &kind.describe(oddity.value), thumbnails))
                    }
                }
                (rest(odd.len(), N_SHOWN))
            }
        }
        @if audit.groups.is_empty() && audit.oddities.is_empty() && audit.unusable.is_empty() {
            p { "No photo needs a look." }
        }
    }
}

fn groups(what: &str, groups: &[&Group], thumbnails: &mut Thumbnails) -> Markup {
    html! {
        @if !groups.is_empty() {
            h2 { (count(groups.len(), "picture")) " " (what) }
            @for group in groups.iter().take(N_SHOWN) {
                div.group {
                    @for photo in group.shown(N_PER_GROUP) {
                        (figure(photo, &group.sameness.to_string(), thumbnails))
                    }
                    (rest(group.photos.len(), N_PER_GROUP))
                }
            }
            (rest(groups.len(), N_SHOWN))
        }
    }
}

fn figure(photo: &Photo, remark: &str, thumbnails: &mut Thumbnails) -> Markup {
    let (width, height) = thumbnail::shown_size(photo);
    html! {
        figure {
            @if let Some(data) = thumbnails.data_uri(&photo.path) {
                img src=(data) width=(width) height=(height) alt="";
            }
            figcaption {
                b { (photo.class) } " (" (photo.part) ") " (remark.trim_end_matches(':')) br;
                (photo.path.to_string_lossy())
            }
        }
    }
}

fn rest(n: usize, n_shown: usize) -> Markup {
    html! { @if n > n_shown { p { "and " (n - n_shown) " more" } } }
}
