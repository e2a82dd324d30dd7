//! `tl lr-find`.

use crate::harness::Work;

#[test]
fn the_losses_of_growing_rates_are_drawn_and_written_down() {
    let work = Work::with_photos(8);
    let find =
        |more: &[&str]| work.ok(&[&["lr-find", "photos", "--head", "linear", "--set", "batch_size=4"], more].concat());
    let run = find(&[]);
    for words in
        ["Steepest descent", "A tenth of", "lr-find.svg", "train --lr", "photos --head linear --set batch_size=4"]
    {
        assert!(run.stdout().contains(words), "{words} is not in {}", run.stdout());
    }
    let svg = std::fs::read_to_string(work.path("lr-find.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("steepest descent"), "{svg}");
    find(&["--out", "one.csv", "--threads", "1"]);
    find(&["--out", "two.csv", "--threads", "2"]);
    let read = |name| std::fs::read_to_string(work.path(name)).unwrap();
    assert_eq!(read("one.csv"), read("two.csv"));
    let text = read("one.csv");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let points: Vec<(f64, f64, f64)> = rows.deserialize().map(Result::unwrap).collect();
    assert!(points.windows(2).all(|pair| pair[1].0 > pair[0].0) && points.len() > 50, "{text}");
    let lowest = points.iter().map(|point| point.2).fold(f64::INFINITY, f64::min);
    assert!(lowest < 0.5 * points[0].2, "nothing was learnt: {text}");
    assert!(!work.path("runs").exists());
}

#[test]
fn rates_of_fine_tuning_are_tried_on_all_that_moves() {
    let work = Work::with_photos(8);
    let find = |out: &str, more: &[&str]| {
        let args = "lr-find photos --set batch_size=4 --set side=64 --set micro_batch=2 --out";
        work.ok(&[&args.split(' ').collect::<Vec<_>>(), &[out][..], more].concat())
    };
    let finetune = ["--recipe", "finetune", "--backbone", "v3_small", "--threads"];
    let run = find("one.csv", &[&finetune[..], &["1", "--steps", "30"]].concat());
    find("two.csv", &[&finetune[..], &["2", "--steps", "30"]].concat());
    let read = |name| std::fs::read_to_string(work.path(name)).unwrap();
    assert_eq!(read("one.csv"), read("two.csv"));
    let losses: Vec<f64> =
        read("one.csv").lines().skip(1).map(|l| l.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert!(losses.len() > 15 && losses.iter().any(|loss| *loss > 4.0 * losses[0]), "it never diverged: {losses:?}");
    assert!(run.stdout().contains("where the loss diverged"), "{}", run.stdout());
    // The head is fitted: what falls there is noise, and at what rate says nothing.
    assert!(run.stdout().contains("falls by no more than batches differ"), "{}", run.stdout());
    let rate = run.stdout().split("--lr ").nth(1).and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    assert!(rate.is_some_and(|rate| (1e-5..1.0).contains(&rate)), "{}", run.stdout());
    // Mixed photos have another loss, and rates are tried on photos as they are.
    find("mixed.csv", &[&finetune[..], &["1", "--steps", "30", "--set", "mixup=0.4", "--set", "cutmix=1"]].concat());
    assert_eq!(read("one.csv"), read("mixed.csv"));
    // A network that has learnt nothing does not fit its head as well.
    let random = ["--recipe", "scratch", "--backbone", "v3_small", "--steps", "10"];
    find("pretrained.csv", &[&random[..], &["--set", "pretrained=true"]].concat());
    find("random.csv", &random);
    assert_ne!(read("pretrained.csv"), read("random.csv"));
    // Another head that takes steps first, and one that has learnt nothing, with statistics of the batch.
    find("linear.svg", &[&finetune[..], &["1", "--head", "linear", "--steps", "10"]].concat());
    let notebook =
        ["--recipe", "notebook", "--backbone", "v3_small", "--freeze", "stage:3", "--seed", "1", "--steps", "10"];
    let notebook = find("notebook.svg", &notebook);
    assert!(notebook.stdout().contains("--recipe notebook --backbone v3_small --freeze stage:3 --seed 1"));
    assert!(notebook.stdout().contains(" train --lr ") && notebook.stdout().contains(" --set backbone_lr="));
    assert!(!work.path("runs").exists());
}

#[test]
fn what_has_no_learning_rate_is_refused() {
    let work = Work::with_photos(3);
    for (more, words) in [
        (["--head", "logistic"], "fitted without a learning rate"),
        (["--steps", "3"], "make no curve"),
        (["--out", "curve.png"], "end it in .svg or .csv"),
    ] {
        let run = work.run(&[&["lr-find", "photos"], &more[..]].concat());
        assert!(run.code() == 2 && run.stderr().contains(words), "{words}: {}", run.stderr());
    }
}
