//! In which order the rows of all layers are computed.
//!
//! A layer is computed in bands of a few rows, each as soon as the rows that it reads are there. So a band is read
//! while it is still in the core's caches, and of most layers only the last few rows are ever kept.

/// What a layer's rows need of the layer before.
#[derive(Debug, Clone)]
pub(crate) struct Extent {
    /// Rows that it has.
    pub(crate) height: usize,
    /// Rows that are computed at a time.
    pub(crate) band: usize,
    /// How its rows read those of the layer before.
    pub(crate) reads: Reads,
    /// A layer of the same height whose rows are added to this one's.
    pub(crate) residual: Option<usize>,
}

/// The rows that are read for row `y`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reads {
    /// From `y * stride - padding` on, `kernel` of them.
    Window { kernel: usize, stride: usize, padding: usize },
    /// All of them.
    Whole,
}

/// Rows `start..end` of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Band {
    pub(crate) layer: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The bands of all layers in order, and how many rows of each layer are in use at most.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) bands: Vec<Band>,
    pub(crate) n_kept: Vec<usize>,
}

impl Schedule {
    pub(crate) fn new(layers: &[Extent]) -> Self {
        let mut planner = Planner {
            layers,
            n_done: vec![0; layers.len()],
            schedule: Self { bands: Vec::new(), n_kept: vec![0; layers.len()] },
        };
        if let Some(last) = layers.last() {
            planner.compute(layers.len() - 1, last.height);
        }
        planner.schedule
    }
}

struct Planner<'a> {
    layers: &'a [Extent],
    /// Rows of each layer that are computed.
    n_done: Vec<usize>,
    schedule: Schedule,
}

impl Planner<'_> {
    /// Computes the rows of a layer up to `end`, and before them whatever they need.
    fn compute(&mut self, layer: usize, end: usize) {
        let Extent { height, band, .. } = self.layers[layer];
        while self.n_done[layer] < end {
            let start = self.n_done[layer];
            let end = (start + band).min(height);
            if layer > 0 {
                self.compute(layer - 1, self.needed(layer, end));
            }
            self.schedule.bands.push(Band { layer, start, end });
            self.n_done[layer] = end;
            let n_kept = end - self.first_in_use(layer);
            self.schedule.n_kept[layer] = n_kept.max(self.schedule.n_kept[layer]);
        }
    }

    /// Rows of the layer before that the rows up to `end` need.
    fn needed(&self, layer: usize, end: usize) -> usize {
        let height = self.layers[layer - 1].height;
        match self.layers[layer].reads {
            Reads::Whole => height,
            Reads::Window { kernel, stride, padding } => ((end - 1) * stride + kernel - padding).min(height),
        }
    }

    /// The first row of a layer that is still to be read by another one.
    fn first_in_use(&self, layer: usize) -> usize {
        let by_next = self.layers.get(layer + 1).map(|next| match next.reads {
            _ if self.n_done[layer + 1] == next.height => self.layers[layer].height,
            Reads::Whole => 0,
            Reads::Window { stride, padding, .. } => (self.n_done[layer + 1] * stride).saturating_sub(padding),
        });
        let readers = self.layers.iter().enumerate().filter(|(_, reader)| reader.residual == Some(layer));
        // The last layer's rows are the result.
        readers.map(|(i, _)| self.n_done[i]).chain([by_next.unwrap_or(0)]).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer() -> impl Strategy<Value = (usize, Reads, bool)> {
        let window = (prop_oneof![Just(1_usize), Just(3), Just(5)], 1_usize..3, 0_usize..5);
        let window = window.prop_map(|(kernel, stride, padding)| {
            let stride = if kernel == 1 { 1 } else { stride };
            Reads::Window { kernel, stride, padding: padding % kernel }
        });
        (1_usize..9, prop_oneof![5 => window, 1 => Just(Reads::Whole)], any::<bool>())
    }

    proptest! {
        /// Whatever a band reads has been computed, and is still among the rows that are kept.
        #[test]
        fn rows_are_there_when_they_are_read(side in 1_usize..40, layers in prop::collection::vec(layer(), 1..8)) {
            let mut height = side;
            let mut extents: Vec<Extent> = Vec::new();
            for (band, reads, is_residual) in layers {
                if let Reads::Window { stride, .. } = reads {
                    height = height.div_ceil(stride);
                }
                let band = if matches!(reads, Reads::Whole) { height } else { band };
                let earlier = extents.iter().position(|earlier| earlier.height == height);
                extents.push(Extent { height, band, reads, residual: earlier.filter(|_| is_residual) });
            }
            let Schedule { bands, n_kept } = Schedule::new(&extents);
            let mut n_done = vec![0; extents.len()];
            for Band { layer, start, end } in bands {
                prop_assert_eq!(start, n_done[layer]);
                let mut reads = Vec::new();
                if let Some(before) = layer.checked_sub(1) {
                    reads.push((before, read_rows(extents[layer].reads, start, end, extents[before].height)));
                }
                reads.extend(extents[layer].residual.map(|added| (added, (start, end))));
                for (read, (first, last)) in reads {
                    prop_assert!(last <= n_done[read], "rows of layer {read} that layer {layer} reads");
                    prop_assert!(first + n_kept[read] >= n_done[read], "rows of layer {read} are gone");
                }
                n_done[layer] = end;
            }
            prop_assert!(n_done.iter().zip(&extents).next_back().is_some_and(|(n, extent)| *n == extent.height));
        }
    }

    fn read_rows(reads: Reads, start: usize, end: usize, height: usize) -> (usize, usize) {
        match reads {
            Reads::Whole => (0, height),
            Reads::Window { kernel, stride, padding } => {
                ((start * stride).saturating_sub(padding), ((end - 1) * stride + kernel - padding).min(height))
            }
        }
    }
}
