//! Which photos go where.

use std::{collections::BTreeSet, path::PathBuf};

use image::{Rgb, RgbImage};
use proptest::prelude::*;
use tl_data::{
    DataError, DecodeOptions, FoldOptions, LabelSets, Sample, Split, SplitOptions, Together, exact_duplicates,
    kept_together, leaks, near_duplicates, perceptual_hashes, same_pictures, stratified_folds, stratified_split,
    stratified_split_by_sets,
};

use crate::tree::{Tree, photo};

/// Samples whose files do not exist: they are told apart by their paths.
fn samples(counts: &[usize]) -> Vec<Sample> {
    let of_class = |(label, &n): (usize, &usize)| {
        (0..n).map(move |i| Sample { path: PathBuf::from(format!("nowhere/{label}/{i}.jpg")), label })
    };
    counts.iter().enumerate().flat_map(of_class).collect()
}

fn classes(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("class {i}")).collect()
}

fn split(samples: &[Sample], options: &SplitOptions) -> (Vec<Sample>, Vec<Sample>) {
    let Split { train, val, .. } = stratified_split(samples.to_vec(), &classes(10), options).unwrap();
    (train, val)
}

proptest! {
    #[test]
    fn every_photo_is_on_one_side_and_shares_are_kept(
        counts in prop::collection::vec(0_usize..60, 1..6),
        val_fraction in 0.05_f64..0.5,
        seed: u64,
        tolerance in 0.0_f64..0.3,
    ) {
        let all = samples(&counts);
        let options = SplitOptions { val_fraction, seed, tolerance, ..SplitOptions::default() };
        let (train, val) = split(&all, &options);
        let mut together: Vec<_> = train.iter().chain(&val).cloned().collect();
        together.sort_by(|a, b| (a.label, &a.path).cmp(&(b.label, &b.path)));
        let mut sorted = all.clone();
        sorted.sort_by(|a, b| (a.label, &a.path).cmp(&(b.label, &b.path)));
        prop_assert_eq!(together, sorted);
        for (label, &n) in counts.iter().enumerate() {
            let n_val = val.iter().filter(|sample| sample.label == label).count();
            let share = n as f64 * val_fraction;
            if n >= 2 {
                prop_assert!(n_val >= 1 && n_val < n);
                prop_assert!((n_val as f64 - share).abs() <= (share * tolerance + 0.5).max(1.0 - share) + 1e-9);
            } else {
                prop_assert_eq!(n_val, 0);
            }
        }
    }

    #[test]
    fn a_photo_that_is_added_moves_at_most_one_other(n in 2_usize..80, more in 1_usize..20, seed: u64) {
        let options = SplitOptions { seed, ..SplitOptions::default() };
        let sides = |n: usize| -> BTreeSet<_> {
            split(&samples(&[n]), &options).1.into_iter().map(|sample| sample.path).collect()
        };
        let (before, after) = (sides(n), sides(n + more));
        let old: BTreeSet<_> = samples(&[n]).into_iter().map(|sample| sample.path).collect();
        let moved = old.iter().filter(|path| before.contains(*path) != after.contains(*path)).count();
        prop_assert!(moved <= more);
    }

    #[test]
    fn folds_are_even(counts in prop::collection::vec(1_usize..40, 1..5), k in 2_usize..8, seed: u64) {
        let all = samples(&counts);
        prop_assume!(all.len() >= k);
        let folds = stratified_folds(&all, &FoldOptions { k, seed, ..FoldOptions::default() }).unwrap();
        for label in 0..counts.len() {
            let n_in = |fold| all.iter().zip(&folds.fold_of).filter(|(s, f)| s.label == label && **f == fold).count();
            let n_in: Vec<_> = (0..k).map(n_in).collect();
            prop_assert!(n_in.iter().max().unwrap() - n_in.iter().min().unwrap() <= 1);
        }
        let n_validated: usize = (0..k).map(|fold| folds.round(fold).1.len()).sum();
        prop_assert_eq!(n_validated, all.len());
    }
}

