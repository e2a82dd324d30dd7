//! A whole network: its layers' kernels, their activations, and the order in which rows are computed.

use std::iter::zip;

use crate::{
    KernelError, Layer, NetworkOptions, Numbers,
    error::check_size,
    layer::Kind,
    schedule::{Band, Extent, Schedule},
    x86::{
        depthwise::Depthwise,
        excite::Excite,
        layout::{extents, last_alone, shape, shared_maps},
        map::{Map, Shape},
        pointwise::Pointwise,
        processor::Processor,
        registers::Registers,
        rounding::Rounding,
        stem::Stem,
    },
};

/// Photos that go through the last layers together. Those have small maps and most of the weights, more than a core's own
/// cache holds, which are then fetched once for all of them.
const TOGETHER: usize = 4;

/// Layers with packed weights, and room for their activations. For one thread at a time.
pub struct Network {
    processor: Processor,
    side: usize,
    n_features: usize,
    kernels: Vec<Kernel>,
    /// The layer whose activations each one adds.
    residuals: Vec<Option<usize>>,
    bands: Vec<Band>,
    /// The last layer that is computed for a photo alone.
    last_alone: usize,
    /// The map of each layer.
    places: Vec<usize>,
    shapes: Vec<Shape>,
    /// Maps for each of the photos that are together. Up to the last layer alone, those of the first serve for all.
    maps: Vec<Vec<Map>>,
    /// Where maps are while they are written.
    written: Vec<Map>,
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
            Processor::Avx2(r) => Self::packed(r, processor, layers, options),
            Processor::Avx512(r) => Self::packed(r, processor, layers, options),
        }
    }

    fn packed<R: Registers>(
        r: R,
        processor: Processor,
        layers: &[Layer],
        options: &NetworkOptions,
    ) -> Result<Self, KernelError> {
        let extents = extents(layers, options)?;
        let Schedule { bands, n_kept } = Schedule::new(&extents);
        let shape = |i| shape(r, layers, &extents, i, n_kept[i], options);
        let shapes: Vec<Shape> = (0..layers.len()).map(shape).collect();
        let kernels = (0..layers.len()).map(|i| Kernel::new(r, layers, i, &extents, &shapes, options)).collect();
        let last_alone = last_alone(&extents);
        let (places, shapes) = shared_maps(&shapes, &extents, &bands, last_alone);
        let n_features = layers.last().map_or(0, Layer::n_out);
        let residuals = extents.iter().map(|extent| extent.residual).collect();
        let maps = vec![shapes.iter().copied().map(Map::new).collect()];
        let (side, written) = (options.side, Vec::new());
        Ok(Self { processor, side, n_features, kernels, residuals, bands, last_alone, places, shapes, maps, written })
    }

    /// How many features a photo has: the last layer's channels.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Rows, columns and channels of the last layer.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let side = self.last().map_or(0, |last| last.side);
        [side, side, self.n_features]
    }

    /// The last layer's means over all pixels `[n, n_features]` of photos `[n, side, side, 3]`, R, G, B.
    pub fn features(&mut self, photos: &[u8], features: &mut [f32]) -> Result<(), KernelError> {
        let width = self.n_features;
        check_size("the features", self.n_photos(photos)? * width, features.len())?;
        let mut features = features.chunks_exact_mut(width);
        self.run(photos, |last| last.means(features.next().unwrap_or_default()));
        Ok(())
    }

    /// The last layer itself, `[n, rows, columns, channels]`.
    pub fn activations(&mut self, photos: &[u8], activations: &mut [f32]) -> Result<(), KernelError> {
        let (width, n_features) = (self.shape().iter().product(), self.n_features);
        check_size("the activations", self.n_photos(photos)? * width, activations.len())?;
        let mut activations = activations.chunks_exact_mut(width);
        self.run(photos, |last| last.copy_to(activations.next().unwrap_or_default(), n_features));
        Ok(())
    }

    fn n_photos(&self, photos: &[u8]) -> Result<usize, KernelError> {
        let n = photos.len().div_ceil(self.photo_len()).max(1);
        check_size("photos", n * self.photo_len(), photos.len())?;
        Ok(n)
    }

    fn photo_len(&self) -> usize {
        self.side * self.side * 3
    }

    /// Gives `take` the last layer of each photo.
    fn run(&mut self, photos: &[u8], mut take: impl FnMut(&Map)) {
        for photos in photos.chunks(TOGETHER * self.photo_len()) {
            match self.processor {
                Processor::Avx2(r) => self.run_bands(r, photos),
                Processor::Avx512(r) => self.run_bands(r, photos),
            }
            let n = photos.len() / self.photo_len();
            self.maps[..n].iter().filter_map(|maps| maps.get(*self.places.last()?)).for_each(&mut take);
        }
    }

    fn run_bands<R: Registers>(&mut self, r: R, photos: &[u8]) {
        let (n, last_alone) = (photos.len() / self.photo_len(), self.last_alone);
        self.make_room(n);
        let n_alone = self.bands.partition_point(|band| band.layer <= last_alone);
        // The first photo last, since its maps are those that all others use before.
        for (i, photo) in photos.chunks_exact(self.photo_len()).enumerate().rev() {
            for band in 0..n_alone {
                self.run_band(r, self.bands[band], photo, 1);
            }
            if let (place, [first, others @ ..]) = (self.places[last_alone], &mut self.maps[..])
                && i > 0
            {
                std::mem::swap(&mut first[place], &mut others[i - 1][place]);
            }
        }
        for band in n_alone..self.bands.len() {
            self.run_band(r, self.bands[band], &[], n);
        }
    }

    /// Maps for `n` photos.
    fn make_room(&mut self, n: usize) {
        let is_own = |place: usize| (self.last_alone..self.places.len()).any(|layer| self.places[layer] == place);
        let map = |(place, shape): (usize, &Shape)| if is_own(place) { Map::new(*shape) } else { Map::default() };
        while self.maps.len() < n {
            self.maps.push(self.shapes.iter().enumerate().map(map).collect());
        }
    }

    /// Of the first `n` photos' maps; `photo` is what the first layer reads.
    fn run_band<R: Registers>(&mut self, r: R, Band { layer, start, end }: Band, photo: &[u8], n: usize) {
        let place = self.places[layer];
        self.written.extend(self.maps[..n].iter_mut().map(|maps| std::mem::take(&mut maps[place])));
        let before = layer.checked_sub(1).map_or(place, |before| self.places[before]);
        let inputs = |place: usize| self.maps[..n].iter().map(move |maps| &maps[place]);
        match &mut self.kernels[layer] {
            Kernel::Depthwise(kernel) => {
                zip(inputs(before), &mut self.written).for_each(|(x, y)| kernel.run(r, x, y, start, end));
            }
            Kernel::Pointwise(kernel) => {
                let added = self.residuals[layer].map(|layer| self.places[layer]);
                kernel.run(r, &self.maps[..n], before, added, &mut self.written, start, end);
            }
            Kernel::Excite(kernel) => zip(inputs(before), &mut self.written).for_each(|(x, y)| kernel.run(r, x, y)),
            Kernel::Stem(kernel) => self.written.iter_mut().for_each(|y| kernel.run(r, photo, y, start, end)),
        }
        zip(&mut self.maps, self.written.drain(..)).for_each(|(maps, y)| maps[place] = y);
    }

    fn last(&self) -> Option<&Shape> {
        self.places.last().map(|&place| &self.shapes[place])
    }
}

impl Kernel {
    fn new<R: Registers>(
        r: R,
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
                Kind::Pointwise => Self::Pointwise(Pointwise::new(r, conv, options.numbers, band * height, i, shapes)),
            },
        }
    }
}
