//! Entropy-coded data of a baseline JPEG (ITU-T T.81, annex F.2.2).

/// Bits that one look-up resolves; longer codes are rare and take the slow way.
const N_LOOKUP_BITS: u32 = 10;

/// Bits of which one look-up passes over all whole codes, with their numbers.
const N_SKIP_BITS: u32 = 12;

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
    /// By the next bits, what can be passed over at once; empty where that does not pay.
    skips: Vec<Skip>,
}

/// Codes of coefficients that nobody wants, with their numbers.
#[derive(Clone, Copy)]
struct Skip {
    n_bits: u8,
    n_coefficients: u8,
    /// Whether the last of them ends the block.
    ends: bool,
}

impl HuffmanTable {
    /// From the numbers of codes of each length from 1 to 16 and their symbols; `None` if they make no code.
    pub(crate) fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            lookup: vec![0; 1 << N_LOOKUP_BITS],
            offsets: [0; 17],
            limits: [0; 17],
            symbols: symbols.to_vec(),
            skips: Vec::new(),
        };
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

    /// Prepares for passing over several coefficients at a time, for a table of AC coefficients. Takes as long as
    /// reading some thousand of them.
    pub(crate) fn prepare_skips(&mut self) {
        self.skips = (0..1 << N_SKIP_BITS).map(|bits: u64| self.skip(bits << (64 - N_SKIP_BITS))).collect();
    }

    /// The whole codes at the start of `bits`, left-aligned, of which [`N_SKIP_BITS`] are known.
    fn skip(&self, mut bits: u64) -> Skip {
        let mut skip = Skip { n_bits: 0, n_coefficients: 0, ends: false };
        loop {
            let Some((length, symbol)) = self.find(bits) else { return skip };
            let (run, size) = (symbol >> 4, symbol & 15);
            let n_bits = length as u8 + size;
            let (ends, n) = if size == 0 && run < 15 { (true, 0) } else { (false, run + 1) };
            if u32::from(skip.n_bits + n_bits) > N_SKIP_BITS || skip.n_coefficients + n > 63 {
                return skip;
            }
            (skip.n_bits, skip.n_coefficients, skip.ends) = (skip.n_bits + n_bits, skip.n_coefficients + n, ends);
            if ends {
                return skip;
            }
            bits <<= n_bits;
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
