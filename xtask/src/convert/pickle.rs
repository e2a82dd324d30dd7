//! A pickle reader that cannot run code, because it has no code to run.
//!
//! A pickle is a program for a stack machine that may import and call anything. State dicts need a small part of
//! it: plain values, dictionaries, and two functions of torch. Those are built in here by name, every other name is
//! refused, and an opcode that is not listed is refused too.

mod machine;

use anyhow::Result;

use machine::evaluate;

/// A place among the values that a pickle has made. Places instead of copies, because a pickle may change a
/// dictionary after it has memoised it.
pub type Place = usize;

/// A value that a pickle of a state dict can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer; 128 bits, because torch's magic number needs 80.
    Int(i128),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// A tuple.
    Tuple(Vec<Place>),
    /// A list.
    List(Vec<Place>),
    /// A dictionary, ordered or not, as its pairs.
    Dict(Vec<(Place, Place)>),
    /// One of the few known names.
    Name(Name),
    /// A storage that lives outside of the pickle.
    Storage(Storage),
    /// A view of a storage.
    Tensor(TensorView),
}

/// The only names that a pickle may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.FloatStorage` and its siblings.
    StorageOf(Kind),
}

/// The element type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit float.
    F32,
    /// 64-bit integer.
    I64,
}

impl Kind {
    /// Bytes of one element.
    #[must_use]
    pub fn n_bytes(self) -> usize {
        match self {
            Kind::F32 => 4,
            Kind::I64 => 8,
        }
    }
}

/// A storage as a pickle names it: `('storage', FloatStorage, key, location, numel)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Element type.
    pub kind: Kind,
    /// The name under which the file holds the bytes.
    pub key: String,
    /// Number of elements.
    pub len: usize,
}

/// A tensor as a pickle describes it: a window on a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorView {
    /// The storage it looks at.
    pub storage: Storage,
    /// First element.
    pub offset: usize,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Steps of the dimensions, in elements.
    pub strides: Vec<usize>,
}

/// What one pickle evaluated to.
#[derive(Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Place,
}

impl Pickle {
    /// Evaluates the pickle at the start of `bytes` and returns it with the number of bytes it took.
    ///
    /// # Errors
    /// A pickle that is cut off, or that names or does what no state dict does.
    pub fn read(bytes: &[u8]) -> Result<(Pickle, usize)> {
        let (values, root, n_bytes) = evaluate(bytes)?;
        Ok((Pickle { values, root }, n_bytes))
    }

    /// The value that the pickle stands for.
    #[must_use]
    pub fn root(&self) -> &Value {
        &self.values[self.root]
    }

    /// The value at a place.
    #[must_use]
    pub fn at(&self, place: Place) -> &Value {
        &self.values[place]
    }

    /// The value of a text key of a dictionary.
    #[must_use]
    pub fn get(&self, dict: &Value, key: &str) -> Option<&Value> {
        let Value::Dict(pairs) = dict else { return None };
        let found = pairs.iter().rev().find(|(k, _)| matches!(self.at(*k), Value::Text(text) if text == key));
        found.map(|(_, value)| self.at(*value))
    }
}
