//! A whole network: its layers' kernels, their activations, and the order in which rows are computed.

use crate::{
    KernelError, Layer, NetworkOptions, Numbers,
    error::check_size,
    layer::Kind,
    schedule::{Band, Extent, Schedule},
    x86::{
        depthwise::Depthwise,
        excite::Excite,
        layout::{extents, shape, shared_maps},
        map::{Map, Shape},
        pointwise::Pointwise,
        processor::Processor,
        registers::Registers,
        rounding::Rounding,
        stem::Stem,
    },
};

/// Layers with packed weights, and room for their activations. For one thread at a time; a clone for another one shares
/// the weights, so that they are packed once, and all cores' common cache holds them once.
#[derive(Clone)]
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

#[derive(Clone)]
enum Kernel {
    Stem(Stem),
    Depthwise(Depthwise),
    Pointwise(Pointwise),
    Excite(Excite),
}

impl Network {
    /// Packs the weights of these layers.
    ///
    /// # Errors
    /// [`KernelError::Unsupported`] where the processor lacks the instructions for the numbers, [`KernelError::Layer`]
    /// for a layer that there is no kernel for, that does not fit those before it, or whose slices do not have its
    /// shape; the same for no layers, and for photos of a side that is 0 or above 16384.
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
    ///
    /// # Errors
    /// [`KernelError::Size`] for a photo or features of another size.
    pub fn features(&mut self, photo: &[u8], features: &mut [f32]) -> Result<(), KernelError> {
        check_size("the features", self.n_features, features.len())?;
        self.run(photo)?;
        if let Some(last) = self.last() {
            last.means(features);
        }
        Ok(())
    }

    /// The last layer itself, `[rows, columns, channels]`.
    ///
    /// # Errors
    /// [`KernelError::Size`] for a photo or activations of another size.
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
