//! From a line of ranges to what one photo gets.

use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

use super::{
    Augment, View,
    matrix::Matrix,
    policy,
    step::{Kind, Step},
};

/// What is seen outside a photo, in the order of the words of the step `fill`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Fill {
    Constant(u8),
    /// The border goes on, as is Keras's default.
    #[default]
    Nearest,
    Reflect,
    Wrap,
}

/// A change of the square of pixels, with its strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Op {
    /// All channels times a factor.
    Brightness(f64),
    Contrast(f64),
    Saturation(f64),
    /// In turns of the colour circle.
    Hue(f64),
    Add(f64),
    Gamma(f64),
    Equalize,
    AutoContrast,
    Posterize(u32),
    Solarize(f64),
    Sharpness(f64),
    Blur(f64),
    Noise {
        sigma: f64,
        seed: u64,
    },
    Jpeg(u8),
    /// Left, top, width, height as shares of the side.
    Erase([f64; 4]),
}

/// What one photo gets: one warp, then the changes of its pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) matrix: Matrix,
    pub(crate) fill: Fill,
    pub(crate) ops: Vec<Op>,
}

/// A stream of numbers for one view of one photo.
pub(crate) struct Draw(Pcg64);

impl Draw {
    pub(crate) fn new(view: View) -> Self {
        let mut hasher = blake3::Hasher::new();
        for number in [view.seed, view.epoch, view.sample] {
            hasher.update(&number.to_le_bytes());
        }
        Self(Pcg64::from_seed(*hasher.finalize().as_bytes()))
    }

    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// Evenly spread over `low..high`; `low` when they are equal.
    pub(crate) fn range(&mut self, low: f64, high: f64) -> f64 {
        // 53 bits are what a double holds exactly.
        let unit = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        low + unit * (high - low)
    }

    pub(crate) fn around(&mut self, range: f64) -> f64 {
        self.range(-range, range)
    }

    pub(crate) fn happens(&mut self, chance: f64) -> bool {
        self.range(0.0, 1.0) < chance
    }

    /// A whole number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.range(0.0, n as f64) as usize).min(n.saturating_sub(1))
    }

    fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }
}

impl Augment {
    /// Draws what a view gets.
    pub(crate) fn draw(&self, view: View) -> Drawn {
        let mut draw = Draw::new(view);
        let mut drawn = Drawn { matrix: Matrix::IDENTITY, fill: Fill::default(), ops: Vec::new() };
        for step in &self.steps {
            drawn.step(step, &mut draw);
        }
        drawn
    }
}

impl Drawn {
    /// The change that comes first in the line is done first, so it is the last on the way back to the source.
    pub(crate) fn warp(&mut self, matrix: Matrix) {
        self.matrix = self.matrix.after(matrix);
    }

    fn step(&mut self, step: &Step, draw: &mut Draw) {
        let value = |i| step.value(i);
        match step.kind {
            Kind::Crop => self.crop(step, draw),
            Kind::PadCrop => self.warp(Matrix::translation(draw.around(2.0 * value(0)), draw.around(2.0 * value(0)))),
            Kind::Flip if draw.happens(value(0)) => self.warp(Matrix::scale(-1.0, 1.0)),
            Kind::VerticalFlip if draw.happens(value(0)) => self.warp(Matrix::scale(1.0, -1.0)),
            Kind::Rotate => self.warp(Matrix::rotation(draw.around(value(0)))),
            Kind::Shift => self.warp(Matrix::translation(draw.around(2.0 * value(0)), draw.around(2.0 * value(1)))),
            Kind::Shear => self.warp(Matrix::shear(-draw.around(value(0)).to_radians().tan(), 0.0)),
            Kind::Zoom => {
                self.warp(Matrix::scale(draw.range(value(0), value(1)), draw.range(value(0), value(1))));
            }
            Kind::Perspective => self.perspective(step, draw),
            Kind::Fill => self.fill = fill(value(0), value(1)),
            Kind::RandAugment => policy::rand_augment(self, value(0) as usize, value(1) / 30.0, draw),
            Kind::TrivialAugment => policy::trivial_augment(self, draw),
            _ => self.pixels(step, draw),
        }
    }

