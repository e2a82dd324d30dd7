//! Many scans, each of which adds something to the coefficients (T.81, annex G): a range of them, or a bit.
//!
//! Of each block only the wanted coefficients are kept. Of a component that is reduced to one sample per block, only
//! the scans of DC coefficients are read at all.

use super::{
    Planes,
    band::{Band, Block},
    entropy::EntropyCoded,
    layout::Layout,
    tables::Tables,
    transforms::Transforms,
    zigzag::{DIAGONALS, ZIGZAG, wanted},
};
use crate::decode::{
    jpeg::MAX_SCANS,
    jpeg_header::{EOI, SOS, Segments},
};

pub(super) struct Progressive {
    layout: Layout,
    components: Vec<Coefficients>,
}

/// What is known of a component's blocks.
struct Coefficients {
    /// Blocks across in the whole units, and across and down in the picture itself.
    blocks_x: usize,
    own_x: usize,
    own_y: usize,
    /// The wanted coefficients in zigzag order, and where each of all 64 is among them.
    wanted: Vec<usize>,
    slots: [Option<u8>; 64],
    /// `[blocks][wanted]`.
    values: Vec<i16>,
    /// A bit for each coefficient that is not zero; none where only DC is wanted.
    nonzero: Vec<u64>,
    last_dc: i32,
}

impl Progressive {
    /// `n` is the number of samples, across and down, of a block at full sampling.
    pub(super) fn new(tables: &Tables, n: usize) -> Option<Self> {
        let layout = Layout::new(tables, n)?;
        let components = tables.components.iter().zip(&layout.samples).map(|(c, &(n_x, n_y))| {
            let is_wanted = wanted(n_x, n_y);
            let wanted: Vec<usize> = (0..64).filter(|&k| is_wanted[k]).collect();
            let mut slots = [None; 64];
            wanted.iter().enumerate().for_each(|(slot, &k)| slots[k] = Some(slot as u8));
            let (blocks_x, blocks_y) = (layout.n_units_x * c.h, layout.n_units_y * c.v);
            Coefficients {
                blocks_x,
                own_x: (tables.width * c.h).div_ceil(layout.h_max).div_ceil(8),
                own_y: (tables.height * c.v).div_ceil(layout.v_max).div_ceil(8),
                values: vec![0; blocks_x * blocks_y * wanted.len()],
                nonzero: vec![0; if wanted.len() > 1 { blocks_x * blocks_y } else { 0 }],
                wanted,
                slots,
                last_dc: 0,
            }
        });
        Some(Self { components: components.collect(), layout })
    }

    /// All scans, the first with the header `body`, and what lies between them.
    pub(super) fn decode(mut self, tables: &mut Tables, segments: &mut Segments<'_>, body: &[u8]) -> Option<Planes> {
        let mut body = body;
        for _ in 0..MAX_SCANS {
            self.scan(tables, body, segments.rest())?;
            body = loop {
                match segments.next_segment()? {
                    (EOI, _) => return self.planes(tables),
                    (SOS, body) => break body,
                    (marker, body) => tables.segment(marker, body)?,
                }
            };
        }
        None
    }

    fn scan(&mut self, tables: &mut Tables, body: &[u8], data: &[u8]) -> Option<()> {
        let (places, [first, last, bits]) = tables.scan(body)?;
        let band = Band { first: usize::from(first), last: usize::from(last), low: bits & 15, is_refined: bits > 15 };
        if band.last > 63 || band.first > band.last || band.low > 13 {
            return None;
        }
        match (band.first, places.as_slice()) {
            (0, _) if band.last > 0 => None,
            (0, _) => self.dc(tables, &places, band, data),
            (_, &[place]) if self.components[place].wanted.len() == 1 => Some(()),
            (_, &[place]) => self.ac(tables, place, band, data),
            _ => None,
        }
    }

    /// DC coefficients, or a bit of each, of one component or of several unit by unit.
    fn dc(&mut self, tables: &Tables, places: &[usize], band: Band, data: &[u8]) -> Option<()> {
        let (n_units_x, n_units_y) = match places {
            &[place] => (self.components[place].own_x, self.components[place].own_y),
            _ => (self.layout.n_units_x, self.layout.n_units_y),
        };
        let components = &mut self.components;
        EntropyCoded::new(data)?.units(n_units_x * n_units_y, tables.restart_interval, |reader, unit, is_first| {
            for &place in places {
                let (component, spec) = (&mut components[place], &tables.components[place]);
                let (h, v) = if places.len() == 1 { (1, 1) } else { (spec.h, spec.v) };
                if is_first {
                    component.last_dc = 0;
                }
                for block in 0..h * v {
                    let x = unit % n_units_x * h + block % h;
                    let y = unit / n_units_x * v + block / h;
                    let at = (y * component.blocks_x + x) * component.wanted.len();
                    if band.is_refined {
                        component.values[at] |= i16::from(reader.bit()?) << band.low;
                    } else {
                        let table = tables.dc.get(spec.dc)?.as_ref()?;
                        component.last_dc = component.last_dc.wrapping_add(reader.dc(table)?);
                        component.values[at] = (component.last_dc << band.low) as i16;
                    }
                }
            }
            Some(())
        })
    }

    /// A range of AC coefficients, or a bit of each, of one component.
    fn ac(&mut self, tables: &Tables, place: usize, band: Band, data: &[u8]) -> Option<()> {
        let component = &mut self.components[place];
        let table = tables.ac.get(tables.components[place].ac)?.as_ref()?;
        let n_wanted = component.wanted.len();
        let mut n_ended = 0;
        EntropyCoded::new(data)?.units(
            component.own_x * component.own_y,
            tables.restart_interval,
            |reader, unit, is_first| {
                if is_first {
                    n_ended = 0;
                }
                let block = unit / component.own_x * component.blocks_x + unit % component.own_x;
                let mut block = Block {
                    values: &mut component.values[block * n_wanted..][..n_wanted],
                    nonzero: &mut component.nonzero[block],
                    slots: &component.slots,
                };
                match band.is_refined {
                    true => block.refine(reader, table, band, &mut n_ended),
                    false => block.read(reader, table, band, &mut n_ended),
                }
            },
        )
    }

    /// The samples of all blocks.
    fn planes(self, tables: &Tables) -> Option<Planes> {
        let (transforms, stride) = (Transforms::new(), self.layout.stride);
        let mut planes = Vec::with_capacity(self.components.len());
        for ((component, spec), &size) in self.components.iter().zip(&tables.components).zip(&self.layout.samples) {
            let quantization = tables.quantization.get(spec.quantization)?.as_ref()?;
            let mut samples = self.layout.plane();
            for (block, values) in component.values.chunks_exact(component.wanted.len()).enumerate() {
                let (mut coefficients, mut reach) = ([0.0; 64], 0);
                for (&k, &value) in component.wanted.iter().zip(values).filter(|(_, value)| **value != 0) {
                    coefficients[usize::from(ZIGZAG[k])] = f32::from(value) * quantization[k];
                    reach = reach.max(usize::from(DIAGONALS[k]));
                }
                let (x, y) = (block % component.blocks_x * size.0, block / component.blocks_x * size.1);
                transforms.apply(&coefficients, reach, size, &mut samples[y * stride + x..], stride);
            }
            planes.push(samples);
        }
        Some(Planes { planes, stride })
    }
}
