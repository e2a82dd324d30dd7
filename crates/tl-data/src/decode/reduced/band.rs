//! The AC coefficients that a scan adds to a block (T.81, G.1.2.2 and G.1.2.3).

use crate::decode::{bit_reader::BitReader, huffman::HuffmanTable};

/// What a scan is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    /// The first and the last coefficient in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// The lowest bit that it knows.
    pub(super) low: u8,
    /// Whether all higher ones are known already.
    pub(super) is_refined: bool,
}

/// A block of a component.
pub(super) struct Block<'a> {
    /// Of the wanted coefficients.
    pub(super) values: &'a mut [i16],
    /// A bit for each that is not zero.
    pub(super) nonzero: &'a mut u64,
    /// Where each is among the wanted ones.
    pub(super) slots: &'a [Option<u8>; 64],
}

impl Block<'_> {
    /// The first bits of coefficients. `n_ended` counts blocks to come that have no more of them.
    pub(super) fn read(
        &mut self,
        reader: &mut BitReader<'_>,
        table: &HuffmanTable,
        band: Band,
        n_ended: &mut u32,
    ) -> Option<()> {
        if *n_ended > 0 {
            *n_ended -= 1;
            return Some(());
        }
        let mut k = band.first;
        while k <= band.last {
            let symbol = reader.symbol(table)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => {
                    *n_ended = (1 << run) - 1 + reader.bits(run as u32);
                    return Some(());
                }
                _ => {
                    k += run;
                    let value = reader.number(size);
                    self.set(k, (value << band.low) as i16)?;
                    k += 1;
                }
            }
        }
        Some(())
    }

    /// A bit more of each coefficient that is not zero, and coefficients that begin with it.
    pub(super) fn refine(
        &mut self,
        reader: &mut BitReader<'_>,
        table: &HuffmanTable,
        band: Band,
        n_ended: &mut u32,
    ) -> Option<()> {
        let bit = 1 << band.low;
        let mut k = band.first;
        while *n_ended == 0 && k <= band.last {
            let symbol = reader.symbol(table)?;
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            let value = match size {
                0 if run < 15 => {
                    *n_ended = (1 << run) + reader.bits(run);
                    break;
                }
                0 => 0,
                _ if reader.bit()? => bit,
                _ => -bit,
            };
            k = self.pass_zeros(reader, k, band.last, run, bit)?;
            if value != 0 {
                self.set(k, value)?;
            }
            k += 1;
        }
        if *n_ended > 0 {
            self.pass_zeros(reader, k, band.last, 64, bit)?;
            *n_ended -= 1;
        }
        Some(())
    }

    /// Goes on from the `k`-th to the zero behind `n_zeros` others, or past the last, and refines what is not zero.
    fn pass_zeros(
        &mut self,
        reader: &mut BitReader<'_>,
        mut k: usize,
        last: usize,
        mut n_zeros: u32,
        bit: i16,
    ) -> Option<usize> {
        while k <= last {
            if *self.nonzero >> k & 1 == 0 {
                if n_zeros == 0 {
                    break;
                }
                n_zeros -= 1;
            } else if reader.bit()?
                && let Some(slot) = self.slots[k]
            {
                let value = &mut self.values[usize::from(slot)];
                *value = value.wrapping_add(if *value > 0 { bit } else { -bit });
            }
            k += 1;
        }
        Some(k)
    }

    fn set(&mut self, k: usize, value: i16) -> Option<()> {
        *self.nonzero |= 1_u64.checked_shl(k as u32)?;
        if let Some(slot) = self.slots.get(k)? {
            self.values[usize::from(*slot)] = value;
        }
        Some(())
    }
}
