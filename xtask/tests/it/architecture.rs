//! Which crate may use which, read from `cargo metadata`. `crates/README.md` says why.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use xtask::workspace;

/// The crates of the workspace that each crate may use; tl-cli may use them all.
const ARROWS: [(&str, &[&str]); 13] = [
    ("tl-data", &[]),
    ("tl-audit", &["tl-data"]),
    ("tl-events", &[]),
    ("tl-kernels", &[]),
    ("tl-metrics", &[]),
    ("tl-torch", &[]),
    ("tl-backbone", &["tl-data", "tl-kernels", "tl-torch"]),
    ("tl-head", &["tl-kernels", "tl-torch"]),
    ("tl-features", &["tl-backbone", "tl-data", "tl-torch"]),
    ("tl-model", &["tl-backbone", "tl-data", "tl-features", "tl-head", "tl-torch"]),
    (
        "tl-train",
        &["tl-backbone", "tl-data", "tl-events", "tl-features", "tl-head", "tl-metrics", "tl-model", "tl-torch"],
    ),
    (
        "tl-cli",
        &[
            "tl-audit",
            "tl-backbone",
            "tl-data",
            "tl-events",
            "tl-features",
            "tl-head",
            "tl-metrics",
            "tl-model",
            "tl-torch",
            "tl-train",
        ],
    ),
    ("xtask", &[]),
];

/// What links libtorch.
const TORCH: [&str; 2] = ["tch", "torch-sys"];
/// The crates that must build, and be tested, where there is no libtorch.
const WITHOUT_TORCH: [&str; 6] = ["tl-audit", "tl-data", "tl-events", "tl-kernels", "tl-metrics", "xtask"];
/// The crates that may use anyhow: programs, not libraries.
const PROGRAMS: [&str; 2] = ["tl-cli", "xtask"];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(workspace::root().join("Cargo.toml")).exec().unwrap()
}

fn members(metadata: &Metadata) -> BTreeMap<&str, &Package> {
    metadata.workspace_packages().into_iter().map(|package| (package.name.as_str(), package)).collect()
}

#[test]
fn arrows_between_our_crates_point_one_way() {
    let metadata = metadata();
    let members = members(&metadata);
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for (name, package) in &members {
        let Some(allowed) = allowed.get(name) else { panic!("{name} has no arrows yet: add them here, and say why") };
        let used = package.dependencies.iter().map(|dependency| dependency.name.as_str());
        for used in used.filter(|used| members.contains_key(used)) {
            assert!(allowed.contains(&used), "{name} uses {used}, which points against the data flow");
        }
    }
}

#[test]
fn some_crates_link_no_libtorch() {
    let metadata = metadata();
    for (name, package) in members(&metadata) {
        if WITHOUT_TORCH.contains(&name) {
            let reached = reached_from(&metadata, package);
            for torch in TORCH {
                assert!(!reached.contains(torch), "{name} reaches {torch}");
            }
        }
    }
}

/// The names of all packages that a package needs, for itself or for its tests.
fn reached_from<'a>(metadata: &'a Metadata, package: &Package) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<_, _> = metadata.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
    let mut queue = vec![&nodes[&package.id].id];
    let mut seen = BTreeSet::new();
    while let Some(id) = queue.pop() {
        if seen.insert(id) {
            queue.extend(nodes[id].deps.iter().map(|dependency| &nodes[&dependency.pkg].id));
        }
    }
    seen.into_iter().map(|id| metadata[id].name.as_str()).collect()
}

#[test]
fn only_programs_use_anyhow() {
    let metadata = metadata();
    for (name, package) in members(&metadata) {
        let mut used = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        let uses_anyhow = used.any(|dependency| dependency.name == "anyhow");
        assert!(!uses_anyhow || PROGRAMS.contains(&name), "{name} is a library and has an error enum of its own");
    }
}

#[test]
fn each_version_is_written_once_at_the_root() {
    for (name, package) in members(&metadata()) {
        let text = fs_err::read_to_string(&package.manifest_path).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (used, how) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
                let inherits = how.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherits, "{name}: {used} takes its version not from [workspace.dependencies]");
            }
        }
    }
}

#[test]
fn every_crate_has_a_page_of_its_own() {
    for (name, package) in members(&metadata()) {
        let page = package.manifest_path.with_file_name("README.md");
        assert!(page.exists(), "{name} has no README.md");
    }
}
