//! Tables in files, and put together again.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tl_features::{ExportFormat, FeatureTable};

const ENDINGS: [&str; 4] = ["safetensors", "npy", "csv", "parquet"];

/// `n` rows of three features.
fn table(n: usize) -> FeatureTable {
    FeatureTable {
        paths: (0..n).map(|i| format!("{i}.jpg")).collect(),
        labels: (0..n).map(|i| ["cat", "dog"][i % 2].to_owned()).collect(),
        width: 3,
        rows: (0..3 * n).map(|i| i as f32 / 7.0).collect(),
        ..FeatureTable::default()
    }
}

/// Writes a table, with its index where its format has one.
fn written(table: &FeatureTable, folder: &Path, ending: &str) -> (PathBuf, ExportFormat) {
    let path = folder.join("table").with_extension(ending);
    let format = ExportFormat::of(&path).unwrap();
    if format == ExportFormat::Npy {
        table.write_index(&mut std::fs::File::create(path.with_extension("csv")).unwrap()).unwrap();
    }
    table.write(format, &mut std::fs::File::create(&path).unwrap()).unwrap();
    (path, format)
}

#[test]
fn tables_come_back_and_no_rows_have_a_width_too() {
    for ending in ENDINGS {
        for n in [0, 1, 5] {
            let dir = TempDir::new().unwrap();
            let (path, format) = written(&table(n), dir.path(), ending);
            let read = FeatureTable::open(&path, format).unwrap();
            assert_eq!(read, table(n), "{n} rows of {ending}");
            let merged = FeatureTable::merge(&[read]).unwrap();
            assert_eq!((merged.len(), merged.width), (n, 3), "{n} rows of {ending}");
        }
    }
}

#[test]
fn tables_of_two_widths_are_refused_though_one_is_empty() {
    let other = FeatureTable { width: 4, ..table(0) };
    let said = FeatureTable::merge(&[table(2), other]).unwrap_err().to_string();
    assert!(said.contains("[3, 4] features per photo"), "{said}");
}

#[test]
fn shards_are_counted_whatever_else_lies_among_them() {
    let part = |i: usize, shard, network: &str| FeatureTable {
        paths: vec![format!("{i}.jpg")],
        labels: vec![String::new()],
        rows: vec![0.0; 3],
        network: network.to_owned(),
        shard,
        ..table(0)
    };
    let [first, silent, more] = [part(0, Some([0, 3]), "v2 f32"), part(1, None, ""), part(2, None, "")];
    let refused = |parts: &[FeatureTable]| FeatureTable::merge(parts).err().map(|error| error.to_string());
    let said = refused(&[first.clone(), silent.clone()]).unwrap();
    assert!(said.contains("1/3"), "{said}");
    assert_eq!(refused(&[first.clone(), silent.clone(), more.clone()]), None);
    let said = refused(&[first, silent, part(2, None, "v2 f32")]).unwrap();
    assert!(said.contains("another was never parted"), "{said}");
    let said = refused(&[FeatureTable { width: 0, rows: Vec::new(), ..more }]).unwrap();
    assert!(said.contains("give the .npy files"), "{said}");
}

#[test]
fn an_array_that_does_not_fit_its_index_is_refused() {
    let dir = TempDir::new().unwrap();
    let (path, format) = written(&table(2), dir.path(), "npy");
    for n in [0, 1, 3] {
        table(n).write_index(&mut std::fs::File::create(path.with_extension("csv")).unwrap()).unwrap();
        let said = FeatureTable::open(&path, format).unwrap_err().to_string();
        assert!(said.contains(&format!("it does not hold f32 rows for the {n} paths")), "{said}");
    }
}

#[test]
fn shards_are_named_alike_in_both_formats_and_as_they_were_before() {
    let shard = FeatureTable { shard: Some([1, 2]), ..table(2) };
    for ending in ["safetensors", "parquet"] {
        let dir = TempDir::new().unwrap();
        let (path, format) = written(&shard, dir.path(), ending);
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.windows(3).any(|three| three == b"1/2"), "{ending}");
        assert_eq!(FeatureTable::open(&path, format).unwrap(), shard, "{ending}");
    }
    let dir = TempDir::new().unwrap();
    let (path, format) = written(&shard, dir.path(), "safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let (header, numbers) = bytes[8..].split_at(u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize);
    for (name, found) in [("[1,2]", Some(&shard)), ("one", None)] {
        let before = String::from_utf8_lossy(header).replace("\"1/2\"", &format!("\"{name}\""));
        let length = (before.len() as u64).to_le_bytes();
        std::fs::write(&path, [&length, before.as_bytes(), numbers].concat()).unwrap();
        assert_eq!(FeatureTable::open(&path, format).ok().as_ref(), found, "{name}");
    }
}
