//! Weights in the order in which the tiles read them.

use crate::{
    layer::Conv,
    numbers::Numbers,
    x86::{
        lines::{LANES, Line, lines},
        registers::Registers,
        rounding::Rounding,
        tile::Group,
        weight_row::WeightRow,
    },
};

/// All output channels: one block at a time, or two, with the last three together where one would be left.
pub(crate) fn groups<R: Registers>(r: R, conv: &Conv, numbers: Numbers) -> Vec<Group> {
    let (n_blocks, n_at_once) = (conv.n_out.div_ceil(LANES), R::BLOCKS_AT_ONCE);
    let first = if n_at_once == 1 || n_blocks == 1 { 1 } else { 2 + n_blocks % 2 };
    let later = (first..n_blocks).step_by(n_at_once).map(|block| (block, n_at_once));
    let packing = Packing::new(r, conv, numbers);
    std::iter::once((0, first))
        .chain(later)
        .map(|(first_block, n_blocks)| packing.group(first_block, n_blocks))
        .collect()
}

/// Weights as the multipliers take them, `[n_out][n_in]`, as bits.
struct Packing<'a> {
    conv: &'a Conv,
    /// How many of them fill 32 bits, of each as many as there is room for.
    n_together: usize,
    /// Channels in, with those that fill the last line.
    n_in: usize,
    values: Vec<u32>,
    bias: Vec<Line>,
    scale: Vec<Line>,
}

impl<'a> Packing<'a> {
    fn new<R: Registers>(r: R, conv: &'a Conv, numbers: Numbers) -> Self {
        let input = Rounding::new(conv, numbers).scale;
        let (mut values, mut bias, mut scale) = (Vec::with_capacity(conv.weight.len()), conv.bias.clone(), Vec::new());
        for (weights, bias) in conv.weight.chunks_exact(conv.n_in).zip(&mut bias) {
            let row = r.compiled(
                #[inline(always)]
                || WeightRow::new(weights, &conv.means, numbers, input.most),
            );
            values.extend(row.bits);
            let worth = row.step * input.step;
            // The latter is what the inputs' zeros would add.
            *bias += row.lost - row.sum as f32 * input.zero * worth;
            scale.push(worth);
        }
        let (n_together, n_in) =
            (r.n_together(numbers), conv.n_in.next_multiple_of(LANES * r.blocks_per_line(numbers)));
        Self { conv, n_together, n_in, values, bias: lines(&bias), scale: lines(&scale) }
    }

    fn group(&self, first_block: usize, n_blocks: usize) -> Group {
        let Conv { n_in, n_out, .. } = *self.conv;
        let (blocks, width) = (first_block..first_block + n_blocks, 32 / self.n_together);
        // Channels beyond the last weigh nothing.
        let mut weights = vec![Line::default(); self.n_in / self.n_together * n_blocks];
        for n in blocks.start * LANES..n_out.min(blocks.end * LANES) {
            let (block, lane) = (n / LANES - first_block, n % LANES);
            for (k, together) in self.values[n * n_in..][..n_in].chunks(self.n_together).enumerate() {
                let low = |value: u32| u64::from(value) & ((1 << width) - 1);
                let bits = together.iter().rev().fold(0_u64, |bits, &value| bits << width | low(value));
                weights[k * n_blocks + block].0[lane] = f32::from_bits(bits as u32);
            }
        }
        let scale = self.scale.get(blocks.clone()).unwrap_or_default().to_vec();
        Group { first_block, weights, bias: self.bias[blocks].to_vec(), scale }
    }
}
