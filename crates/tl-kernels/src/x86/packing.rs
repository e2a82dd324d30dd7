//! Weights in the order in which the tiles read them.

use std::sync::Arc;

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
pub(crate) fn groups<R: Registers>(r: R, conv: &Conv, numbers: Numbers) -> Arc<[Group]> {
    let (n_blocks, n_at_once) = (conv.n_out.div_ceil(LANES), R::BLOCKS_AT_ONCE);
    let first = if n_at_once == 1 || n_blocks == 1 { 1 } else { 2 + n_blocks % 2 };
    let later = (first..n_blocks).step_by(n_at_once).map(|block| (block, n_at_once));
    let packing = Packing::new(r, conv, numbers);
    std::iter::once((0, first))
        .chain(later)
        .map(|(first_block, n_blocks)| packing.group(first_block, n_blocks))
        .collect()
}

/// Weights as the multipliers take them.
struct Packing {
    n_out: usize,
    /// Of each output channel: 32 bits of as many weights as there is room for.
    n_words: usize,
    /// The same with those that fill the last line of the inputs.
    n_lines: usize,
    /// `[n_out][n_words]`.
    words: Vec<u32>,
    bias: Vec<Line>,
    scale: Vec<Line>,
}

impl Packing {
    fn new<R: Registers>(r: R, conv: &Conv, numbers: Numbers) -> Self {
        let n_together = r.n_together(numbers);
        let n_words = conv.n_in.div_ceil(n_together);
        let n_lines = conv.n_in.next_multiple_of(LANES * r.blocks_per_line(numbers)) / n_together;
        let input = Rounding::new(conv, numbers).scale;
        let (mut words, mut bias, mut scale) =
            (Vec::with_capacity(conv.n_out * n_words), conv.bias.clone(), Vec::with_capacity(conv.n_out));
        for (weights, bias) in conv.weight.chunks_exact(conv.n_in).zip(&mut bias) {
            let row = r.compiled(
                #[inline(always)]
                || {
                    let row = WeightRow::new(weights, &conv.means, numbers, input.most);
                    row.append_to(&mut words, n_together);
                    row
                },
            );
            let worth = row.step * input.step;
            // The latter is what the inputs' zeros would add.
            *bias += row.lost - row.sum as f32 * input.zero * worth;
            scale.push(worth);
        }
        Self { n_out: conv.n_out, n_words, n_lines, words, bias: lines(&bias), scale: lines(&scale) }
    }

    fn group(&self, first_block: usize, n_blocks: usize) -> Group {
        let blocks = first_block..first_block + n_blocks;
        // Channels beyond the last weigh nothing.
        let mut weights = vec![Line::default(); self.n_lines * n_blocks];
        for (i, block) in blocks.clone().enumerate() {
            let channels = block * LANES..self.n_out.min((block + 1) * LANES);
            let words = &self.words[channels.start * self.n_words..channels.end * self.n_words];
            let rows: Vec<&[u32]> = words.chunks(self.n_words).collect();
            // Line by line, which is how memory likes to be written.
            for (k, line) in weights[i..].iter_mut().step_by(n_blocks).take(self.n_words).enumerate() {
                for (lane, row) in line.0.iter_mut().zip(&rows) {
                    *lane = f32::from_bits(row[k]);
                }
            }
        }
        let scale = self.scale.get(blocks.clone()).unwrap_or_default().to_vec();
        Group { first_block, weights, bias: self.bias[blocks].to_vec(), scale }
    }
}
