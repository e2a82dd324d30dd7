//! TensorFlow graphs, built here with the same messages.

use std::collections::HashMap;

use prost::Message;
use xtask::convert::graphdef::{AttrValue, Dim, GraphDef, NodeDef, TensorProto, TensorShapeProto, read_constants};
use xtask::convert::mobilenet_v1;
use xtask::convert::tensors::{Tensor, Tensors};

fn constant(name: &str, dtype: i32, shape: &[i64], content: &[f32], values: &[f32]) -> NodeDef {
    let dim = shape.iter().map(|size| Dim { size: *size }).collect();
    let tensor = TensorProto {
        dtype,
        tensor_shape: Some(TensorShapeProto { dim }),
        tensor_content: content.iter().flat_map(|value| value.to_le_bytes()).collect(),
        float_val: values.to_vec(),
    };
    let attr = HashMap::from([("value".to_owned(), AttrValue { tensor: Some(tensor) })]);
    NodeDef { name: name.to_owned(), op: "Const".to_owned(), attr }
}

fn graph(node: Vec<NodeDef>) -> Vec<u8> {
    GraphDef { node }.encode_to_vec()
}

#[test]
fn constants_below_the_prefix_are_read_in_both_notations() {
    let mut other = constant("Net/op", 1, &[1], &[9.0], &[]);
    other.op = "Placeholder".to_owned();
    let bytes = graph(vec![
        constant("Net/bytes", 1, &[2, 1], &[1.5, -2.0], &[]),
        constant("Net/repeated", 1, &[3], &[], &[0.25]),
        constant("Net/scalar", 1, &[], &[], &[7.0]),
        constant("Net/integer", 3, &[1], &[], &[]),
        constant("final/bytes", 1, &[1], &[3.0], &[]),
        other,
    ]);
    let tensors = read_constants(&bytes, "Net/").unwrap();
    assert_eq!(tensors.keys().collect::<Vec<_>>(), ["bytes", "repeated", "scalar"]);
    assert_eq!(tensors["bytes"], Tensor::new(vec![2, 1], vec![1.5, -2.0]).unwrap());
    assert_eq!(tensors["repeated"].values, [0.25; 3]);
    assert_eq!(tensors["scalar"], Tensor::new(vec![], vec![7.0]).unwrap());
}

#[test]
fn wrong_sizes_and_truncated_graphs_are_refused() {
    let short = graph(vec![constant("Net/w", 1, &[4], &[1.0], &[])]);
    assert!(format!("{:#}", read_constants(&short, "Net/").unwrap_err()).contains("Net/w"));
    assert!(read_constants(&graph(vec![constant("Net/w", 1, &[-1], &[], &[1.0])]), "Net/").is_err());
    assert!(read_constants(&graph(vec![constant("Net/w", 1, &[1 << 40], &[], &[1.0])]), "Net/").is_err());
    assert!(read_constants(&short[..short.len() - 3], "Net/").is_err());
}

#[test]
fn mobilenet_v1_says_which_constant_is_missing() {
    let error = mobilenet_v1::convert(&Tensors::new()).unwrap_err().to_string();
    assert!(error.contains("Conv2d_0/weights"), "{error}");
}

/// Height 1, width 2, 3 input and 2 output channels, as TensorFlow lays them out.
#[test]
fn hwio_becomes_oihw() {
    let hwio = Tensor::new(vec![1, 2, 3, 2], (0..12).map(|i| i as f32).collect()).unwrap();
    let oihw = hwio.permute(&[3, 2, 0, 1]).unwrap();
    assert_eq!(oihw.shape, [2, 3, 1, 2]);
    assert_eq!(oihw.values, [0., 6., 2., 8., 4., 10., 1., 7., 3., 9., 5., 11.]);
    assert!(hwio.permute(&[0, 1, 2, 2]).is_err());
}
