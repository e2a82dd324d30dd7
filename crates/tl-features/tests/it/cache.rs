//! The cache: the same bits, whatever happens to its files.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::AtomicBool,
};

use proptest::prelude::*;
use tempfile::TempDir;
use tl_features::{Cache, ExtractOptions, Features, Views, extract};

use crate::{photos, run, weights};

fn with(folder: &Path) -> (ExtractOptions, Cache) {
    let cache = Cache::new(folder.to_owned());
    (ExtractOptions { cache: Some(cache.clone()), ..ExtractOptions::default() }, cache)
}

/// Features and the number of rows that were known.
fn cached(folder: &Path, photos: &[PathBuf]) -> (Features, usize) {
    let (options, cache) = with(folder);
    let (features, _) = run(photos, &options);
    assert_eq!(cache.problem(), None);
    (features, cache.n_hits())
}

fn file(folder: &Path, ending: &str) -> PathBuf {
    let mut found = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    found.find(|p| p.extension().is_some_and(|e| e == ending)).unwrap()
}

#[test]
fn warm_rows_have_the_bits_of_cold_ones_at_any_number_of_threads() {
    let (dir, paths) = photos(30);
    let folder = dir.path().join("cache");
    let (plain, broken) = run(&paths, &ExtractOptions::default());
    let (cold, n_hits) = cached(&folder, &paths);
    assert_eq!((&cold, n_hits), (&plain, 0));
    for n_threads in [1, 2, 3] {
        let (options, cache) = with(&folder);
        let (warm, skipped) = run(&paths, &ExtractOptions { n_threads, ..options });
        assert_eq!((&warm, &skipped), (&plain, &broken));
        assert_eq!(cache.n_hits(), plain.len(), "{n_threads} threads");
    }
}

#[test]
fn new_photos_cost_only_themselves_and_names_do_not_matter() {
    let (dir, paths) = photos(21);
    let folder = dir.path().join("cache");
    let (first, _) = cached(&folder, &paths[..10]);
    let (all, n_hits) = cached(&folder, &paths);
    assert_eq!(n_hits, first.len());
    assert_eq!(all, run(&paths, &ExtractOptions::default()).0);
    let moved = dir.path().join("another name.png");
    std::fs::copy(&paths[20], &moved).unwrap();
    let (again, n_hits) = cached(&folder, &[moved]);
    assert_eq!(n_hits, 1);
    assert_eq!(again.rows, all.rows[(all.len() - 1) * all.width..]);
}

#[test]
fn what_changes_the_numbers_changes_the_key() {
    let (dir, paths) = photos(3);
    let folder = dir.path().join("cache");
    let (plain, _) = cached(&folder, &paths);
    let n_hits = |change: &dyn Fn(ExtractOptions) -> ExtractOptions| {
        let (options, cache) = with(&folder);
        let (features, _) = run(&paths, &change(options));
        (cache.n_hits(), features)
    };
    let squash = Some(tl_data::Geometry::squash(224));
    assert_eq!(n_hits(&|o| ExtractOptions { geometry: squash, ..o }).0, 0);
    match tl_backbone::Precision::auto() {
        tl_backbone::Precision::F32 => println!("skipped: this processor computes well in nothing but f32"),
        precision => assert_eq!(n_hits(&|o| ExtractOptions { precision, ..o }).0, 0),
    }
    let partial = tl_data::DecodeOptions { partial: true, ..Default::default() };
    assert_eq!(n_hits(&|o| ExtractOptions { decode: partial, ..o }).0, 0);
    assert_eq!(n_hits(&|o| o), (3, plain));
}

