//! `tl lr-find`.

use crate::harness::Work;

#[test]
fn the_losses_of_growing_rates_are_drawn_and_written_down() {
    let work = Work::with_photos(8);
    let find =
        |more: &[&str]| work.ok(&[&["lr-find", "photos", "--head", "linear", "--set", "batch_size=4"], more].concat());
    let run = find(&[]);
    for words in ["Steepest descent", "A tenth of", "lr-find.svg", "train photos --lr"] {
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
fn what_has_no_learning_rate_is_refused() {
    let work = Work::with_photos(3);
    for (more, words) in [
        (["--head", "logistic"], "fitted without a learning rate"),
        (["--set", "recipe=scratch"], "leave the recipe at features"),
        (["--steps", "3"], "make no curve"),
        (["--out", "curve.png"], "end it in .svg or .csv"),
    ] {
        let run = work.run(&[&["lr-find", "photos"], &more[..]].concat());
        assert!(run.code() == 2 && run.stderr().contains(words), "{words}: {}", run.stderr());
    }
}