#[test]
fn photos_keep_their_side_when_others_are_added() {
    let options = SplitOptions::default();
    let (train, val) = split(&samples(&[2000, 2000]), &options);
    let (more_train, more_val) = split(&samples(&[2400, 2100]), &options);
    let contains = |part: &[Sample], inside: &[Sample]| {
        let paths: BTreeSet<_> = inside.iter().map(|sample| &sample.path).collect();
        part.iter().all(|sample| paths.contains(&sample.path))
    };
    assert!(contains(&train, &more_train) && contains(&val, &more_val));
}

#[test]
fn the_seed_decides() {
    let all = samples(&[100]);
    let with = |seed| split(&all, &SplitOptions { seed, ..SplitOptions::default() });
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn a_renamed_photo_keeps_its_side() {
    let photos =
        ["rgb8.png", "gray8.png", "bits1.png", "palette.png", "photo.bmp", "photo.gif", "photo.webp", "cmyk.jpg"];
    let sides = |prefix: &str| {
        let tree = Tree::of(&[]);
        photos.iter().enumerate().for_each(|(i, name)| tree.write(&format!("{prefix}{i}.x"), &photo(name)));
        let sample = |i| Sample { path: tree.path(&format!("{prefix}{i}.x")), label: 0 };
        let (_, val) = split(&(0..photos.len()).map(sample).collect::<Vec<_>>(), &SplitOptions::default());
        val.iter().map(|s| s.path.file_name().unwrap().to_string_lossy().replace(prefix, "")).collect::<Vec<_>>()
    };
    assert_eq!(sides("a"), sides("some_other_name"));
}

#[test]
fn copies_stay_together_even_across_classes() {
    let tree = Tree::of(&[]);
    let mut all = Vec::new();
    for i in 0..40_u8 {
        for (label, copy) in [(0, "x"), (1, "y")] {
            let name = format!("{label}/{copy}{i}.jpg");
            tree.write(&name, &[i; 99]);
            all.push(Sample { path: tree.path(&name), label });
        }
    }
    for seed in 0..20 {
        let (train, val) = split(&all, &SplitOptions { seed, ..SplitOptions::default() });
        assert!(leaks(&train, &val, &Together::default()).is_empty());
        assert!(!val.is_empty());
    }
    let paths: Vec<_> = all.iter().map(|sample| sample.path.clone()).collect();
    assert_eq!(exact_duplicates(&paths).len(), 40);
}

/// Pictures that are not compressed may have one size and one border.
#[test]
fn files_that_differ_in_the_middle_alone_are_no_copies() {
    let tree = Tree::of(&[]);
    let paths = ["a.bmp", "b.bmp"].map(|name| tree.path(name));
    for (path, value) in paths.iter().zip([1, 2]) {
        let mut bytes = vec![255; 300_000];
        bytes[150_000] = value;
        fs_err::write(path, bytes).unwrap();
    }
    assert_eq!(exact_duplicates(&paths), Vec::<Vec<usize>>::new());
}

#[test]
fn groups_stay_together() {
    let all = samples(&[60, 60]);
    let group = |sample: &Sample| sample.path.to_string_lossy().chars().rev().nth(4).unwrap().to_string();
    let groups = all.iter().map(|sample| (sample.path.clone(), group(sample))).collect();
    let together = Together { groups, ..Together::default() };
    for seed in 0..20 {
        let options = SplitOptions { seed, together: together.clone(), ..SplitOptions::default() };
        let Split { train, val, together: units } = stratified_split(all.clone(), &classes(10), &options).unwrap();
        let of = |part: &[Sample]| part.iter().map(group).collect::<BTreeSet<_>>();
        assert!(of(&train).is_disjoint(&of(&val)) && !train.is_empty() && !val.is_empty());
        for numbers in [units, kept_together(&train, &together)] {
            let pairs: BTreeSet<_> = train.iter().map(group).zip(numbers).collect();
            assert_eq!(pairs.len(), of(&train).len(), "a group has one number");
            assert_eq!(pairs.iter().map(|(_, number)| number).collect::<BTreeSet<_>>().len(), pairs.len());
        }
    }
}

#[test]
fn near_duplicates_are_seen() {
    let tree = Tree::of(&[]);
    // The same scene in three sizes and codings, and upside down.
    for name in ["baseline444.jpg", "photo.webp", "reduced2.jpg", "orientation3.jpg"] {
        tree.write(name, &photo(name));
    }
    let paths = ["baseline444.jpg", "orientation3.jpg", "photo.webp", "reduced2.jpg"].map(|name| tree.path(name));
    assert_eq!(near_duplicates(&paths, 10, &DecodeOptions::default()), [vec![0, 2, 3]]);
    let sample = |i: usize| Sample { path: paths[i].clone(), label: 0 };
    let together = Together { near_duplicates: Some(10), ..Together::default() };
    let found = leaks(&[sample(0), sample(1)], &[sample(2)], &together);
    assert_eq!((found.len(), found[0].train, found[0].val), (1, 0, 0));
    assert!(leaks(&[sample(0)], &[sample(2)], &Together::default()).is_empty());
}

/// A picture of 9x9 squares whose brightness a seed draws, and a little more of it.
fn mosaic(seed: u32, more: u8) -> RgbImage {
    RgbImage::from_fn(72, 72, |x, y| {
        let square = (y / 8 * 9 + x / 8 + seed * 81 + 1).wrapping_mul(2_654_435_761);
        Rgb([20 + (square >> 24) as u8 / 2 + more; 3])
    })
}

/// Bursts of six and single photos fall to validation alike.
#[test]
fn bursts_are_held_out_no_more_often_than_single_photos() {
    let tree = Tree::of(&[]);
    let mut samples = Vec::new();
    let mut add = |name: String, picture: RgbImage| {
        let path = tree.path(&name);
        picture.save(&path).unwrap();
        samples.push(Sample { path, label: 0 });
    };
    for burst in 0..12 {
        (0..6).for_each(|i| add(format!("burst{burst:02}-{i}.png"), mosaic(burst, i)));
        add(format!("single{burst:02}.png"), mosaic(100 + burst, 0));
    }
    let mut n_singles = 0;
    for seed in 0..30 {
        let together = Together { near_duplicates: Some(10), ..Together::default() };
        let (_, val) = split(&samples, &SplitOptions { seed, together, ..SplitOptions::default() });
        let single = |sample: &&Sample| sample.path.to_string_lossy().contains("single");
        n_singles += val.iter().filter(single).count();
        assert!((12..=21).contains(&val.len()), "seed {seed}: {}", val.len());
        assert_eq!((val.len() - val.iter().filter(single).count()) % 6, 0, "a burst was parted");
    }
    // A fifth of 360, and as much off as ten photos that change sides to even things out.
    assert!((36..=140).contains(&n_singles), "{n_singles}");
}

#[test]
fn a_group_that_is_most_of_a_class_is_trained_on() {
    let all = samples(&[40]);
    let groups = all[..30].iter().map(|sample| (sample.path.clone(), "burst".to_owned())).collect();
    let together = Together { groups, ..Together::default() };
    for seed in 0..40 {
        let (_, val) = split(&all, &SplitOptions { seed, together: together.clone(), ..SplitOptions::default() });
        assert!((7..=9).contains(&val.len()), "seed {seed}: {}", val.len());
    }
}

/// Discs and squares of several sizes and places before a white page are no copies of each other.
#[test]
fn things_on_a_plain_page_are_not_alike() {
    let tree = Tree::of(&[]);
    let mut paths = Vec::new();
    for i in 0..24_i64 {
        let (middle, radius) = ((36 + i % 5 * 4, 36 + i / 5 * 3), 10 + i % 7);
        let is_in = |x: u32, y: u32| {
            let (x, y) = (i64::from(x) - middle.0, i64::from(y) - middle.1);
            if i % 2 == 0 { x * x + y * y < radius * radius } else { x.abs().max(y.abs()) < radius }
        };
        let color = [30 + 5 * i as u8, 60, 200 - 3 * i as u8];
        let path = tree.path(&format!("{i:02}.png"));
        RgbImage::from_fn(90, 90, |x, y| Rgb(if is_in(x, y) { color } else { [255; 3] })).save(&path).unwrap();
        paths.push(path);
    }
    assert_eq!(near_duplicates(&paths, 10, &DecodeOptions::default()), Vec::<Vec<usize>>::new());
}

#[test]
fn what_was_seen_is_remembered_and_damage_forgotten() {
    let tree = Tree::of(&[]);
    for name in ["baseline444.jpg", "photo.webp"] {
        tree.write(name, &photo(name));
    }
    let sample = |name: &str| Sample { path: tree.path(name), label: 0 };
    let memo = tree.path("cache/looks");
    let together = Together { near_duplicates: Some(10), memo: Some(memo.clone()), ..Together::default() };
    RgbImage::from_pixel(40, 40, Rgb([90; 3])).save(tree.path("plain.png")).unwrap();
    tree.write("broken.png", b"no photo");
    let train = ["baseline444.jpg", "plain.png", "broken.png"].map(sample);
    let n_leaks = || leaks(&train, &[sample("photo.webp")], &together).len();
    assert_eq!(n_leaks(), 1);
    let written = fs_err::read(&memo).unwrap();
    // Magic, sum, and a record for each: the plain one is known, too.
    assert_eq!(written.len(), 8 + 32 + 3 * 64);
    assert_eq!(n_leaks(), 1);
    fs_err::write(&memo, b"debris").unwrap();
    assert_eq!(n_leaks(), 1);
    assert_eq!(fs_err::read(&memo).unwrap(), written, "made again");
    // Not writable: a folder stands there. It costs time and nothing else.
    fs_err::remove_file(&memo).unwrap();
    fs_err::create_dir(&memo).unwrap();
    assert_eq!(n_leaks(), 1);
}

#[test]
fn nonsense_is_refused() {
    for val_fraction in [0.0, 1.0, -0.1, f64::NAN] {
        let options = SplitOptions { val_fraction, ..SplitOptions::default() };
        assert!(matches!(stratified_split(samples(&[9]), &classes(1), &options), Err(DataError::Fraction { .. })));
    }
    for k in [0, 1, 10] {
        let options = FoldOptions { k, ..FoldOptions::default() };
        assert!(matches!(stratified_folds(&samples(&[9]), &options), Err(DataError::Folds { .. })));
    }
}

proptest! {
    #[test]
    fn sets_of_classes_keep_their_shares(
        counts in prop::collection::vec((0_usize..16, 0_usize..40), 1..8), seed: u64
    ) {
        let set = |bits: usize| (0..4).filter(|class| bits >> class & 1 == 1).collect::<Vec<usize>>();
        let sets = LabelSets::new(counts.iter().map(|(bits, _)| set(*bits)));
        let mut per_set = vec![0; sets.len()];
        for (bits, n) in &counts {
            per_set[sets.label(&set(*bits)).unwrap()] += n;
        }
        let all = samples(&per_set);
        let options = SplitOptions { seed, ..SplitOptions::default() };
        let Split { train, val, .. } = stratified_split_by_sets(all.clone(), &sets, &options).unwrap();
        let again = stratified_split_by_sets(all.clone(), &sets, &options).unwrap();
        prop_assert_eq!((&train, &val), (&again.train, &again.val));
        prop_assert_eq!(train.len() + val.len(), all.len());
        // What no side had to give up a photo for.
        let trained = sets.counts(&train, 4);
        let is_rare = |label: usize| sets.classes(label).iter().any(|&class| trained[class] == 1);
        for (label, &n) in per_set.iter().enumerate().filter(|(label, n)| **n >= 5 && !is_rare(*label)) {
            let n_val = val.iter().filter(|sample| sample.label == label).count();
            let share = n as f64 * options.val_fraction;
            prop_assert!((n_val as f64 - share).abs() <= share * options.tolerance + 0.5 + 1e-9, "{} of {}", n_val, n);
        }
        for (class, (n, n_trained)) in sets.counts(&all, 4).into_iter().zip(trained).enumerate() {
            prop_assert!(n_trained > 0 || n == 0, "class {} of {} photos is not trained on", class, n);
        }
    }
}

/// Four photos, each with another partner of the rare class 0: it is on both sides.
#[test]
fn rare_sets_are_split_by_their_rarest_class() {
    let sets = LabelSets::new((1..5).map(|partner| vec![0, partner]).chain((1..5).map(|class| vec![class])));
    let n_of = |label: usize| if sets.classes(label).len() == 2 { 1 } else { 10 };
    let all = samples(&(0..sets.len()).map(n_of).collect::<Vec<_>>());
    for seed in 0..20 {
        let options = SplitOptions { seed, ..SplitOptions::default() };
        let Split { val, .. } = stratified_split_by_sets(all.clone(), &sets, &options).unwrap();
        assert_eq!(sets.counts(&val, 5)[0], 1, "seed {seed}");
        assert_eq!(val.len(), 1 + 4 * 2, "seed {seed}");
    }
}

/// Both photos of class 2 have another class too that is as rare, and are split by it: now and then both fall to
/// validation, and one must come back.
#[test]
fn a_class_is_never_only_validated() {
    let sets = LabelSets::new([vec![0], vec![0, 2], vec![1], vec![1, 2]]);
    let all = samples(&[1, 1, 1, 1]);
    for seed in 0..50 {
        let options = SplitOptions { seed, ..SplitOptions::default() };
        let Split { train, val, .. } = stratified_split_by_sets(all.clone(), &sets, &options).unwrap();
        assert!(sets.counts(&train, 3).iter().all(|&n| n > 0), "seed {seed}");
        assert!(!val.is_empty(), "seed {seed}");
    }
}

/// 20,000 photos that all change sides: what once took the square of their number.
#[test]
fn large_classes_are_split_in_no_time() {
    let all = samples(&[20_000]);
    let start = std::time::Instant::now();
    let options = SplitOptions { tolerance: 0.0, ..SplitOptions::default() };
    let (_, val) = split(&all, &options);
    assert_eq!(val.len(), 4000);
    assert!(start.elapsed().as_secs_f64() < 2.0, "{:?}", start.elapsed());
}

#[test]
fn threads_do_not_change_what_is_together() {
    let all = samples(&[50, 50]);
    let with = |n_threads| {
        let together = Together { n_threads, near_duplicates: Some(10), ..Together::default() };
        split(&all, &SplitOptions { together, ..SplitOptions::default() })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn callers_may_be_careless() {
    let hashes = perceptual_hashes(&[], &DecodeOptions::default());
    assert!(hashes.is_empty());
    let tree = Tree::of(&[]);
    tree.write("a.jpg", &photo("baseline444.jpg"));
    let hash = perceptual_hashes(&[tree.path("a.jpg")], &DecodeOptions::default())[0];
    assert_eq!(same_pictures(&[[0; 32]], &[hash, hash, None], Some(10)), Vec::<Vec<usize>>::new());
    let sets = LabelSets::new([vec![2, 0], vec![1, 1]]);
    assert_eq!((sets.classes(0), sets.classes(1)), (&[0, 2][..], &[1][..]));
    stratified_split_by_sets(samples(&[6, 6]), &sets, &SplitOptions::default()).unwrap();
}
