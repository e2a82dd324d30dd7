//! State dicts of torch in both of its file formats: the zip (since 1.6) and the row of pickles before it.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use anyhow::{Context, Result, bail, ensure};
use zip::ZipArchive;

use super::pickle::{Kind, Pickle, TensorView, Value};
use super::tensors::{Tensor, Tensors};

const LEGACY_MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const LEGACY_PROTOCOL: i128 = 1001;

/// The float tensors of the state dict in `bytes`, under their own names.
///
/// `num_batches_tracked` is left out: it counts training steps and no network here needs it.
/// A dictionary under `state_dict`, as training scripts save it, is read as well.
///
/// # Errors
/// A file that is of neither format, damaged, or holds anything but named float32 tensors.
pub fn read_state_dict(bytes: &[u8]) -> Result<Tensors> {
    if bytes.starts_with(b"PK") { read_zip(bytes) } else { read_legacy(bytes) }
}

fn read_zip(bytes: &[u8]) -> Result<Tensors> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).context("the zip of the weights cannot be read")?;
    let index = (0..archive.len()).find(|i| {
        let name = archive.name_for_index(*i).and_then(Result::ok);
        name.is_some_and(|name| name.ends_with("/data.pkl"))
    });
    let index = index.context("the zip holds no data.pkl: it is no file of torch")?;
    let mut program = Vec::new();
    let mut member = archive.by_index(index)?;
    let folder = member.name()?.trim_end_matches("data.pkl").to_owned();
    member.read_to_end(&mut program)?;
    drop(member);
    let (pickle, _) = Pickle::read(&program)?;
    gather(&pickle, |key, len| {
        let mut member = archive.by_name(&format!("{folder}data/{key}"))?;
        ensure!(member.size() == len as u64, "storage {key} has {} bytes, not {len}", member.size());
        // Grown as it is read: the file's own word on its size is no reason to ask for that much memory.
        let mut storage = Vec::new();
        member.read_to_end(&mut storage)?;
        ensure!(storage.len() == len, "storage {key} has {} bytes, not {len}", storage.len());
        Ok(storage)
    })
}

/// Magic number, protocol version, system facts, the object, the storage keys: five pickles. Then each storage as an
/// element count and its bytes.
fn read_legacy(bytes: &[u8]) -> Result<Tensors> {
    let mut rest = bytes;
    let mut next = || -> Result<Pickle> {
        let (pickle, n) = Pickle::read(rest)?;
        rest = &rest[n..];
        Ok(pickle)
    };
    let magic = next().context("this is neither of torch's two formats")?;
    ensure!(*magic.root() == Value::Int(LEGACY_MAGIC), "this is neither of torch's two formats");
    let protocol = next()?;
    ensure!(*protocol.root() == Value::Int(LEGACY_PROTOCOL), "this legacy protocol is not known");
    next()?;
    let (object, keys) = (next()?, next()?);
    let kinds = storage_kinds(&object)?;
    let mut storages = BTreeMap::new();
    let Value::List(places) = keys.root() else { bail!("the list of storages is missing") };
    for place in places {
        let Value::Text(key) = keys.at(*place) else { bail!("a storage key is no text") };
        let kind = kinds.get(key.as_str()).with_context(|| format!("storage {key} belongs to no tensor"))?;
        storages.insert(key.as_str(), cut_storage(&mut rest, *kind)?);
    }
    gather(&object, |key, len| {
        let storage = storages.get(key).with_context(|| format!("storage {key} is missing"))?;
        ensure!(storage.len() == len, "storage {key} has {} bytes, not {len}", storage.len());
        Ok(storage.to_vec())
    })
}

fn cut_storage<'a>(rest: &mut &'a [u8], kind: Kind) -> Result<&'a [u8]> {
    let truncated = "the storages end too early: the file is truncated";
    let (count, after) = rest.split_first_chunk::<8>().context(truncated)?;
    let n_bytes = usize::try_from(u64::from_le_bytes(*count))?.checked_mul(kind.n_bytes()).context(truncated)?;
    let (storage, after) = after.split_at_checked(n_bytes).context(truncated)?;
    *rest = after;
    Ok(storage)
}

fn storage_kinds(pickle: &Pickle) -> Result<BTreeMap<&str, Kind>> {
    let views = tensor_views(pickle)?.into_iter();
    Ok(views.map(|(_, view)| (view.storage.key.as_str(), view.storage.kind)).collect())
}

fn gather(pickle: &Pickle, mut load: impl FnMut(&str, usize) -> Result<Vec<u8>>) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    for (name, view) in tensor_views(pickle)? {
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        ensure!(view.storage.kind == Kind::F32, "{name} is not float32");
        let n_bytes = view.storage.len.checked_mul(view.storage.kind.n_bytes()).context("a storage is too large")?;
        let storage = load(&view.storage.key, n_bytes).with_context(|| format!("{name} cannot be read"))?;
        let tensor = Tensor::gather(view, &storage).with_context(|| format!("{name} cannot be read"))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

fn tensor_views(pickle: &Pickle) -> Result<Vec<(&str, &TensorView)>> {
    let dict = pickle.get(pickle.root(), "state_dict").unwrap_or_else(|| pickle.root());
    let Value::Dict(pairs) = dict else { bail!("the pickle holds no dictionary of tensors") };
    pairs
        .iter()
        .map(|(key, value)| match (pickle.at(*key), pickle.at(*value)) {
            (Value::Text(name), Value::Tensor(view)) => Ok((name.as_str(), view)),
            (key, _) => bail!("the entry {key:?} is no named tensor"),
        })
        .collect()
}
