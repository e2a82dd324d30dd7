//! Entropy-coded data of a JPEG, code by code (ITU-T T.81, annex F.2.2).

use super::huffman::{HuffmanTable, N_SKIP_BITS, Skip};

/// Bytes of padding that data to read ends in: whole words are loaded up to its end and beyond.
pub(crate) const N_PADDING: usize = 16;

/// Reads codes and numbers from data whose stuffed bytes were taken out.
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    /// Next byte to load.
    at: usize,
    /// Loaded bits, left-aligned, and how many of them are good.
    bits: u64,
    n_bits: u32,
}

impl<'a> BitReader<'a> {
    /// `data` ends in [`N_PADDING`] bytes of padding.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, bits: 0, n_bits: 0 }
    }

    /// Whether more was read than is there.
    pub(crate) fn is_beyond_end(&self) -> bool {
        self.at - self.n_bits as usize / 8 + N_PADDING > self.data.len()
    }

    /// The difference of a DC coefficient from the last one.
    #[inline]
    pub(crate) fn dc(&mut self, table: &HuffmanTable) -> Option<i32> {
        self.refill()?;
        let (length, size) = table.find(self.bits)?;
        self.consume(length);
        if size > 11 {
            return None;
        }
        Some(self.number(u32::from(size)))
    }

    /// The symbol of the next code, after which 16 bits at least are good.
    #[inline]
    pub(crate) fn symbol(&mut self, table: &HuffmanTable) -> Option<u8> {
        self.refill()?;
        let (length, symbol) = table.find(self.bits)?;
        self.consume(length);
        Some(symbol)
    }

    /// The next `n` bits, 16 at most, of those that are good.
    #[inline]
    pub(crate) fn bits(&mut self, n: u32) -> u32 {
        let bits = (self.bits >> 32 >> (32 - n)) as u32;
        self.consume(n);
        bits
    }

    /// The next bit.
    #[inline]
    pub(crate) fn bit(&mut self) -> Option<bool> {
        self.refill()?;
        Some(self.bits(1) == 1)
    }

    /// The AC coefficients of a block: those that are `wanted` go to `keep` with their place in zigzag order. None is
    /// wanted from the `n_seen`-th on.
    #[inline]
    pub(crate) fn ac(
        &mut self,
        table: &HuffmanTable,
        wanted: &[bool; 64],
        n_seen: usize,
        mut keep: impl FnMut(usize, i32),
    ) -> Option<()> {
        let mut k = 1;
        while k < 64 {
            if k >= n_seen && !table.skips.is_empty() {
                k = self.pass_over(table, k)?;
                if k == 64 {
                    return Some(());
                }
            }
            self.refill()?;
            let (length, symbol) = table.find(self.bits)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                self.consume(length);
                if run < 15 {
                    return Some(());
                }
                k += 16;
                continue;
            }
            k += run;
            if *wanted.get(k)? {
                self.consume(length);
                keep(k, self.number(size));
            } else {
                self.consume(length + size);
            }
            k += 1;
        }
        Some(())
    }

    /// Passes over coefficients from the `k`-th on, up to a code that takes more bits than a look-up has. Returns
    /// where it is then, 64 at the end of the block.
    #[inline]
    fn pass_over(&mut self, table: &HuffmanTable, mut k: usize) -> Option<usize> {
        loop {
            self.refill()?;
            // As many look-ups as good bits are sure to last for.
            for _ in 0..2 {
                let &Skip { n_bits, n_coefficients, ends } =
                    table.skips.get((self.bits >> (64 - N_SKIP_BITS)) as usize)?;
                let next = k + usize::from(n_coefficients);
                // What fills the block must be the last code, and what ends it comes before it is full.
                if n_bits == 0 || next + usize::from(ends) > 64 {
                    return Some(k);
                }
                self.consume(u32::from(n_bits));
                if ends || next == 64 {
                    return Some(64);
                }
                k = next;
            }
        }
    }

    /// A signed number of `size` bits (T.81, table F.1): a leading 0 means negative.
    #[inline]
    pub(crate) fn number(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let value = (self.bits >> (64 - size)) as i32;
        self.consume(size);
        if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }

    #[inline]
    fn consume(&mut self, n: u32) {
        self.bits <<= n;
        self.n_bits -= n;
    }

    /// Loads until at least 56 bits are good; no code with its number is longer than 32.
    #[inline]
    fn refill(&mut self) -> Option<()> {
        if self.n_bits < 32 {
            let word = self.data.get(self.at..self.at + 8)?;
            let word = u64::from_be_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
            self.bits |= word >> self.n_bits;
            let n_bytes = (63 - self.n_bits) / 8;
            self.at += n_bytes as usize;
            self.n_bits += 8 * n_bytes;
        }
        Some(())
    }
}