#[test]
fn views_are_rows_too_by_policy_seed_and_number() {
    let (dir, paths) = photos(3);
    let folder = dir.path().join("cache");
    let (plain, _) = cached(&folder, &paths);
    let views = |policy: &str, seed, n| {
        let (options, cache) = with(&folder);
        let views = Some(Views { augment: policy.parse().unwrap(), seed, n });
        (run(&paths, &ExtractOptions { views, ..options }).0, cache.n_hits())
    };
    let (two, n_hits) = views("standard", 0, 2);
    assert_eq!((two.photos.as_slice(), n_hits), ([0, 1, 2, 3, 4, 5].as_slice(), 0));
    assert_eq!(two.hashes, [plain.hashes.clone(), plain.hashes.clone()].concat());
    let rows: Vec<&[f32]> = plain.rows.chunks(plain.width).chain(two.rows.chunks(two.width)).collect();
    for (i, row) in rows.iter().enumerate() {
        assert!(!rows[..i].contains(row), "row {i} is another's");
    }
    // More views cost only those that are new, and the others stay what they were.
    let (three, n_hits) = views("standard", 0, 3);
    assert_eq!(n_hits, 6);
    assert_eq!(three.rows[..two.rows.len()], two.rows);
    for (policy, seed) in [("standard", 1), ("light", 0)] {
        let (other, n_hits) = views(policy, seed, 2);
        assert_eq!(n_hits, 0);
        assert_ne!(other.rows, two.rows);
    }
}

/// Rows of 3 photos, and the bytes of both files.
fn small() -> (TempDir, Vec<PathBuf>, PathBuf, Features, [Vec<u8>; 2]) {
    let (dir, paths) = photos(3);
    let folder = dir.path().join("cache");
    let (features, _) = cached(&folder, &paths);
    let bytes = ["tlkeys", "tlrows"].map(|ending| std::fs::read(file(&folder, ending)).unwrap());
    (dir, paths, folder, features, bytes)
}

#[test]
fn a_writer_killed_in_the_middle_costs_its_last_rows_only() {
    let (_dir, paths, folder, features, bytes) = small();
    let [keys, rows] = ["tlkeys", "tlrows"].map(|ending| file(&folder, ending));
    let (n_keys, n_rows) = (bytes[0].len(), bytes[1].len());
    let row = n_rows / 3;
    for (keys_end, rows_end) in [(n_keys - 1, n_rows), (n_keys - 49, n_rows), (n_keys, n_rows - row - 1), (10, 0)] {
        std::fs::write(&keys, &bytes[0][..keys_end]).unwrap();
        std::fs::write(&rows, &bytes[1][..rows_end]).unwrap();
        let whole = (keys_end.saturating_sub(512) / 48).min(rows_end / row);
        assert_eq!(cached(&folder, &paths), (features.clone(), whole), "cut at {keys_end}, {rows_end}");
        assert_eq!(cached(&folder, &paths), (features.clone(), 3), "after a cut at {keys_end}, {rows_end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_are_found_and_computed_again(
        changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 1u8..), 1..4)
    ) {
        let (_dir, paths, folder, features, bytes) = small();
        for (in_keys, at, xor) in changes {
            let (ending, bytes) = if in_keys { ("tlkeys", &bytes[0]) } else { ("tlrows", &bytes[1]) };
            let path = file(&folder, ending);
            let mut changed = std::fs::read(&path).unwrap();
            changed[at.index(bytes.len())] ^= xor;
            std::fs::write(path, changed).unwrap();
        }
        let (again, n_hits) = cached(&folder, &paths);
        prop_assert_eq!(&again, &features);
        let (warm, n_warm) = cached(&folder, &paths);
        prop_assert_eq!((&warm, n_warm), (&features, 3));
        let checked = Cache::new(folder.clone()).verify().unwrap();
        prop_assert_eq!(checked.n_good, 3);
        prop_assert!(checked.n_damaged <= 3 - n_hits);
        prop_assert_eq!(Cache::new(folder).verify().unwrap().n_damaged, 0);
    }
}

/// A process of its own that fills a cache: this test binary, run again.
fn writer(folder: &Path, photos: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "cache::fills_a_cache_for_another_test", "--ignored"]);
    command.env("CACHE_TEST", folder).env("CACHE_TEST_PHOTOS", photos).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
