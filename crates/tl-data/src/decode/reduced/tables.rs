//! What the segments between the scans define.

use crate::decode::{huffman::HuffmanTable, jpeg_header::is_jfif};

#[derive(Default)]
pub(super) struct Tables {
    /// In zigzag order.
    pub(super) quantization: [Option<[f32; 64]>; 4],
    pub(super) dc: [Option<HuffmanTable>; 4],
    pub(super) ac: [Option<HuffmanTable>; 4],
    /// Units; 0 where there are no restarts.
    pub(super) restart_interval: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
    /// JFIF's segment came, whose components are luma and colour differences.
    is_jfif: bool,
}

/// A component as the frame and the scan describe it.
#[derive(Clone, Copy)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks per unit, across and down.
    pub(super) h: usize,
    pub(super) v: usize,
    pub(super) quantization: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

impl Tables {
    /// Takes a segment that is neither a frame nor a scan; `None` for one that is damaged or means another decoder.
    pub(super) fn segment(&mut self, marker: u8, body: &[u8]) -> Option<()> {
        match marker {
            0xC4 => self.huffman(body),
            0xDB => self.quantization(body),
            0xDD => {
                self.restart_interval = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
                Some(())
            }
            0xE0 if is_jfif(body) => {
                self.is_jfif = true;
                Some(())
            }
            // Adobe's segment says whether three components are RGB, where JFIF's does not say that they are not.
            0xEE if !self.is_jfif && body.starts_with(b"Adobe") && body.get(11) == Some(&0) => None,
            0xC0..=0xCF => None,
            _ => Some(()),
        }
    }

    pub(super) fn frame(&mut self, body: &[u8]) -> Option<()> {
        let &[8, h1, h0, w1, w0, n, ref rest @ ..] = body else { return None };
        self.height = usize::from(u16::from_be_bytes([h1, h0]));
        self.width = usize::from(u16::from_be_bytes([w1, w0]));
        let component = |spec: &[u8]| Component {
            id: spec[0],
            h: usize::from(spec[1] >> 4),
            v: usize::from(spec[1] & 15),
            quantization: usize::from(spec[2]),
            dc: 0,
            ac: 0,
        };
        self.components = rest.chunks_exact(3).map(component).collect();
        if let [alone] = self.components.as_mut_slice() {
            // It is not cut into units (T.81, A.2.2).
            (alone.h, alone.v) = (1, 1);
        }
        // Components called R, G, B are what they say.
        let is_rgb = self.components.iter().map(|c| c.id).eq(*b"RGB");
        (self.components.len() == usize::from(n) && matches!(n, 1 | 3) && !is_rgb).then_some(())
    }

    fn quantization(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let n_bytes = if head >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * n_bytes)?;
            let value = |bytes: &[u8]| bytes.iter().fold(0.0, |sum, &byte| sum * 256.0 + f32::from(byte));
            let table = self.quantization.get_mut(usize::from(head & 15))?.insert([0.0; 64]);
            table.iter_mut().zip(values.chunks_exact(n_bytes)).for_each(|(entry, bytes)| *entry = value(bytes));
            body = &rest[64 * n_bytes..];
        }
        Some(())
    }

    fn huffman(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let counts = rest.get(..16)?;
            let n: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let table = HuffmanTable::new(counts, rest.get(16..16 + n)?)?;
            let tables = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(head & 15))? = Some(table);
            body = &rest[16 + n..];
        }
        Some(())
    }

    /// The places of a scan's components, which take up its tables, and its last three bytes.
    pub(super) fn scan(&mut self, body: &[u8]) -> Option<(Vec<usize>, [u8; 3])> {
        let (&n, rest) = body.split_first()?;
        let (specs, parameters) = rest.split_at_checked(2 * usize::from(n))?;
        let mut places = Vec::with_capacity(usize::from(n));
        for spec in specs.chunks_exact(2) {
            let place = self.components.iter().position(|component| component.id == spec[0])?;
            let component = &mut self.components[place];
            (component.dc, component.ac) = (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
            places.push(place);
        }
        Some((places, parameters.try_into().ok()?))
    }
}
