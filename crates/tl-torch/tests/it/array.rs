//! Arrays, and the files they come from.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, serialize, tensor::TensorView};
use tl_torch::{Activation, Array, ArrayFile, TorchError, tensor_from_f32, to_vec_f32, write_safetensors_header};

fn open(bytes: &[u8]) -> Result<ArrayFile, TorchError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.safetensors");
    fs_err::write(&path, bytes).unwrap();
    ArrayFile::open(&path)
}

/// A file of two f32 tensors, one of i64, and text.
fn file() -> Vec<u8> {
    let values: Vec<u8> = [1.5_f32, -2.0, 3.0, 4.0, 5.0, 6.25].iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
    let tensors = [
        ("a.weight", view(Dtype::F32, &[2, 2], &values[..16])),
        ("a.bias", view(Dtype::F32, &[2], &values[16..])),
        ("count", view(Dtype::I64, &[1], &[7, 0, 0, 0, 0, 0, 0, 0])),
    ];
    serialize(tensors, Some([("format".to_owned(), "ours".to_owned())].into())).unwrap()
}

#[test]
fn a_header_is_read_by_the_library() {
    let metadata = BTreeMap::from([("format", "ours")]);
    let mut bytes = Vec::new();
    let tensors: [(_, _, &[usize]); 2] = [("count", Dtype::I64, &[1]), ("a.bias", Dtype::F32, &[2])];
    write_safetensors_header(&metadata, tensors, &mut bytes).unwrap();
    assert!(bytes.len().is_multiple_of(8));
    bytes.extend([7, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([5.0_f32, 6.25].iter().flat_map(|x| x.to_le_bytes()));
    let file = open(&bytes).unwrap();
    assert_eq!((file.metadata["format"].as_str(), file.arrays["a.bias"].values()), ("ours", &[5.0, 6.25][..]));
    assert_eq!(file.others["count"], "I64");
}

/// The keys of rows that users keep hang on these bytes.
#[test]
fn a_hash_is_of_name_shape_and_values() {
    let mut hasher = blake3::Hasher::new();
    Array::new(vec![1.0, -2.0], &[2, 1]).unwrap().hash_into("a.weight", &mut hasher);
    assert_eq!(hasher.finalize(), blake3::hash(b"a.weight [2, 1]\n\0\0\x80\x3f\0\0\0\xc0"));
}

#[test]
fn a_file_gives_its_numbers_by_name() {
    let mut file = open(&file()).unwrap();
    assert_eq!(file.metadata["format"], "ours");
    assert_eq!(file.others["count"], "I64");
    let group = file.take_group("a.");
    assert!(file.arrays.is_empty());
    assert_eq!((group["weight"].shape(), group["weight"].values()), (&[2, 2][..], &[1.5, -2.0, 3.0, 4.0][..]));
    assert_eq!((group["bias"].shape(), group["bias"].values()), (&[2][..], &[5.0, 6.25][..]));
    assert_eq!(group["bias"].bytes(), [0, 0, 0xa0, 0x40, 0, 0, 0xc8, 0x40]);
}

#[test]
fn values_that_are_not_aligned_are_read_too() {
    // A header that is a byte longer puts every value at an odd place.
    let whole = file();
    let n_header = whole[0] + 1;
    let end = usize::from(n_header) + 7;
    let shifted = [&[n_header], &whole[1..end], b" ", &whole[end..]].concat();
    assert_eq!(open(&shifted).unwrap().arrays["a.weight"].values(), [1.5, -2.0, 3.0, 4.0]);
}

#[test]
fn what_is_no_whole_file_is_an_error() {
    let whole = file();
    for length in [0, 4, 8, 50, whole.len() - 1] {
        assert!(matches!(open(&whole[..length]), Err(TorchError::Safetensors(_))), "{length} bytes");
    }
    assert!(matches!(ArrayFile::open(Path::new("/no/such/file")), Err(TorchError::Read(_))));
    assert!(matches!(ArrayFile::open(&std::env::temp_dir()), Err(TorchError::Read(_))));
}

#[test]
fn tensors_and_arrays_become_each_other() {
    let turned = tensor_from_f32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3]).unwrap().tr();
    let array = Array::of_tensor(&turned).unwrap();
    assert_eq!((array.shape(), array.values()), (&[3, 2][..], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..]));
    assert!(array.to_tensor().unwrap().equal(&turned));
    assert!(matches!(Array::new(vec![0.0; 5], &[2, 3]), Err(TorchError::Length { wanted: 6, found: 5, .. })));
}

#[test]
fn activations_of_numbers_are_those_of_tensors() {
    use Activation::{Hardsigmoid, Hardswish, None, Relu, Relu6};
    let values: Vec<f32> = (-80..=80).map(|i| i as f32 / 10.0).collect();
    let tensor = tensor_from_f32(&values, &[161]).unwrap();
    for activation in [None, Relu, Relu6, Hardswish, Hardsigmoid] {
        let wanted = to_vec_f32(&activation.apply(&tensor).unwrap()).unwrap();
        for (&x, wanted) in values.iter().zip(wanted) {
            assert!((activation.of(x) - wanted).abs() < 1e-6, "{activation:?} of {x}");
        }
    }
}

#[test]
fn a_shape_beyond_all_memory_is_no_shape() {
    let error = Array::new(vec![1.0; 4], &[usize::MAX, 2, 2]).unwrap_err();
    assert!(matches!(error, TorchError::Length { found: 4, .. }), "{error}");
}
