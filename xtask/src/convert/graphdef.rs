//! The constants of a TensorFlow graph, read with the few protobuf messages that hold them.
//!
//! The field numbers are those of TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto`, `tensor.proto`
//! and `tensor_shape.proto`; fields that are not needed are left out, as protobuf allows.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use prost::Message;

use super::tensors::{Tensor, Tensors, floats};

const DT_FLOAT: i32 = 1;

/// `tensorflow.GraphDef`.
#[derive(Clone, PartialEq, Message)]
pub struct GraphDef {
    /// The operations of the graph.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeDef>,
}

/// `tensorflow.NodeDef`.
#[derive(Clone, PartialEq, Message)]
pub struct NodeDef {
    /// The unique name, with slashes.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The operation, such as `Const`.
    #[prost(string, tag = "2")]
    pub op: String,
    /// The settings of the operation.
    #[prost(map = "string, message", tag = "5")]
    pub attr: HashMap<String, AttrValue>,
}

/// `tensorflow.AttrValue`, of which only tensors matter.
#[derive(Clone, PartialEq, Message)]
pub struct AttrValue {
    /// The value of a constant.
    #[prost(message, optional, tag = "8")]
    pub tensor: Option<TensorProto>,
}

/// `tensorflow.TensorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// The element type; 1 is float32.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// The sizes of the dimensions.
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<TensorShapeProto>,
    /// The elements as little-endian bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub tensor_content: Vec<u8>,
    /// The elements of a small tensor; the last one is repeated until the shape is full.
    #[prost(float, repeated, tag = "5")]
    pub float_val: Vec<f32>,
}

/// `tensorflow.TensorShapeProto`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// One entry per dimension.
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dim>,
}

/// `tensorflow.TensorShapeProto.Dim`.
#[derive(Clone, PartialEq, Message)]
pub struct Dim {
    /// The size.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// The float32 constants of the graph whose names start with `prefix`, without the prefix.
///
/// # Errors
/// Bytes that are no graph, or a constant whose values do not fit its shape.
pub fn read_constants(bytes: &[u8], prefix: &str) -> Result<Tensors> {
    let graph = GraphDef::decode(bytes).context("this is no TensorFlow graph, or it is truncated")?;
    let mut tensors = Tensors::new();
    for node in &graph.node {
        let (Some(name), "Const") = (node.name.strip_prefix(prefix), node.op.as_str()) else { continue };
        let Some(proto) = node.attr.get("value").and_then(|value| value.tensor.as_ref()) else { continue };
        if proto.dtype == DT_FLOAT {
            let tensor = read_tensor(proto).with_context(|| format!("{} cannot be read", node.name))?;
            tensors.insert(name.to_owned(), tensor);
        }
    }
    Ok(tensors)
}

fn read_tensor(proto: &TensorProto) -> Result<Tensor> {
    let dims = proto.tensor_shape.iter().flat_map(|shape| &shape.dim);
    let shape =
        dims.map(|dim| usize::try_from(dim.size)).collect::<Result<Vec<_>, _>>().context("a size is negative")?;
    if !proto.tensor_content.is_empty() {
        return Tensor::new(shape, floats(&proto.tensor_content)?);
    }
    let n = shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size)).context("the shape is too large")?;
    ensure!(!proto.float_val.is_empty() && proto.float_val.len() <= n, "{} values for {n}", proto.float_val.len());
    ensure!(proto.float_val.len() == n || n < 1 << 16, "a repeated value of {n} elements is too large to be true");
    let mut values = proto.float_val.clone();
    values.resize(n, proto.float_val[proto.float_val.len() - 1]);
    Tensor::new(shape, values)
}
