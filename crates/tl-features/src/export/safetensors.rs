//! Two tensors, with classes and paths in the metadata.

use std::{
    io::{self, Write},
    path::Path,
};

use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use tl_torch::write_safetensors_header;

use super::{Failure, FeatureTable, PARTED, floats, shard_of, shard_text, write_floats};

/// Version of what the metadata holds.
const FORMAT: &str = "1";

/// Equal tables give equal bytes.
pub(super) fn write(table: &FeatureTable, out: &mut dyn Write) -> io::Result<()> {
    let classes = table.classes();
    let mut metadata = json!({
        "format": FORMAT,
        "classes": serde_json::to_string(&classes)?,
        "paths": serde_json::to_string(&table.paths)?,
        "network": table.network,
    });
    if let Some(shard) = table.shard {
        metadata["shard"] = shard_text(shard).into();
        metadata[PARTED] = table.parted.as_str().into();
    }
    let n = table.len();
    let tensors: [(_, _, &[usize]); 2] = [("labels", Dtype::I64, &[n]), ("features", Dtype::F32, &[n, table.width])];
    write_safetensors_header(&metadata, tensors, out)?;
    for label in &table.labels {
        let position = classes.binary_search(&label.as_str()).map_or(-1, |position| position as i64);
        out.write_all(&position.to_le_bytes())?;
    }
    write_floats(&table.rows, out)
}

pub(super) fn read(path: &Path) -> Result<FeatureTable, Failure> {
    let bytes = fs_err::read(path)?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
    let text = metadata.metadata().as_ref().ok_or("it has no metadata")?;
    let list = |key: &str| -> Result<Vec<String>, Failure> {
        let found = text.get(key).ok_or_else(|| format!("its metadata has no `{key}`"))?;
        Ok(serde_json::from_str(found)?)
    };
    let (paths, classes) = (list("paths")?, list("classes")?);
    let tensors = SafeTensors::deserialize(&bytes)?;
    let (features, labels) = (tensors.tensor("features")?, tensors.tensor("labels")?);
    let &[_, width] = features.shape() else { return Err("its features are no table".into()) };
    if (features.dtype(), labels.dtype()) != (Dtype::F32, Dtype::I64) {
        return Err("its features are not f32, or its labels not i64".into());
    }
    let position = |b: &[u8]| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    let label = |position: i64| usize::try_from(position).ok().and_then(|i| classes.get(i)).cloned();
    let labels = labels.data().chunks_exact(8).map(|b| label(position(b)).unwrap_or_default()).collect();
    let network = text.get("network").cloned().unwrap_or_default();
    let shard = text.get("shard").map(|shard| shard_of(shard)).transpose()?;
    let parted = text.get(PARTED).cloned().unwrap_or_default();
    Ok(FeatureTable { paths, labels, width, rows: floats(features.data()), network, shard, parted })
}
