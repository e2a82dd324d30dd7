//! The manifest that is in the repository.

use xtask::manifest::Manifest;
use xtask::workspace;

#[test]
fn it_can_be_read_and_names_the_defaults_of_the_readme() {
    let manifest = Manifest::read(&workspace::manifest()).unwrap();
    let weights: Vec<&str> = manifest.weights.keys().map(String::as_str).collect();
    assert_eq!(weights, ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"]);
    assert!(manifest.weights["mobilenet_v1"].default && manifest.samples["pizza_steak_sushi"].default);
    assert!(manifest.samples.contains_key("dogs_cats"), "the tests need it");
}

#[test]
fn a_misspelt_key_and_a_short_hash_are_refused() {
    let text = fs_err::read_to_string(workspace::manifest()).unwrap();
    assert!(Manifest::parse(&text.replace("notice =", "notise =")).is_err());
    assert!(Manifest::parse(&text.replace("sha256 = \"ba69955c", "sha256 = \"ba6")).is_err());
    let error = Manifest::parse(&text.replace("format = 1", "format = 2")).unwrap_err();
    assert!(error.to_string().contains("format is 2"), "{error}");
}
