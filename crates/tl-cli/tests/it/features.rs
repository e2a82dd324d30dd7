//! `tl features` and `tl features merge`.

use crate::harness::Work;

const NETWORK: [&str; 3] = ["--backbone", "v3_small", "--no-cache"];

fn features(work: &Work, args: &[&str]) -> String {
    work.ok(&[&["features"], args, &NETWORK].concat()).stdout()
}

#[test]
fn shards_of_every_format_merge_to_the_whole() {
    let work = Work::with_photos(7);
    for ending in ["safetensors", "npy", "csv", "parquet"] {
        // The .csv of the same name belongs to the .npy.
        let file = |name: &str| format!("{ending}-{name}.{ending}");
        let said = features(&work, &["photos", "--out", &file("whole")]);
        assert_eq!(said, format!("Wrote 576 features of 14 photos to {}\n", file("whole")));
        for shard in ["0/3", "1/3", "2/3"] {
            features(&work, &["photos", "--out", &file(&format!("part{}", &shard[..1])), "--shard", shard]);
        }
        work.ok(&["features", "merge", &file("merged"), &file("part2"), &file("part0"), &file("part1")]);
        let bytes = |name: &str| std::fs::read(work.path(name)).unwrap();
        assert!(bytes(&file("whole")) == bytes(&file("merged")), "{ending}");
        if ending == "npy" {
            assert_eq!(bytes("npy-whole.csv"), bytes("npy-merged.csv"));
        }
    }
    // From one format to another nothing changes.
    work.ok(&["features", "merge", "again.parquet", "safetensors-whole.safetensors"]);
    assert!(
        std::fs::read(work.path("again.parquet")).unwrap()
            == std::fs::read(work.path("parquet-whole.parquet")).unwrap()
    );
    work.ok(&["features", "merge", "again.safetensors", "parquet-whole.parquet"]);
    let both =
        ["again.safetensors", "safetensors-whole.safetensors"].map(|name| std::fs::read(work.path(name)).unwrap());
    assert!(both[0] == both[1]);
    let twice = work.run(&["features", "merge", "x.parquet", "csv-part0.csv", "csv-part0.csv"]);
    assert_eq!(twice.code(), 2);
    assert!(twice.stderr().contains("is in two of the tables"), "{}", twice.stderr());
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let work = Work::with_photos(3);
    for ending in ["safetensors", "parquet"] {
        let file = |name: &str| format!("{name}.{ending}");
        for shard in ["0/3", "1/3", "2/3"] {
            let part = file(&format!("part{}", &shard[..1]));
            features(&work, &["photos", "--out", &part, "--shard", shard, "--precision", "f32"]);
        }
        features(&work, &["photos", "--out", &file("coarse"), "--shard", "1/3", "--precision", "bf16"]);
        let refused = |parts: [&str; 2]| {
            let run = work.run(&["features", "merge", &file("all"), &file(parts[0]), &file(parts[1])]);
            assert_eq!(run.code(), 2);
            run.stderr()
        };
        assert!(refused(["part2", "part0"]).contains("missing: 1/3;"));
        let said = refused(["part0", "coarse"]);
        assert!(said.contains("mobilenet_v3_small bf16 and mobilenet_v3_small f32"), "{said}");
        assert!(!work.path(&file("all")).exists());
    }
}

#[test]
fn a_merge_never_takes_the_place_of_a_part() {
    let work = Work::with_photos(3);
    for ending in ["npy", "csv", "parquet"] {
        let file = |i: usize| format!("{ending}{i}.{ending}");
        (0..2).for_each(|i| drop(features(&work, &["photos", "--out", &file(i), "--shard", &format!("{i}/2")])));
        let before = std::fs::read(work.path(&file(0))).unwrap();
        // Without the name of the file to write, the first part is taken for it.
        let run = work.run(&["features", "merge", &file(0), &file(0), &file(1)]);
        assert!(run.code() == 2 && run.stderr().contains("would take its place"), "{}", run.stderr());
        assert!(std::fs::read(work.path(&file(0))).unwrap() == before, "{ending}");
    }
}

#[test]
fn shards_of_other_photos_are_refused() {
    let (work, other) = (Work::with_photos(3), Work::with_photos(4));
    features(&work, &["photos", "--out", "0.parquet", "--shard", "0/2"]);
    features(&other, &["photos", "--out", "1.parquet", "--shard", "1/2"]);
    let parts = ["0.parquet".to_owned(), other.path("1.parquet").display().to_string()];
    let run = work.run(&["features", "merge", "all.parquet", &parts[0], &parts[1]]);
    assert!(run.code() == 2 && run.stderr().contains("not of one list of photos"), "{}", run.stderr());
}

