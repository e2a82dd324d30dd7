//! Entropy-coded data of a baseline JPEG (ITU-T T.81, annex F.2.2).

/// Bits that one look-up resolves; longer codes are rare and take the slow way.
const N_LOOKUP_BITS: u32 = 10;

/// Bytes of padding that data to read ends in: whole words are loaded up to its end and beyond.
pub(crate) const N_PADDING: usize = 16;

/// A Huffman table, ready to decode.
pub(crate) struct HuffmanTable {
    /// By the next bits: length of the code in the high byte (0: longer than the look-up), symbol in the low byte.
    lookup: Vec<u16>,
    /// By length: what to add to a code to get the position of its symbol, and the first code that is too long.
    offsets: [i32; 17],
    limits: [u32; 17],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// From the numbers of codes of each length from 1 to 16 and their symbols; `None` if they make no code.
    pub(crate) fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut table =
            Self { lookup: vec![0; 1 << N_LOOKUP_BITS], offsets: [0; 17], limits: [0; 17], symbols: symbols.to_vec() };
        let (mut code, mut position) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let n = usize::from(counts[length as usize - 1]);
            table.offsets[length as usize] = position as i32 - code as i32;
            for &symbol in symbols.get(position..position + n)? {
                if code >= 1 << length {
                    return None;
                }
                table.enter(code, length, symbol);
                code += 1;
            }
            position += n;
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        if length <= N_LOOKUP_BITS {
            let first = (code << (N_LOOKUP_BITS - length)) as usize;
            let n = 1 << (N_LOOKUP_BITS - length);
            self.lookup[first..first + n].fill((length as u16) << 8 | u16::from(symbol));
        }
    }

    /// Length and symbol of the code that `bits`, left-aligned, start with.
    #[inline]
    fn find(&self, bits: u64) -> Option<(u32, u8)> {
        let entry = self.lookup[(bits >> (64 - N_LOOKUP_BITS)) as usize];
        if entry != 0 {
            return Some((u32::from(entry >> 8), entry as u8));
        }
        let next = (bits >> 48) as u32;
        let length = (N_LOOKUP_BITS + 1..=16).find(|&length| next < self.limits[length as usize])?;
        let position = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        Some((length, *self.symbols.get(usize::try_from(position).ok()?)?))
    }
}

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

    /// The AC coefficients of a block: those that are `wanted` go to `keep` with their place in zigzag order.
    #[inline]
    pub(crate) fn ac(
        &mut self,
        table: &HuffmanTable,
        wanted: &[bool; 64],
        mut keep: impl FnMut(usize, i32),
    ) -> Option<()> {
        let mut k = 1;
        while k < 64 {
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

    /// A signed number of `size` bits (T.81, table F.1): a leading 0 means negative.
    #[inline]
    fn number(&mut self, size: u32) -> i32 {
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
