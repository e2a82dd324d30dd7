//! The cache during one extraction: workers look rows up, the table's owner puts new ones in.

use std::{
    sync::atomic::AtomicBool,
    time::{SystemTime, UNIX_EPOCH},
};

use tl_data::DecodeOptions;

use crate::{
    cache::{
        Cache,
        append::Appender,
        index::Index,
        layout::{Key, Record},
        space::Space,
    },
    views::Views,
    worker::Photo,
};

/// Rows that are written at a time: what a killed process loses at most.
const ROWS_AT_A_TIME: usize = 64;

/// What a row depends on beside its photo's bytes, its view and its space: how decoding forgives, and what views are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe(Key);

impl Recipe {
    pub(crate) fn new(decode: &DecodeOptions, views: Option<&Views>) -> Self {
        let views = views.map(|views| format!("{} seed {}", views.augment, views.seed)).unwrap_or_default();
        Self(*blake3::hash(format!("{decode:?}\n{views}").as_bytes()).as_bytes())
    }

    /// The key of a view of a photo.
    fn key(self, photo: &Photo) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&photo.content);
        hasher.update(&self.0);
        hasher.update(&(photo.view as u64).to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// Looks rows up; all workers share one.
#[derive(Debug)]
pub(crate) struct Reader {
    index: Index,
}

impl Reader {
    /// A folder that cannot be read is a problem to tell, and an empty cache; so is one whose wait `stop` ended.
    pub(crate) fn open(cache: &Cache, space: &Space, stop: &AtomicBool) -> Self {
        let index = Index::open(cache, space, stop).unwrap_or_else(|error| {
            cache.cannot_be_read(&error);
            Index::default()
        });
        Self { index }
    }

    /// Appends the row of a photo to `out` if it is known. `bytes` is a buffer to use again.
    pub(crate) fn get(&self, recipe: Recipe, photo: &Photo, bytes: &mut Vec<u8>, out: &mut Vec<f32>) -> bool {
        self.index.get(&recipe.key(photo), bytes, out)
    }
}

/// Takes new rows to the files, a few at a time.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    cache: &'a Cache,
    appender: Appender<'a>,
    records: Vec<Record>,
    rows: Vec<u8>,
    failed: bool,
}

impl<'a> Writer<'a> {
    /// For rows that `reader` does not know.
    pub(crate) fn new(cache: &'a Cache, space: &'a Space, reader: &Reader, stop: &'a AtomicBool) -> Self {
        let appender = Appender::new(cache, space, stop, reader.index.len());
        Self { cache, appender, records: Vec::new(), rows: Vec::new(), failed: false }
    }

    /// Takes the row of a photo.
    pub(crate) fn put(&mut self, recipe: Recipe, photo: &Photo, row: &[f32]) {
        if self.failed {
            return;
        }
        let start = self.rows.len();
        self.rows.extend(row.iter().flat_map(|number| number.to_le_bytes()));
        self.records.push(Record::new(recipe.key(photo), now(), &self.rows[start..]));
        if self.records.len() == ROWS_AT_A_TIME {
            self.flush();
        }
    }

    /// Writes what was taken since the last time. Where that fails the run goes on without: it is told once.
    pub(crate) fn flush(&mut self) {
        if self.records.is_empty() {
            return;
        }
        if let Err(error) = self.appender.append(&self.records, &self.rows) {
            self.cache.cannot_be_written(&error);
            self.failed = true;
        }
        self.records.clear();
        self.rows.clear();
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
