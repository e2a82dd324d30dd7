//! The pickle reader. The programs are written by hand, as a pickler would write them.

use xtask::convert::pickle::{Pickle, Value};
use xtask::convert::tensors::Tensor;
use xtask::convert::{pickle::Kind, pickle::Storage, pickle::TensorView};

fn error_of(program: &[u8]) -> String {
    format!("{:#}", Pickle::read(program).unwrap_err())
}

/// `os.system('true')`, as protocols 2 and 4 write it.
#[test]
fn a_call_of_the_system_is_refused_by_name() {
    let with_global = b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.";
    let with_stack_global = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.";
    for program in [&with_global[..], with_stack_global] {
        let error = error_of(program);
        assert!(error.contains("os.system") && error.contains("refused"), "{error}");
    }
}

#[test]
fn every_other_way_to_run_something_is_refused() {
    for program in [
        &b"\x80\x02(S'true'\nios\nsystem\n."[..],
        b"\x80\x02}\x81.",
        b"\x80\x02(}o.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02X\x01\0\0\0x)R.",
        b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.",
        b"\x80\x02K\x01}b.",
    ] {
        error_of(program);
    }
}

#[test]
fn plain_values_are_read() {
    let program = b"\x80\x02}q\x00(X\x01\0\0\0aK\x05X\x01\0\0\0b\x8a\x02\x00\xffX\x01\0\0\0cG?\xf8\0\0\0\0\0\0u.rest";
    let (pickle, n_bytes) = Pickle::read(program).unwrap();
    assert_eq!(n_bytes, program.len() - 4);
    assert_eq!(pickle.get(pickle.root(), "a"), Some(&Value::Int(5)));
    assert_eq!(pickle.get(pickle.root(), "b"), Some(&Value::Int(-256)));
    assert_eq!(pickle.get(pickle.root(), "c"), Some(&Value::Float(1.5)));
    assert_eq!(pickle.get(pickle.root(), "d"), None);
}

/// A pickler memoises an empty dictionary, fills it, and may refer to it later: that must be the filled one.
#[test]
fn a_memo_is_a_reference() {
    let program = b"\x80\x02}q\x01X\x01\0\0\0xK\x07sh\x01\x86.";
    let (pickle, _) = Pickle::read(program).unwrap();
    let Value::Tuple(pair) = pickle.root() else { panic!("a pair is wanted") };
    assert_eq!(pickle.get(pickle.at(pair[1]), "x"), Some(&Value::Int(7)));
}

#[test]
fn every_truncation_is_an_error() {
    let program = b"\x80\x02}q\x00(X\x01\0\0\0aK\x05X\x01\0\0\0b\x8a\x02\x00\xffu.";
    assert!(Pickle::read(program).is_ok());
    for n in 0..program.len() {
        assert!(Pickle::read(&program[..n]).is_err(), "after {n} bytes");
    }
}

fn view(offset: usize, shape: &[usize], strides: &[usize]) -> TensorView {
    let storage = Storage { kind: Kind::F32, key: "0".to_owned(), len: 6 };
    TensorView { storage, offset, shape: shape.to_vec(), strides: strides.to_vec() }
}

#[test]
fn strides_and_offsets_are_honoured() {
    let storage: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let gather = |offset, shape: &[usize], strides: &[usize]| Tensor::gather(&view(offset, shape, strides), &storage);
    assert_eq!(gather(0, &[2, 3], &[3, 1]).unwrap().values, [0., 1., 2., 3., 4., 5.]);
    assert_eq!(gather(0, &[3, 2], &[1, 3]).unwrap().values, [0., 3., 1., 4., 2., 5.]);
    assert_eq!(gather(1, &[2, 2], &[3, 1]).unwrap().values, [1., 2., 4., 5.]);
    assert_eq!(gather(4, &[3], &[0]).unwrap().values, [4., 4., 4.]);
    assert_eq!(gather(6, &[0, 4], &[4, 1]).unwrap().values, [0.; 0]);
}

#[test]
fn a_view_that_leaves_its_storage_is_refused() {
    let storage = [0; 24];
    for (offset, shape, strides) in [
        (0, vec![7], vec![1]),
        (1, vec![2, 3], vec![3, 1]),
        (0, vec![2], vec![usize::MAX]),
        (usize::MAX, vec![2], vec![1]),
        (0, vec![1 << 40], vec![0]),
        (0, vec![1 << 33, 1 << 33], vec![0, 0]),
    ] {
        assert!(Tensor::gather(&view(offset, &shape, &strides), &storage).is_err(), "{shape:?} {strides:?}");
    }
}