    /// The steps that leave pixels where they are.
    fn pixels(&mut self, step: &Step, draw: &mut Draw) {
        let value = |i| step.value(i);
        let op = match step.kind {
            Kind::Color => return self.color(step, draw),
            Kind::Erase => return self.erase(step, draw),
            Kind::Brightness => Op::Brightness(draw.range(value(0), value(1))),
            Kind::ChannelShift => Op::Add(draw.around(value(0))),
            Kind::Gray if draw.happens(value(0)) => Op::Saturation(0.0),
            Kind::Gamma => Op::Gamma(draw.range(value(0), value(1))),
            Kind::Equalize if draw.happens(value(0)) => Op::Equalize,
            Kind::AutoContrast if draw.happens(value(0)) => Op::AutoContrast,
            Kind::Posterize if draw.happens(value(1)) => Op::Posterize(value(0) as u32),
            Kind::Solarize if draw.happens(value(1)) => Op::Solarize(value(0)),
            Kind::Sharpness => Op::Sharpness(draw.range(value(0), value(1))),
            Kind::Blur if draw.happens(value(2)) => Op::Blur(draw.range(value(0), value(1))),
            Kind::Noise => Op::Noise { sigma: draw.range(0.0, value(0)), seed: draw.seed() },
            Kind::Jpeg if draw.happens(value(2)) => Op::Jpeg(draw.range(value(0), value(1)).round() as u8),
            _ => return,
        };
        self.ops.push(op);
    }

    fn crop(&mut self, step: &Step, draw: &mut Draw) {
        let area = draw.range(step.value(0), step.value(1));
        let ratio = draw.range(step.value(2).ln(), step.value(3).ln()).exp();
        // A part larger than the whole is allowed only where the area asks for it.
        let most = step.value(1).max(1.0).sqrt();
        let (width, height) = ((area * ratio).sqrt().min(most), (area / ratio).sqrt().min(most));
        let place = |draw: &mut Draw, length: f64| draw.around((1.0 - length).abs());
        let (x, y) = (place(draw, width), place(draw, height));
        self.warp(Matrix::translation(x, y).after(Matrix::scale(width, height)));
    }

    fn perspective(&mut self, step: &Step, draw: &mut Draw) {
        let mut inwards = || 1.0 - draw.range(0.0, step.value(0));
        let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| (x * inwards(), y * inwards()));
        if draw.happens(step.value(1)) {
            self.warp(Matrix::quad(corners));
        }
    }

    fn color(&mut self, step: &Step, draw: &mut Draw) {
        let mut factor = |i| draw.range(1.0 - step.value(i), 1.0 + step.value(i));
        let mut ops = vec![Op::Brightness(factor(0)), Op::Contrast(factor(1)), Op::Saturation(factor(2))];
        ops.push(Op::Hue(draw.around(step.value(3))));
        // As in torchvision, the four come in any order.
        while !ops.is_empty() {
            let op = ops.swap_remove(draw.below(ops.len()));
            self.ops.push(op);
        }
    }

    fn erase(&mut self, step: &Step, draw: &mut Draw) {
        let happens = draw.happens(step.value(0));
        let area = draw.range(step.value(1), step.value(2));
        let ratio = draw.range(0.3_f64.ln(), (1.0_f64 / 0.3).ln()).exp();
        let (width, height) = ((area * ratio).sqrt().min(1.0), (area / ratio).sqrt().min(1.0));
        let (left, top) = (draw.range(0.0, 1.0 - width), draw.range(0.0, 1.0 - height));
        if happens {
            self.ops.push(Op::Erase([left, top, width, height]));
        }
    }
}

fn fill(mode: f64, value: f64) -> Fill {
    match mode as u32 {
        0 => Fill::Constant(value as u8),
        2 => Fill::Reflect,
        3 => Fill::Wrap,
        _ => Fill::Nearest,
    }
}