#[test]
fn a_shard_of_broken_photos_is_an_empty_file() {
    let work = Work::with_photos(2);
    work.write("photos/checks/000.jpg", b"\xff\xd8\xff and no more");
    for shard in ["0/4", "1/4", "2/4", "3/4"] {
        let out = format!("part{}.parquet", &shard[..1]);
        features(&work, &["photos", "--out", &out, "--shard", shard, "--max-skipped", "1"]);
    }
    let parts = ["part0.parquet", "part1.parquet", "part2.parquet", "part3.parquet"];
    work.ok(&[&["features", "merge", "all.csv"], &parts[..]].concat());
    assert_eq!(std::fs::read_to_string(work.path("all.csv")).unwrap().lines().count(), 4);
}

#[test]
fn a_shard_that_is_more_broken_than_all_says_how_it_may_pass() {
    let work = Work::with_photos(4);
    work.write("photos/checks/000.jpg", b"\xff\xd8\xff and no more");
    work.write("photos/beside.jpg", b"of no class");
    work.write("photos/beside too.jpg", b"of no class");
    let shard =
        |more: &[&str]| work.run(&[&["features", "photos", "--out", "x.npy", "--shard"], more, &NETWORK].concat());
    let hint = "A shard may have more than its share of what is broken";
    let run = shard(&["0/4"]);
    assert!(run.code() == 1 && run.stderr().contains("2 of 3 files skipped"), "{}", run.stderr());
    assert!(run.stderr().contains(hint) && work.path("x.npy").exists(), "{}", run.stderr());
    assert_eq!(shard(&["0/4", "--max-skipped", "1"]).code(), 0);
    // What has no class is parted as the photos are, and counts once.
    let run = shard(&["3/4"]);
    assert!(run.code() == 0 && !run.stderr().contains("beside"), "{}", run.stderr());
    let whole = work.run(&[&["features", "photos", "--out", "x.npy"], &NETWORK[..]].concat());
    assert!(whole.code() == 1 && !whole.stderr().contains(hint), "{}", whole.stderr());
}

#[cfg(unix)]
#[test]
fn names_that_differ_in_bytes_alone_stay_apart() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let work = Work::with_photos(1);
    for name in [b"checks/\xFE.jpg", b"checks/\xFF.jpg"] {
        let path = work.path("photos").join(OsStr::from_bytes(name));
        std::fs::copy(work.path("photos/checks/000.jpg"), path).unwrap();
    }
    for shard in ["0/2", "1/2"] {
        features(&work, &["photos", "--out", &format!("part{}.parquet", &shard[..1]), "--shard", shard]);
    }
    work.ok(&["features", "merge", "all.csv", "part0.parquet", "part1.parquet"]);
    let text = std::fs::read_to_string(work.path("all.csv")).unwrap();
    for name in ["photos/checks/\\xfe.jpg,checks,", "photos/checks/\\xff.jpg,checks,"] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let work = Work::with_photos(2);
    let list = b"path,label\nphotos/checks/000.jpg,a\nphotos/stripes/000.jpg,b\n";
    work.write("list.csv", list);
    work.write("other.csv", b"mine");
    features(&work, &["list.csv", "--out", "rows.npy"]);
    for out in [&["list.csv"][..], &["list.npy"], &["other.npy"], &["rows.csv"], &["rows.csv", "--format", "npy"]] {
        let run = work.run(&[&["features", "list.csv", "--out"], out, &NETWORK].concat());
        assert_eq!(run.code(), 2, "{out:?}: {}", run.stderr());
    }
    assert_eq!(std::fs::read(work.path("list.csv")).unwrap(), list);
    assert_eq!(std::fs::read(work.path("other.csv")).unwrap(), b"mine");
    // Known before there is anything to lose.
    let run = work.run(&[&["features", "list.csv", "--out", "nowhere/x.npy"], &NETWORK[..]].concat());
    assert!(run.stderr().contains("there is no folder nowhere; make it first"), "{}", run.stderr());
    features(&work, &["list.csv", "--out", "rows.npy"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_written_to_as_it_is() {
    let work = Work::with_photos(1);
    let run = features(&work, &["photos", "--out", "/dev/stdout", "--format", "csv"]);
    assert!(run.starts_with("path,label,f0,"), "{run}");
    assert!(!run.contains("Wrote") && run.lines().count() == 3, "{run}");
}

#[test]
fn the_log_in_json_is_json_and_names_all_that_was_skipped() {
    let work = Work::with_photos(2);
    for i in 0..7 {
        work.write(&format!("photos/checks/broken{i}.jpg"), b"\xff\xd8\xff and no more");
    }
    let run = work.run(&[&["features", "photos", "--out", "x.npy", "--log-json"], &NETWORK[..]].concat());
    assert_eq!(run.code(), 1);
    let lines: Vec<serde_json::Value> = run.stderr().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for i in 0..7 {
        let name = format!("broken{i}.jpg");
        assert!(lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(&name))), "{name}");
    }
    assert!(lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains("exit status 1"))));
}

