//! The stack machine that a pickle is a program for, with the opcodes that state dicts need and no other.

mod reading;
mod stack;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::{Kind, Name, Place, Storage, TensorView, Value};

/// Evaluates the pickle at the start of `bytes`: its values, which of them it stands for, and its number of bytes.
pub(super) fn evaluate(bytes: &[u8]) -> Result<(Vec<Value>, Place, usize)> {
    let mut machine = Machine { bytes, ..Machine::default() };
    let root = machine.run().with_context(|| {
        let at = machine.position;
        format!("the pickle cannot be read at byte {at}")
    })?;
    Ok((machine.values, root, machine.position))
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    values: Vec<Value>,
    stack: Vec<Place>,
    marks: Vec<usize>,
    memo: BTreeMap<u64, Place>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Place> {
        loop {
            let [opcode] = self.take()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        if let Some(value) = self.value(opcode)? {
            self.push(value);
            return Ok(());
        }
        match opcode {
            0x80 => self.protocol(),
            0x95 => self.take::<8>().map(drop),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b's' | b'u' => self.set_items(opcode),
            b'a' | b'e' => self.append(opcode),
            b'q' | b'r' | 0x94 => self.memoise(opcode),
            b'h' | b'j' => self.recall(opcode),
            b'b' => self.build(),
            _ => bail!("opcode 0x{opcode:02x} is not one that weights need: refused"),
        }
    }

    /// The value that an opcode makes, if it is one that makes a value.
    fn value(&mut self, opcode: u8) -> Result<Option<Value>> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' | b'K' | b'M' | 0x8a => self.integer(opcode)?,
            b'G' => Value::Float(f64::from_be_bytes(self.take()?)),
            b'X' | b'T' | 0x8c | b'U' => self.text(opcode)?,
            b'}' => Value::Dict(Vec::new()),
            b']' => Value::List(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.pop_to_mark()?),
            0x85..=0x87 => Value::Tuple(self.pop_n(usize::from(opcode - 0x84))?),
            b'c' | 0x93 => self.global(opcode)?,
            b'Q' => self.persistent()?,
            b'R' => self.reduce()?,
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn protocol(&mut self) -> Result<()> {
        let [version] = self.take()?;
        ensure!((2..=5).contains(&version), "pickle protocol {version} is not known");
        Ok(())
    }

    fn integer(&mut self, opcode: u8) -> Result<Value> {
        let value = match opcode {
            b'J' => i128::from(i32::from_le_bytes(self.take()?)),
            b'K' => i128::from(u8::from_le_bytes(self.take()?)),
            b'M' => i128::from(u16::from_le_bytes(self.take()?)),
            _ => {
                let [n] = self.take()?;
                long(self.slice(usize::from(n))?)?
            }
        };
        Ok(Value::Int(value))
    }

    fn text(&mut self, opcode: u8) -> Result<Value> {
        let n = match opcode {
            b'X' | b'T' => u32::from_le_bytes(self.take()?) as usize,
            _ => usize::from(u8::from_le_bytes(self.take()?)),
        };
        let text = std::str::from_utf8(self.slice(n)?).context("a text is not UTF-8")?;
        Ok(Value::Text(text.to_owned()))
    }

    fn set_items(&mut self, opcode: u8) -> Result<()> {
        let items = if opcode == b's' { self.pop_n(2)? } else { self.pop_to_mark()? };
        ensure!(items.len().is_multiple_of(2), "a dictionary has a key without a value");
        let target = self.top()?;
        let Value::Dict(pairs) = &mut self.values[target] else { bail!("items are set on what is no dictionary") };
        pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(())
    }

    fn append(&mut self, opcode: u8) -> Result<()> {
        let items = if opcode == b'a' { self.pop_n(1)? } else { self.pop_to_mark()? };
        let target = self.top()?;
        let Value::List(list) = &mut self.values[target] else { bail!("an item is appended to what is no list") };
        list.extend(items);
        Ok(())
    }

    fn memoise(&mut self, opcode: u8) -> Result<()> {
        let key = match opcode {
            b'q' => u64::from(u8::from_le_bytes(self.take()?)),
            b'r' => u64::from(u32::from_le_bytes(self.take()?)),
            _ => self.memo.len() as u64,
        };
        let place = self.top()?;
        self.memo.insert(key, place);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<()> {
        let key = match opcode {
            b'h' => u64::from(u8::from_le_bytes(self.take()?)),
            _ => u64::from(u32::from_le_bytes(self.take()?)),
        };
        let place = *self.memo.get(&key).context("a memo is read before it is written")?;
        self.stack.push(place);
        Ok(())
    }

    fn global(&mut self, opcode: u8) -> Result<Value> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let parts = self.pop_n(2)?;
            (self.text_at(parts[0])?, self.text_at(parts[1])?)
        };
        Ok(Value::Name(known_name(&module, &name)?))
    }

    fn persistent(&mut self) -> Result<Value> {
        let id = self.pop()?;
        let parts = self.tuple_at(id)?;
        ensure!(parts.len() >= 5 && self.text_at(parts[0])? == "storage", "a persistent id is no storage");
        ensure!(parts.get(5).is_none_or(|p| self.values[*p] == Value::None), "views of storages are not read");
        let Value::Name(Name::StorageOf(kind)) = self.values[parts[1]] else { bail!("a storage has no type") };
        let storage = Storage { kind, key: self.text_at(parts[2])?, len: self.usize_at(parts[4])? };
        Ok(Value::Storage(storage))
    }

    fn reduce(&mut self) -> Result<Value> {
        let call = self.pop_n(2)?;
        let arguments = self.tuple_at(call[1])?;
        let made = match (&self.values[call[0]], arguments.as_slice()) {
            (Value::Name(Name::OrderedDict), []) => Value::Dict(Vec::new()),
            (Value::Name(Name::RebuildTensor), [storage, offset, shape, strides, ..]) => {
                self.tensor([*storage, *offset, *shape, *strides])?
            }
            (Value::Name(Name::RebuildParameter), [tensor, ..]) => self.values[*tensor].clone(),
            (Value::Name(name), _) => bail!("{name:?} is called with arguments that it does not have"),
            _ => bail!("a call of what is no known function: refused"),
        };
        Ok(made)
    }

    fn tensor(&self, [storage, offset, shape, strides]: [Place; 4]) -> Result<Value> {
        let Value::Storage(storage) = &self.values[storage] else { bail!("a tensor has no storage") };
        let view = TensorView {
            storage: storage.clone(),
            offset: self.usize_at(offset)?,
            shape: self.usizes_at(shape)?,
            strides: self.usizes_at(strides)?,
        };
        ensure!(view.shape.len() == view.strides.len(), "a tensor has more sizes than strides, or fewer");
        Ok(Value::Tensor(view))
    }

    /// Torch hangs `_metadata` on its dictionaries; it is dropped, and nothing else can be given a state.
    fn build(&mut self) -> Result<()> {
        self.pop()?;
        let target = self.top()?;
        ensure!(matches!(self.values[target], Value::Dict(_)), "a state is set on what is no dictionary: refused");
        Ok(())
    }
}

fn known_name(module: &str, name: &str) -> Result<Name> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Name::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Name::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Name::RebuildParameter,
        ("torch", "FloatStorage") => Name::StorageOf(Kind::F32),
        ("torch", "LongStorage") => Name::StorageOf(Kind::I64),
        _ => bail!("it asks for {module}.{name}, which weights do not need: refused"),
    })
}

/// A little-endian two's complement integer of up to 16 bytes.
fn long(bytes: &[u8]) -> Result<i128> {
    ensure!(bytes.len() <= 16, "an integer of {} bytes is too large", bytes.len());
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    wide[..bytes.len()].copy_from_slice(bytes);
    Ok(i128::from_le_bytes(wide))
}
