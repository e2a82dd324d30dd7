//! Weight files that are not what they should be.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, tensor::TensorView};
use tch::{Device, Kind, Tensor};
use tl_backbone::{BackboneError, Weights, spec};

use crate::support::{weight_file, weights};

fn open(bytes: &[u8]) -> BackboneError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    fs_err::write(&path, bytes).unwrap();
    Weights::open(&path, spec("mobilenet_v1").unwrap()).unwrap_err()
}

#[test]
fn a_truncated_file_is_an_error_that_says_what_to_do() {
    let whole = fs_err::read(weight_file(spec("mobilenet_v1").unwrap())).unwrap();
    for length in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        let error = open(&whole[..length]);
        assert!(matches!(error, BackboneError::Format { .. }), "{length} bytes: {error}");
        assert!(error.to_string().contains("cargo xtask fetch"));
    }
}

#[test]
fn a_file_of_something_else_is_an_error() {
    assert!(matches!(open(b"<html>this is not a tensor, not at all</html>"), BackboneError::Format { .. }));
    let error = Weights::open(Path::new("no/such/file"), spec("mobilenet_v1").unwrap()).unwrap_err();
    assert!(matches!(error, BackboneError::Io(_)));
}

#[test]
fn the_weights_of_another_network_are_refused_with_names() {
    let path = weight_file(spec("mobilenet_v2").unwrap());
    let error = Weights::open(&path, spec("mobilenet_v1").unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("these are not the weights of mobilenet_v1: blocks.0.0.bn1.bias is missing"), "{error}");
    assert!(error.ends_with("more"), "{error}");
}

#[test]
fn wrong_shapes_kinds_and_names_are_all_listed() {
    let mut tensors: BTreeMap<String, Tensor> =
        weights("mobilenet_v1").arrays().map(|(name, array)| (name.to_owned(), array.to_tensor().unwrap())).collect();
    tensors.insert("bn1.bias".to_owned(), Tensor::zeros([31], (Kind::Float, Device::Cpu)));
    tensors.insert("bn1.weight".to_owned(), Tensor::zeros([32], (Kind::Half, Device::Cpu)));
    tensors.insert("extra".to_owned(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    let error = Weights::from_tensors(spec("mobilenet_v1").unwrap(), tensors).unwrap_err();
    let BackboneError::Tensors { problems, .. } = error else { panic!("{error}") };
    assert_eq!(problems, "bn1.bias has shape [31], not [32]; bn1.weight is Half, not f32; extra is unexpected");
}

#[test]
fn a_file_whose_header_lies_about_kinds_is_refused() {
    let bytes = [0; 32];
    let view = TensorView::new(Dtype::I64, vec![4], &bytes).unwrap();
    let file = safetensors::serialize([("conv_stem.weight", view)], None).unwrap();
    assert!(matches!(open(&file), BackboneError::Tensors { .. }));
}

#[test]
fn the_hash_does_not_depend_on_where_the_tensors_came_from() {
    let from_file = weights("mobilenet_v3_small");
    let tensors = from_file.arrays().map(|(name, array)| (name.to_owned(), array.to_tensor().unwrap())).collect();
    let in_memory = Weights::from_tensors(from_file.spec(), tensors).unwrap();
    assert_eq!(from_file.sha256(), in_memory.sha256());
    assert_ne!(from_file.sha256(), weights("mobilenet_v2").sha256());
}