#[ignore = "run by other tests as a process"]
fn fills_a_cache_for_another_test() {
    let (Some(folder), Some(photos)) = (std::env::var_os("CACHE_TEST"), std::env::var_os("CACHE_TEST_PHOTOS")) else {
        return;
    };
    cached(Path::new(&folder), &sorted(Path::new(&photos)));
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

#[test]
fn two_processes_at_once_and_one_that_is_killed_leave_whole_rows() {
    let (dir, paths) = photos(150);
    let folder = dir.path().join("cache");
    let mut writers: Vec<_> = (0..3).map(|_| writer(&folder, dir.path()).spawn().unwrap()).collect();
    let mut killed = writers.pop().unwrap();
    while !folder.join("lock").is_file() && killed.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let checked = Cache::new(folder.clone()).verify().unwrap();
    assert_eq!(checked.n_damaged + checked.n_unknown, 0);
    let (features, n_hits) = cached(&folder, &paths);
    assert_eq!(checked.n_good, features.len(), "each row is kept once");
    assert_eq!((&features, n_hits), (&run(&paths, &ExtractOptions::default()).0, features.len()));
}

#[test]
fn a_stopped_run_keeps_what_it_computed() {
    let (dir, paths) = photos(40);
    let folder = dir.path().join("cache");
    let (options, _) = with(&folder);
    let stop = AtomicBool::new(false);
    let mut on_progress = |n_done| stop.store(n_done >= 8, std::sync::atomic::Ordering::Relaxed);
    assert!(extract(&weights(), &paths, &options, &mut on_progress, &stop).is_err());
    assert!(cached(&folder, &paths).1 >= 6);
}

#[test]
fn a_folder_that_cannot_be_used_is_a_problem_to_tell_and_no_failure() {
    let (dir, paths) = photos(5);
    let in_the_way = dir.path().join("file");
    std::fs::write(&in_the_way, "not a folder").unwrap();
    let (options, cache) = with(&in_the_way.join("cache"));
    assert_eq!(run(&paths, &options), run(&paths, &ExtractOptions::default()));
    let problem = cache.problem().unwrap();
    assert!(problem.contains("feature cache in") && problem.contains("not kept"), "{problem}");
}

#[test]
fn pruning_keeps_the_newest_and_clearing_only_removes_rows() {
    let (dir, paths) = photos(20);
    let folder = dir.path().join("cache");
    let (first, _) = cached(&folder, &paths[..10]);
    let (all, _) = cached(&folder, &paths);
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    let cache = Cache::new(folder.clone());
    let space = cache.spaces().unwrap().remove(0);
    assert_eq!((space.n_rows, cache.spaces().unwrap().len()), (all.len(), 1));
    assert!(space.name.starts_with("mobilenet_v3_small-f32-"), "{space:?}");
    let row_bytes = (space.n_bytes - 512) / space.n_rows as u64;
    let n_new = all.len() - first.len();

    assert_eq!(cache.prune(space.n_bytes).unwrap().n_rows, 0);
    let removed = cache.prune(512 + n_new as u64 * row_bytes + 1).unwrap();
    assert_eq!((removed.n_rows, removed.n_left_bytes), (first.len(), 512 + n_new as u64 * row_bytes));
    assert_eq!(cached(&folder, &paths[10..]).1, n_new);
    assert_eq!(cached(&folder, &paths[..10]).1, 0);

    // Somebody removed the lock.
    std::fs::remove_file(folder.join("lock")).unwrap();
    assert_eq!(cache.clear().unwrap().n_rows, all.len());
    assert!(cache.spaces().unwrap().is_empty());
    assert!(folder.join("notes.txt").is_file());
    assert_eq!(cached(&folder, &paths).1, 0);
    assert_eq!(Cache::new(dir.path().join("nothing")).prune(0).unwrap().n_rows, 0);
}
