//! AVX-512: a line is a register.
#![allow(unsafe_code)]

mod amx;
mod bf16;
mod bytes;
mod products;
mod shapes;
mod shorts;

use std::arch::x86_64::{
    __m512, __mmask16, _mm512_add_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_store_ps,
};

use self::products::{Bf16Tiles, ByteTiles};
use crate::{
    Matrix,
    instructions::Instructions,
    numbers::Numbers,
    x86::{
        lines::{LANES, Line},
        map::Map,
        product,
        registers::Registers,
        rounding::Rounding,
        tile::{self, Floats, Group, Multiplier, Outputs},
    },
};

/// A processor with AVX-512.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512 {
    /// Whether bf16 and bytes are multiplied by AMX.
    has_tiles: bool,
}

impl Avx512 {
    /// Asks the processor.
    pub(crate) fn new() -> Option<Self> {
        Instructions::Avx512.can(Numbers::F32).then_some(Self { has_tiles: false })
    }

    /// Asks it for AMX too, in these numbers.
    pub(crate) fn with_amx(numbers: Numbers) -> Option<Self> {
        Instructions::Amx.can(numbers).then_some(Self { has_tiles: true })
    }
}

macro_rules! instructions {
    ($($name:ident($($x:ident: $X:ty),*) = $instruction:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($x: $X),*) -> __m512 {
            // SAFETY: the processor has been asked.
            unsafe { $instruction }
        }
    )*};
}

impl Registers for Avx512 {
    type Sixteen = __m512;
    const N: usize = 32;
    const BLOCKS_AT_ONCE: usize = 2;

    instructions! {
        splat(x: f32) = _mm512_set1_ps(x);
        // A line is 64 bytes long and begins at a multiple of 64.
        load(line: &Line) = _mm512_load_ps(line.0.as_ptr());
        add(a: __m512, b: __m512) = _mm512_add_ps(a, b);
        mul(a: __m512, b: __m512) = _mm512_mul_ps(a, b);
        mul_add(a: __m512, b: __m512, c: __m512) = _mm512_fmadd_ps(a, b, c);
        max(a: __m512, b: __m512) = _mm512_max_ps(a, b);
        min(a: __m512, b: __m512) = _mm512_min_ps(a, b);
    }

    fn n_together(self, numbers: Numbers) -> usize {
        match numbers {
            Numbers::F32 => 1,
            Numbers::Bf16 | Numbers::Int16 => 2,
            Numbers::Int8 => 4,
        }
    }

    fn blocks_per_line(self, numbers: Numbers) -> usize {
        if self.has_tiles { self.n_together(numbers) } else { 1 }
    }

    #[inline(always)]
    fn compiled<T>(self, task: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx512f")]
        fn run<T>(task: impl FnOnce() -> T) -> T {
            task()
        }
        // SAFETY: the processor has been asked.
        unsafe { run(task) }
    }

    #[inline(always)]
    fn store(self, line: &mut Line, x: __m512) {
        // SAFETY: the processor has been asked; a line is 64 bytes long and begins at a multiple of 64.
        unsafe { _mm512_store_ps(line.0.as_mut_ptr(), x) }
    }

    #[inline(always)]
    unsafe fn load_first(self, n: usize, from: *const f32) -> __m512 {
        // SAFETY: the processor has been asked; what the mask cuts off is not touched.
        unsafe { _mm512_maskz_loadu_ps(mask(n), from) }
    }

    #[inline(always)]
    unsafe fn store_first(self, n: usize, to: *mut f32, x: __m512) {
        // SAFETY: as above.
        unsafe { _mm512_mask_storeu_ps(to, mask(n), x) }
    }

    fn round(self, rounding: &Rounding, lines: &[Line], map: &mut Map, block: usize, place: usize) {
        // SAFETY: networks in bf16 are only made where the processor has their instructions.
        match rounding.numbers {
            Numbers::F32 => {}
            Numbers::Bf16 if self.has_tiles => unsafe {
                bf16::round(lines, amx::halves(map.lines_mut(block / 2, place), block % 2));
            },
            Numbers::Int8 if self.has_tiles => unsafe {
                bytes::round(lines, rounding.scale, amx::quarters(map.lines_mut(block / 4, place), block % 4));
            },
            Numbers::Int16 => unsafe { shorts::round(lines, rounding.scale, map.halves_mut(block, place)) },
            Numbers::Bf16 => unsafe { bf16::round(lines, map.halves_mut(block, place).iter_mut()) },
            Numbers::Int8 => unsafe { bytes::round(lines, rounding.scale, map.bytes_mut(block, place).iter_mut()) },
        }
    }

    fn tiles(self, group: &Group, next: Option<&Group>, x: &Map, place: usize, outputs: &mut Outputs<'_>) {
        let block_len = x.shape.block_len();
        // SAFETY: networks in bf16 or whole numbers are only made where the processor has their instructions.
        match x.shape.numbers {
            Numbers::F32 => unsafe { f32_tiles(self, group, x.lines(0, place), block_len, outputs) },
            Numbers::Bf16 if self.has_tiles => amx::tiles::<Bf16Tiles>(self, group, next, x, place, outputs),
            Numbers::Int8 if self.has_tiles => amx::tiles::<ByteTiles>(self, group, next, x, place, outputs),
            Numbers::Int16 => unsafe { shorts::tiles(self, group, x.halves(0, place), block_len, outputs) },
            Numbers::Bf16 => unsafe { bf16::tiles(self, group, x.halves(0, place), block_len, outputs) },
            Numbers::Int8 => unsafe { bytes::tiles(self, group, x.bytes(0, place), block_len, outputs) },
        }
    }

    fn multiply(self, left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
        self.compiled(
            #[inline(always)]
            || product::blocks::<_, 4, 4, 8, 3>(self, left, right, product),
        );
    }
}

/// The first `n` lanes.
#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    if n >= LANES { !0 } else { (1 << n) - 1 }
}

#[target_feature(enable = "avx512f")]
fn f32_tiles(r: Avx512, group: &Group, x: &[Line], block_len: usize, outputs: &mut Outputs<'_>) {
    by_blocks::<_, 14>(Floats(r), group, x, block_len, outputs);
}

/// 28 sums (14 pixels by 2 lines), two lines of weights and a value of the input fill the 32 registers; per value 28
/// multiply-adds wait for 16 loads, so that nothing but the multipliers is the bound. 14 divides the pixels of every
/// layer of a 224-pixel photo but the last ones, 7 those.
#[inline(always)]
fn by_blocks<M: Multiplier, const WIDE: usize>(
    m: M,
    group: &Group,
    x: &[M::Input],
    block_len: usize,
    outputs: &mut Outputs<'_>,
) {
    match group.bias.len() {
        1 => tile::columns::<_, 1, WIDE, 7>(m, group, x, block_len, outputs),
        2 => tile::columns::<_, 2, WIDE, 7>(m, group, x, block_len, outputs),
        _ => tile::columns::<_, 3, 7, 7>(m, group, x, block_len, outputs),
    }
}