#[test]
fn trees_lists_and_loose_photos_are_read() {
    let work = Work::new();
    work.photo("tree/train/checks/1.jpg", "checks", 1);
    work.photo("tree/val/checks/2.jpg", "checks", 2);
    work.photo("tree/val/dots/3.jpg", "stripes", 5);
    work.photo("loose/b.png", "stripes", 3);
    work.photo("loose/a.png", "stripes", 4);
    work.write("list.csv", b"path,label,split\nloose/b.png,second,train\ntree/train/checks/1.jpg,first,train\n");
    let table = |data: &str| {
        features(&work, &[data, "--out", "out", "--format", "csv"]);
        let text = std::fs::read_to_string(work.path("out")).unwrap();
        let starts = text.lines().map(|line| line.split(',').take(2).collect::<Vec<_>>().join(","));
        starts.collect::<Vec<_>>()
    };
    // Nothing is learned, so that a class of one part alone is a label like any other.
    let tree = ["tree/train/checks/1.jpg,checks", "tree/val/checks/2.jpg,checks", "tree/val/dots/3.jpg,dots"];
    assert_eq!(table("tree"), [&["path,label"][..], &tree].concat());
    assert_eq!(table("loose"), ["path,label", "loose/a.png,", "loose/b.png,"]);
    assert_eq!(table("list.csv"), ["path,label", "loose/b.png,second", "tree/train/checks/1.jpg,first"]);
}

#[test]
fn launchers_say_which_shard() {
    let work = Work::with_photos(3);
    for (rank, size) in [("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")] {
        let mut command = work.command(&["features", "photos", "--out", "f.npy", NETWORK[0], NETWORK[1], NETWORK[2]]);
        assert!(command.env(rank, "1").env(size, "4").status().unwrap().success());
        let index = std::fs::read_to_string(work.path("f-1-of-4.csv")).unwrap();
        assert_eq!(index, "path,label\nphotos/checks/001.jpg,checks\nphotos/stripes/002.jpg,stripes\n");
        for file in ["f-1-of-4.npy", "f-1-of-4.csv"] {
            std::fs::remove_file(work.path(file)).unwrap();
        }
    }
    let mut command = work.command(&["features", "photos", "--out", "f.npy", NETWORK[0], NETWORK[1], NETWORK[2]]);
    let output = command.env("RANK", "1").env("SLURM_PROCID", "").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("RANK is 1 and WORLD_SIZE is not set"));
    assert!(work.path("f.npy").is_file());
    let mut command = work.command(&["features", "photos", "--out", "f.npy", NETWORK[0], NETWORK[1], NETWORK[2]]);
    let output = command.env("RANK", "4").env("WORLD_SIZE", "4").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("RANK=4 and WORLD_SIZE=4"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let work = Work::with_photos(2);
    work.write("photos/checks/broken.jpg", b"\xff\xd8\xff and no more");
    work.write("part.csv", b"a,b\n1,2\n");
    for (args, said) in [
        (&["photos"][..], "--out"),
        (&["photos", "--out", "f.txt"], "end it in .safetensors"),
        (&["photos", "--out", "f.csv", "--shard", "2/2"], "the first is 0/2"),
        (&["gone", "--out", "f.csv"], "gone"),
        (&["photos", "--out", "no/such/f.csv"], "cannot be written"),
        (&["photos", "--out", "f.csv", "--backbone", "resnet"], "resnet"),
        (&["merge", "f.csv", "part.csv"], "part.csv is no table of features"),
        (&["merge", "f.csv"], "PART"),
    ] {
        let run = work.run(&[&["features"], args].concat());
        assert_eq!(run.code(), 2, "{args:?}: {}", run.stderr());
        assert!(run.stderr().contains(said), "{args:?}: {}", run.stderr());
        assert!(!work.path("f.csv").exists(), "{args:?}");
    }
    let strict = work.run(&["features", "photos", "--out", "f.csv", "--strict", NETWORK[0], NETWORK[1], NETWORK[2]]);
    assert_eq!(strict.code(), 1, "{}", strict.stderr());
    assert!(strict.stderr().contains("broken.jpg"), "{}", strict.stderr());
}

#[test]
fn a_run_gives_the_features_of_its_own_network() {
    let work = Work::with_photos(4);
    let tune = ["--recipe", "finetune", "--backbone", "v3_small", "--epochs", "1", "--keep", "last", "--lr", "0.01"];
    work.ok(&[&["train", "photos", "--name", "tuned"], &tune[..]].concat());
    work.ok(&["train", "photos", "--name", "plain", "--backbone", "v3_small", "--head", "logistic"]);
    let of = |network: &str, out: &str| {
        work.ok(&["features", "photos", "--no-cache", "--precision", "f32", "--backbone", network, "--out", out]);
        std::fs::read(work.path(out)).unwrap()
    };
    let pretrained = of("v3_small", "pretrained.parquet");
    assert!(of("runs/plain", "plain.parquet") == pretrained, "a frozen network is the pretrained one");
    let tuned = of("runs/tuned/model.safetensors", "tuned.parquet");
    assert!(tuned.windows(5).any(|bytes| bytes == b"tuned") && tuned != pretrained);
}
