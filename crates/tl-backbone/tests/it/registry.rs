//! The table against the files and the architectures.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tl_backbone::{Backbone, BackboneError, Network, Precision, Preprocessing, registry, spec};

use crate::support::{golden, weight_file, weights};

#[test]
fn weight_files_have_the_pinned_hashes() {
    for spec in registry() {
        let digest = Sha256::digest(fs_err::read(weight_file(spec)).unwrap());
        let hex = digest.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        assert_eq!(hex, spec.sha256, "{}: run cargo xtask fetch --all", spec.file);
    }
}

#[test]
fn widths_and_parameters_are_those_of_the_networks() {
    for spec in registry() {
        let mut backbone = Backbone::new(&weights(spec.name)).unwrap();
        let is_statistic = |name: &str| name.contains("running_");
        let n: usize = backbone.tensors().filter(|(name, _)| !is_statistic(name)).map(|(_, t)| t.numel()).sum();
        assert_eq!(n, spec.n_parameters, "{}", spec.name);
        assert_eq!(golden(spec.name)["n_parameters"], spec.n_parameters);
        backbone.train_from(0, tl_backbone::BatchNorm::Frozen).unwrap();
        assert!(backbone.parameters().all(|(name, _)| !name.starts_with("classifier")));
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = spec("resnet50").unwrap_err();
    assert!(matches!(error, BackboneError::Unknown { .. }));
    assert_eq!(
        error.to_string(),
        "no backbone is called \"resnet50\"; there are mobilenet_v1, mobilenet_v2, mobilenet_v3_small"
    );
}

#[test]
fn preprocessing_survives_json() {
    for spec in registry() {
        let text = serde_json::to_string(&spec.preprocessing).unwrap();
        assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), spec.preprocessing);
    }
}

#[test]
fn auto_takes_what_the_processor_has_instructions_or_kernels_for() {
    let cpu = tl_torch::CpuCapability::detect();
    assert_eq!(Precision::auto_for_training() == Precision::Bf16, cpu.has_fast_bf16());
    let expected = match Network::has_kernels(Precision::Int16) {
        _ if cpu.amx => Precision::Bf16,
        true => Precision::Int16,
        false => Precision::auto_for_training(),
    };
    assert_eq!(Precision::auto(), expected);
    assert!(Precision::for_inference().contains(&Precision::measured(&Precision::for_inference()).unwrap()));
    assert_eq!(Precision::measured(&[Precision::F32]).unwrap(), Precision::F32);
}
