//! A whole network: its layers' kernels, their activations, and the order in which rows are computed.

use crate::{
    KernelError, Layer, NetworkOptions, Numbers,
    error::check_size,
    layer::Kind,
    schedule::{Band, Extent, Schedule},
    x86::{
        avx2::Avx2,
        avx512::Avx512,
        depthwise::Depthwise,
        excite::Excite,
        lines::LANES,
        map::{Map, Shape},
        pointwise::Pointwise,
        processor::Processor,
        registers::Registers,
        rounding::Rounding,
        stem::Stem,
    },
};

/// Layers with packed weights, and room for their activations. For one thread at a time.
pub struct Network {
    processor: Processor,
    side: usize,
    n_features: usize,
    kernels: Vec<Kernel>,
    /// The layer whose activations each one adds.
    residuals: Vec<Option<usize>>,
    bands: Vec<Band>,
    /// The map of each layer.
    places: Vec<usize>,
    maps: Vec<Map>,
}

impl std::fmt::Debug for Network {
    /// Without the millions of weights.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { side, n_features, kernels, .. } = self;
        let n_layers = kernels.len();
        let mut network = f.debug_struct("Network");
        network.field("side", side).field("n_layers", &n_layers).field("n_features", n_features);
        network.finish_non_exhaustive()
    }
}

enum Kernel {
    Stem(Stem),
    Depthwise(Depthwise),
    Pointwise(Pointwise),
    Excite(Excite),
}

impl Network {
    /// Packs the weights of these layers.
    pub fn new(layers: &[Layer], options: &NetworkOptions) -> Result<Self, KernelError> {
        let processor = Processor::new(options.instructions, options.numbers)?;
        match processor {
            Processor::Avx2(_) => Self::packed::<Avx2>(processor, layers, options),
            Processor::Avx512(_) => Self::packed::<Avx512>(processor, layers, options),
        }
    }

    fn packed<R: Registers>(
        processor: Processor,
        layers: &[Layer],
        options: &NetworkOptions,
    ) -> Result<Self, KernelError> {
        let extents = extents(layers, options)?;
        let Schedule { bands, n_kept } = Schedule::new(&extents);
        let shape = |i| shape::<R>(layers, &extents, i, n_kept[i], options);
        let shapes: Vec<Shape> = (0..layers.len()).map(shape).collect();
        let kernels = (0..layers.len()).map(|i| Kernel::new::<R>(layers, i, &extents, &shapes, options)).collect();
        let (places, maps) = shared_maps(&shapes, &extents, &bands);
        let n_features = layers.last().map_or(0, Layer::n_out);
        let residuals = extents.iter().map(|extent| extent.residual).collect();
        Ok(Self { processor, side: options.side, n_features, kernels, residuals, bands, places, maps })
    }

    /// How many features a photo has: the last layer's channels.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Rows, columns and channels of the last layer.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let side = self.last().map_or(0, |last| last.shape.side);
        [side, side, self.n_features]
    }

    /// The last layer's means over all pixels `[n_features]` of a photo `[side, side, 3]`, R, G, B.
    pub fn features(&mut self, photo: &[u8], features: &mut [f32]) -> Result<(), KernelError> {
        check_size("the features", self.n_features, features.len())?;
        self.run(photo)?;
        if let Some(last) = self.last() {
            last.means(features);
        }
        Ok(())
    }

    /// The last layer itself, `[rows, columns, channels]`.
    pub fn activations(&mut self, photo: &[u8], activations: &mut [f32]) -> Result<(), KernelError> {
        check_size("the activations", self.shape().iter().product(), activations.len())?;
        self.run(photo)?;
        if let Some(last) = self.last() {
            last.copy_to(activations, self.n_features);
        }
        Ok(())
    }

    fn run(&mut self, photo: &[u8]) -> Result<(), KernelError> {
        check_size("a photo", self.side * self.side * 3, photo.len())?;
        match self.processor {
            Processor::Avx2(r) => self.run_bands(r, photo),
            Processor::Avx512(r) => self.run_bands(r, photo),
        }
        Ok(())
    }

    fn run_bands<R: Registers>(&mut self, r: R, photo: &[u8]) {
        for &Band { layer, start, end } in &self.bands {
            let mut y = std::mem::take(&mut self.maps[self.places[layer]]);
            let x = layer.checked_sub(1).map(|before| &self.maps[self.places[before]]);
            match (&mut self.kernels[layer], x) {
                (Kernel::Depthwise(kernel), Some(x)) => kernel.run(r, x, &mut y, start, end),
                (Kernel::Pointwise(kernel), Some(x)) => {
                    let residual = self.residuals[layer].map(|layer| &self.maps[self.places[layer]]);
                    kernel.run(r, x, residual, &mut y, start, end);
                }
                (Kernel::Excite(kernel), Some(x)) => kernel.run(r, x, &mut y),
                (Kernel::Stem(kernel), _) => kernel.run(r, photo, &mut y, start, end),
                // The first layer is a stem, and no other is one.
                (_, None) => {}
            }
            self.maps[self.places[layer]] = y;
        }
    }

    fn last(&self) -> Option<&Map> {
        self.places.last().map(|&place| &self.maps[place])
    }
}

impl Kernel {
    fn new<R: Registers>(
        layers: &[Layer],
        i: usize,
        extents: &[Extent],
        shapes: &[Shape],
        options: &NetworkOptions,
    ) -> Self {
        let Extent { height, band, .. } = extents[i];
        let rounding = match layers.get(i + 1) {
            Some(Layer::Conv(next)) if shapes[i].numbers != Numbers::F32 => Some(Rounding::new(next, options.numbers)),
            _ => None,
        };
        match &layers[i] {
            Layer::Excite(layer) => Self::Excite(Excite::new(layer, height, rounding)),
            Layer::Conv(conv) => match conv.kind() {
                Kind::Stem => Self::Stem(Stem::new(conv, options.side, band, options.mean)),
                Kind::Depthwise => Self::Depthwise(Depthwise::new(conv, extents[i - 1].height, rounding)),
                Kind::Pointwise => {
                    Self::Pointwise(Pointwise::new::<R>(conv, options.numbers, band * height, i, shapes))
                }
            },
        }
    }
}

/// How high all layers are and what they read.
fn extents(layers: &[Layer], options: &NetworkOptions) -> Result<Vec<Extent>, KernelError> {
    if layers.is_empty() || options.side == 0 {
        return Err(KernelError::Layer { layer: 0, problem: "no layers, or photos of no pixels".to_owned() });
    }
    let (mut n_in, mut height) = (3, options.side);
    let mut extents: Vec<Extent> = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        layer.check(i == 0, n_in).map_err(|problem| KernelError::Layer { layer: i, problem })?;
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
fn shape<R: Registers>(
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
        n_together: R::n_together(numbers),
        blocks: layers[i].n_out().div_ceil(LANES),
        side: extents[i].height,
        rows: n_kept.next_multiple_of(rows),
        padding: next.map_or((0, 0), Layer::padding),
    }
}

/// The map of each layer. Layers of the same shape share one where the earlier is not read any more when the later is
/// written: what is used again soon is still in the cache.
fn shared_maps(shapes: &[Shape], extents: &[Extent], bands: &[Band]) -> (Vec<usize>, Vec<Map>) {
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
