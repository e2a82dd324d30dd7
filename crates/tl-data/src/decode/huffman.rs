//! Huffman tables of a JPEG (ITU-T T.81, annexes C and F.2.2).

/// Bits that one look-up resolves; longer codes are rare and take the slow way.
const N_LOOKUP_BITS: u32 = 10;

/// Bits of which one look-up passes over all whole codes, with their numbers.
pub(super) const N_SKIP_BITS: u32 = 12;

/// A Huffman table, ready to decode.
pub(crate) struct HuffmanTable {
    /// By the next bits: length of the code in the high byte (0: longer than the look-up), symbol in the low byte.
    lookup: Vec<u16>,
    /// By length: what to add to a code to get the position of its symbol, and the first code that is too long.
    offsets: [i32; 17],
    limits: [u32; 17],
    symbols: Vec<u8>,
    /// By the next bits, what can be passed over at once; empty where that does not pay.
    pub(super) skips: Vec<Skip>,
}

/// Codes of coefficients that nobody wants, with their numbers.
#[derive(Clone, Copy)]
pub(super) struct Skip {
    pub(super) n_bits: u8,
    pub(super) n_coefficients: u8,
    /// Whether the last of them ends the block.
    pub(super) ends: bool,
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
    pub(super) fn find(&self, bits: u64) -> Option<(u32, u8)> {
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
