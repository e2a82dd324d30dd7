//! One scan of all components, each block complete: it is transformed as soon as it is read.

use super::{
    Planes,
    entropy::EntropyCoded,
    layout::Layout,
    tables::Tables,
    transforms::Transforms,
    zigzag::{DIAGONALS, ZIGZAG, wanted},
};
use crate::decode::{bit_reader::BitReader, huffman::HuffmanTable};

pub(super) struct Scan<'a> {
    layout: Layout,
    planes: Vec<Plane<'a>>,
    transforms: Transforms,
    restart_interval: usize,
}

/// A component, ready to decode.
struct Plane<'a> {
    /// Blocks per unit, across and down.
    h: usize,
    v: usize,
    /// Samples per block, across and down.
    n_x: usize,
    n_y: usize,
    quantization: &'a [f32; 64],
    dc: &'a HuffmanTable,
    ac: &'a HuffmanTable,
    /// Which coefficients, in zigzag order, the reduced block needs.
    wanted: [bool; 64],
    /// None is needed from this one on.
    n_seen: usize,
    last_dc: i32,
    samples: Vec<u8>,
}

impl<'a> Scan<'a> {
    /// `n` is the number of samples, across and down, of a block at full sampling.
    pub(super) fn new(tables: &'a Tables, n: usize) -> Option<Self> {
        let layout = Layout::new(tables, n)?;
        let mut planes = Vec::with_capacity(tables.components.len());
        for (c, &(n_x, n_y)) in tables.components.iter().zip(&layout.samples) {
            let wanted = wanted(n_x, n_y);
            planes.push(Plane {
                h: c.h,
                v: c.v,
                n_x,
                n_y,
                quantization: tables.quantization.get(c.quantization)?.as_ref()?,
                dc: tables.dc.get(c.dc)?.as_ref()?,
                ac: tables.ac.get(c.ac)?.as_ref()?,
                n_seen: wanted.iter().rposition(|&wanted| wanted).map_or(0, |last| last + 1),
                wanted,
                last_dc: 0,
                samples: layout.plane(),
            });
        }
        Some(Self { layout, planes, transforms: Transforms::new(), restart_interval: tables.restart_interval })
    }

    pub(super) fn decode(mut self, data: &[u8]) -> Option<Planes> {
        let n_units = self.layout.n_units_x * self.layout.n_units_y;
        let data = EntropyCoded::new(data).filter(|data| data.is_last)?;
        data.units(n_units, self.restart_interval, |reader, unit, is_first| {
            if is_first {
                self.planes.iter_mut().for_each(|plane| plane.last_dc = 0);
            }
            self.unit(reader, unit)
        })?;
        let planes = self.planes.into_iter().map(|plane| plane.samples).collect();
        Some(Planes { planes, stride: self.layout.stride })
    }

    /// The blocks of one unit, component by component.
    fn unit(&mut self, reader: &mut BitReader<'_>, unit: usize) -> Option<()> {
        let (unit_x, unit_y) = (unit % self.layout.n_units_x, unit / self.layout.n_units_x);
        let stride = self.layout.stride;
        for plane in &mut self.planes {
            for block in 0..plane.h * plane.v {
                let x = (unit_x * plane.h + block % plane.h) * plane.n_x;
                let y = (unit_y * plane.v + block / plane.h) * plane.n_y;
                plane.block(reader, &self.transforms, y * stride + x, stride)?;
            }
        }
        Some(())
    }
}

impl Plane<'_> {
    #[inline]
    fn block(&mut self, reader: &mut BitReader<'_>, transforms: &Transforms, at: usize, stride: usize) -> Option<()> {
        self.last_dc = self.last_dc.wrapping_add(reader.dc(self.dc)?);
        let mut coefficients = [0.0; 64];
        coefficients[0] = self.last_dc as f32 * self.quantization[0];
        let (quantization, mut last) = (self.quantization, 0);
        reader.ac(self.ac, &self.wanted, self.n_seen, |k, value| {
            coefficients[usize::from(ZIGZAG[k])] = value as f32 * quantization[k];
            last = k;
        })?;
        let reach = usize::from(DIAGONALS[last]);
        transforms.apply(&coefficients, reach, (self.n_x, self.n_y), &mut self.samples[at..], stride);
        Some(())
    }
}
