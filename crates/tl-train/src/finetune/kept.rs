//! What the frozen blocks make of the training photos: computed once, where it is the same in every epoch.

use std::sync::OnceLock;

use tch::{Kind, Tensor};
use tl_backbone::LayerInfo;
use tl_torch::{tensor_from_u8, to_vec_u8};

use crate::{error::TrainError, memory::available_bytes, plan::Plan};

/// Part of the free memory that is used where the settings name no number.
const SHARE: u64 = 4;

/// Activations `[H, W, C]` of the photos, in the numbers that the trained blocks compute in. Workers fill it in the
/// first epoch; from the next one on no photo is decoded.
#[derive(Debug)]
pub(crate) struct Kept {
    kind: Kind,
    rows: Vec<OnceLock<Row>>,
}

/// The activations of one photo.
#[derive(Debug)]
struct Row {
    shape: [i64; 3],
    bytes: Box<[u8]>,
}

impl Kept {
    /// Room for `n_photos` before the block `first_trained`. None where photos come up changed, where nothing is
    /// frozen, or where not all of them fit into memory.
    pub(crate) fn new(plan: &Plan, layers: &[LayerInfo], first_trained: usize, n_photos: usize) -> Option<Self> {
        let options = plan.options();
        let is_same = plan.augment().is_none() && options.mixup == 0.0 && options.cutmix == 0.0;
        let before = layers.iter().rev().find(|layer| layer.block < first_trained).filter(|_| is_same)?;
        let room = options.frozen_memory_bytes.unwrap_or_else(|| available_bytes() / SHARE);
        let kind = plan.tuning_precision().kind();
        let fits = n_photos as u64 * photo_bytes(plan, before, kind) <= room;
        fits.then(|| Self { kind, rows: (0..n_photos).map(|_| OnceLock::new()).collect() })
    }

    /// Whether all photos are known.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.get().is_some())
    }

    /// Bytes in use.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.rows.iter().filter_map(OnceLock::get).map(|row| row.bytes.len() as u64).sum()
    }

    /// Takes in the activations `[n, C, H, W]` of the photos at `places`.
    pub(crate) fn put(&self, places: &[usize], activations: &Tensor) -> Result<(), TrainError> {
        let rows = activations.f_to_kind(self.kind)?.f_permute([0, 2, 3, 1])?.f_contiguous()?;
        let (_, height, width, channels) = rows.size4()?;
        let bytes = to_vec_u8(&rows.f_view_dtype(Kind::Uint8)?)?;
        for (place, bytes) in places.iter().zip(bytes.chunks_exact(bytes.len() / places.len())) {
            // A photo that comes up twice in an epoch has the same activations.
            let _ =
                self.rows[place % self.rows.len()].set(Row { shape: [height, width, channels], bytes: bytes.into() });
        }
        Ok(())
    }

    /// The activations `[n, C, H, W]` of the photos at `places`, channels-last; none where one is not known.
    pub(crate) fn get(&self, places: &[usize]) -> Result<Option<Tensor>, TrainError> {
        let rows = places.iter().map(|place| self.rows[place % self.rows.len()].get());
        let Some(rows) = rows.collect::<Option<Vec<&Row>>>() else { return Ok(None) };
        let Some([height, width, channels]) = rows.first().map(|row| row.shape) else { return Ok(None) };
        let bytes = rows.iter().map(|row| &row.bytes[..]).collect::<Vec<_>>().concat();
        let size = self.kind.elt_size_in_bytes() as i64;
        let rows = tensor_from_u8(&bytes, &[places.len() as i64, height, width, channels * size])?;
        Ok(Some(rows.f_view_dtype(self.kind)?.f_permute([0, 3, 1, 2])?))
    }
}

/// What the output of a layer takes, near enough where pictures have another side than the weights' own.
fn photo_bytes(plan: &Plan, layer: &LayerInfo, kind: Kind) -> u64 {
    let (channels, side) = layer.output;
    let (own, asked) = (plan.spec().preprocessing.geometry.side, plan.preprocessing().geometry.side);
    let side = (side * asked as usize).div_ceil(own as usize);
    (channels * side * side * kind.elt_size_in_bytes()) as u64
}
