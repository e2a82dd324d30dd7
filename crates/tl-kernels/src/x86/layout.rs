//! How a network's activations lie in memory.

use crate::{
    KernelError, Layer, NetworkOptions, Numbers,
    schedule::{Band, Extent},
    x86::{
        lines::LANES,
        map::{Map, Shape},
        registers::Registers,
    },
};

/// Photos of more pixels a side are a mistake, and their sizes would overflow.
const MAX_SIDE: usize = 1 << 14;

/// How high all layers are and what they read.
pub(crate) fn extents(layers: &[Layer], options: &NetworkOptions) -> Result<Vec<Extent>, KernelError> {
    if layers.is_empty() || !(1..=MAX_SIDE).contains(&options.side) {
        let problem = format!("no layers, or photos of {} pixels a side, which must be 1 to {MAX_SIDE}", options.side);
        return Err(KernelError::Layer { layer: 0, problem });
    }
    let (mut n_in, mut height) = (3, options.side);
    let mut extents: Vec<Extent> = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let check = layer.check(i == 0, n_in).and_then(|()| layer.check_range(options.numbers));
        check.map_err(|problem| KernelError::Layer { layer: i, problem })?;
        let extent = layer.extent(height);
        if let Some(added) = extent.residual {
            let fits = added < i && extents[added].height == extent.height && layers[added].n_out() == layer.n_out();
            if !fits {
                let problem = format!("layer {added}, which it adds, has another shape");
                return Err(KernelError::Layer { layer: i, problem });
            }
        }
        (n_in, height) = (layer.n_out(), extent.height);
        extents.push(extent);
    }
    Ok(extents)
}

/// How the activations of layer `i` lie in memory, of which `n_kept` rows are needed.
pub(crate) fn shape<R: Registers>(
    r: R,
    layers: &[Layer],
    extents: &[Extent],
    i: usize,
    n_kept: usize,
    options: &NetworkOptions,
) -> Shape {
    let next = layers.get(i + 1);
    // A band lies in one piece for the layer itself and for those that read it band by band.
    let readers = extents.iter().enumerate().filter(|(r, reader)| *r == i + 1 || reader.residual == Some(i));
    let rows = readers.fold(extents[i].band, |rows, (_, reader)| lcm(rows, reader.band));
    // Whoever computes the numbers rounds them, where nobody but a pointwise convolution reads them.
    let is_rounded = layers[i].can_round() && next.is_some_and(Layer::is_pointwise);
    let is_rounded = is_rounded && extents.iter().all(|reader| reader.residual != Some(i));
    let numbers = if is_rounded { options.numbers } else { Numbers::F32 };
    Shape {
        numbers,
        n_together: r.n_together(numbers),
        blocks_per_line: r.blocks_per_line(numbers),
        blocks: layers[i].n_out().div_ceil(LANES),
        side: extents[i].height,
        rows: n_kept.next_multiple_of(rows),
        padding: next.map_or((0, 0), Layer::padding),
    }
}

/// The map of each layer. Layers of the same shape share one where the earlier is not read any more when the later is
/// written: what is used again soon is still in the cache.
pub(crate) fn shared_maps(shapes: &[Shape], extents: &[Extent], bands: &[Band]) -> (Vec<usize>, Vec<Map>) {
    let is_used = |layer: usize, by: usize| by == layer || by == layer + 1 || extents[by].residual == Some(layer);
    let first = |layer: usize| bands.iter().position(|band| band.layer == layer);
    let last = |layer: usize| bands.iter().rposition(|band| is_used(layer, band.layer));
    let mut owners: Vec<usize> = Vec::new();
    let mut places = Vec::with_capacity(shapes.len());
    for layer in 0..shapes.len() {
        let free = |owner: usize| shapes[owner] == shapes[layer] && last(owner) < first(layer);
        let place = owners.iter().position(|&owner| free(owner)).unwrap_or_else(|| {
            owners.push(layer);
            owners.len() - 1
        });
        owners[place] = layer;
        places.push(place);
    }
    (places, owners.iter().map(|&owner| Map::new(shapes[owner])).collect())
}

/// The least common multiple.
fn lcm(a: usize, b: usize) -> usize {
    let (mut gcd, mut rest) = (a, b);
    while rest > 0 {
        (gcd, rest) = (rest, gcd % rest);
    }
    a / gcd * b
}
