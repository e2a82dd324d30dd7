//! The pretrained networks with their own classes.

use crate::harness::{Work, sample};

#[test]
fn a_pizza_is_a_pizza() {
    let work = Work::new();
    for backbone in ["mobilenet_v1", "mobilenet_v2", "v3_small"] {
        let folder = sample("pizza_steak_sushi/test/pizza");
        let csv = work.ok(&["predict", &format!("imagenet:{backbone}"), &folder, "--format", "csv"]).stdout();
        let n_photos = csv.lines().count() - 1;
        let n_pizzas = csv.lines().filter(|line| line.contains(",pizza")).count();
        assert!(n_pizzas * 3 > n_photos * 2, "{backbone}: {n_pizzas} of {n_photos}\n{csv}");
    }
}

#[test]
fn folders_named_by_wordnet_id_or_index_are_evaluated() {
    let work = Work::new();
    let photos: Vec<_> =
        std::fs::read_dir(sample("pizza_steak_sushi/test/pizza")).unwrap().map(|e| e.unwrap().path()).collect();
    for (i, photo) in photos.iter().enumerate().take(6) {
        let folder = work.path(["set/n07873807_pizza", "set/963"][i % 2]);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(photo, folder.join(format!("{i}.jpg"))).unwrap();
    }
    let run = work.ok(&["evaluate", "imagenet:mobilenet_v1", "set", "--json"]);
    let numbers: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert!(numbers["accuracy"].as_f64().unwrap() > 0.5, "{numbers}");
    let wrong = work.run(&["evaluate", "imagenet:mobilenet_v1", &sample("pizza_steak_sushi/test")]);
    assert_eq!(wrong.code(), 2);
    assert!(wrong.stderr().contains("WordNet"), "{}", wrong.stderr());
}
