//! AVX2 with FMA: a line is two registers.
#![allow(unsafe_code)]

mod bytes;
mod shorts;

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_ps, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_load_ps, _mm256_loadu_ps,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setr_epi32, _mm256_store_ps, _mm256_storeu_ps,
};

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
        tile::{self, Floats, Group, Outputs},
    },
};

/// Values in a register.
const HALF: usize = LANES / 2;

/// A processor with AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2 {
    /// Whether whole numbers are multiplied by AVX-VNNI.
    has_vnni: bool,
}

impl Avx2 {
    /// Asks the processor.
    pub(crate) fn new() -> Option<Self> {
        Instructions::Avx2.can(Numbers::F32).then_some(Self { has_vnni: false })
    }

    /// Asks it for AVX-VNNI too.
    pub(crate) fn with_vnni() -> Option<Self> {
        Instructions::AvxVnni.can(Numbers::Int8).then_some(Self { has_vnni: true })
    }
}

macro_rules! instructions {
    ($($name:ident($($x:ident: $X:ty),*) = $low:expr, $high:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($x: $X),*) -> [__m256; 2] {
            // SAFETY: the processor has been asked.
            unsafe { [$low, $high] }
        }
    )*};
}

impl Registers for Avx2 {
    type Sixteen = [__m256; 2];
    const N: usize = 8;
    const BLOCKS_AT_ONCE: usize = 1;

    instructions! {
        splat(x: f32) = _mm256_set1_ps(x), _mm256_set1_ps(x);
        // A line is 64 bytes long and begins at a multiple of 64.
        load(line: &Line) = _mm256_load_ps(line.0.as_ptr()), _mm256_load_ps(line.0[HALF..].as_ptr());
        add(a: [__m256; 2], b: [__m256; 2]) = _mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1]);
        mul(a: [__m256; 2], b: [__m256; 2]) = _mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1]);
        mul_add(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) =
            _mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1]);
        max(a: [__m256; 2], b: [__m256; 2]) = _mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1]);
        min(a: [__m256; 2], b: [__m256; 2]) = _mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1]);
    }

    fn n_together(self, numbers: Numbers) -> usize {
        match numbers {
            Numbers::F32 => 1,
            Numbers::Int8 if self.has_vnni => 4,
            Numbers::Bf16 | Numbers::Int16 | Numbers::Int8 => 2,
        }
    }

    #[inline(always)]
    fn compiled<T>(self, task: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx2,fma")]
        fn run<T>(task: impl FnOnce() -> T) -> T {
            task()
        }
        // SAFETY: the processor has been asked.
        unsafe { run(task) }
    }

    #[inline(always)]
    fn store(self, line: &mut Line, x: [__m256; 2]) {
        // SAFETY: the processor has been asked; a line is 64 bytes long and begins at a multiple of 64.
        unsafe {
            _mm256_store_ps(line.0.as_mut_ptr(), x[0]);
            _mm256_store_ps(line.0[HALF..].as_mut_ptr(), x[1]);
        }
    }

    #[inline(always)]
    unsafe fn load_first(self, n: usize, from: *const f32) -> [__m256; 2] {
        let high = from.wrapping_add(HALF);
        // SAFETY: the processor has been asked; what the masks cut off is not touched.
        unsafe {
            match n {
                LANES.. => [_mm256_loadu_ps(from), _mm256_loadu_ps(high)],
                _ => [_mm256_maskload_ps(from, mask(n)), _mm256_maskload_ps(high, mask(n.saturating_sub(HALF)))],
            }
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, n: usize, to: *mut f32, x: [__m256; 2]) {
        let high = to.wrapping_add(HALF);
        // SAFETY: as above.
        unsafe {
            if n >= LANES {
                _mm256_storeu_ps(to, x[0]);
                _mm256_storeu_ps(high, x[1]);
            } else {
                _mm256_maskstore_ps(to, mask(n), x[0]);
                _mm256_maskstore_ps(high, mask(n.saturating_sub(HALF)), x[1]);
            }
        }
    }

    fn round(self, rounding: &Rounding, lines: &[Line], map: &mut Map, block: usize, place: usize) {
        match rounding.numbers {
            // There are no networks in bf16.
            Numbers::F32 | Numbers::Bf16 => {}
            // SAFETY: the processor has been asked.
            Numbers::Int8 if self.has_vnni => unsafe {
                bytes::round(lines, rounding.scale, map.bytes_mut(block, place));
            },
            // SAFETY: as above.
            Numbers::Int16 | Numbers::Int8 => unsafe {
                shorts::round(lines, rounding.scale, map.halves_mut(block, place));
            },
        }
    }

    fn tiles(self, group: &Group, _: Option<&Group>, x: &Map, place: usize, outputs: &mut Outputs<'_>) {
        let block_len = x.shape.block_len();
        match x.shape.numbers {
            // SAFETY: the processor has been asked.
            Numbers::F32 => unsafe { f32_tiles(self, group, x.lines(0, place), block_len, outputs) },
            // There are no networks in bf16.
            Numbers::Bf16 => {}
            // SAFETY: the processor has been asked.
            Numbers::Int8 if self.has_vnni => unsafe {
                bytes::tiles(self, group, x.bytes(0, place), block_len, outputs);
            },
            // SAFETY: as above.
            Numbers::Int16 if self.has_vnni => unsafe {
                shorts::fused_tiles(self, group, x.halves(0, place), block_len, outputs);
            },
            // SAFETY: as above.
            Numbers::Int16 | Numbers::Int8 => unsafe {
                shorts::tiles(self, group, x.halves(0, place), block_len, outputs);
            },
        }
    }

    fn multiply(self, left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
        self.compiled(
            #[inline(always)]
            || product::blocks::<_, 2, 2, 6, 1>(self, left, right, product),
        );
    }
}

/// The first `n` values of a register.
#[inline(always)]
fn mask(n: usize) -> __m256i {
    // SAFETY: the processor has been asked.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

/// Twelve sums (6 pixels by a line), a line of weights and a value of the input fill the 16 registers but one; all that
/// is left over of sixes is done in fives, which keep the multipliers as busy.
#[target_feature(enable = "avx2,fma")]
fn f32_tiles(r: Avx2, group: &Group, x: &[Line], block_len: usize, outputs: &mut Outputs<'_>) {
    tile::columns::<_, 1, 6, 5>(Floats(r), group, x, block_len, outputs);
}
