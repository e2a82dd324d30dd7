//! Products of matrices against plain loops.

use proptest::prelude::*;
use tl_kernels::{Instructions, KernelError, Matrix, Numbers, multiply, multiply_by};

use crate::random::Random;

proptest! {
    /// Every rest of a tile, more terms than go through it at a time, and a left matrix that lies either way.
    #[test]
    fn products_are_what_plain_loops_give(
        m in 0..40_usize, n in prop_oneof![4 => 0..70_usize, 1 => 500..600_usize],
        k in prop_oneof![0..40_usize, 250..300_usize],
        is_turned: bool, gap in 0..3_usize, seed: u64,
    ) {
        let mut random = Random(seed);
        let (row_step, column_step) = if is_turned { (1, m + gap) } else { (k + gap, 1) };
        let a = random.values((m + gap) * (k + gap) + 1, 1.0);
        let b = random.values(k * n, 1.0);
        let left = Matrix { values: &a, shape: [m, k], row_step, column_step };
        for instructions in Instructions::ALL.into_iter().filter(|instructions| instructions.can(Numbers::F32)) {
            let mut found = vec![f32::NAN; m * n];
            multiply_by(Some(instructions), left, &b, &mut found).unwrap();
            for (i, found) in found.iter().enumerate() {
                let term = |t: usize| f64::from(a[i / n * row_step + t * column_step]) * f64::from(b[t * n + i % n]);
                let wanted: f64 = (0..k).map(term).sum();
                prop_assert!((f64::from(*found) - wanted).abs() < 1e-4, "{found} for {wanted}");
            }
        }
    }
}

/// How a product is cut into several does not show in its bits.
#[test]
fn the_same_bits_row_by_row() {
    if !Numbers::F32.is_supported() {
        return;
    }
    let (n_rows, n_columns, n_terms) = (11, 600, 700);
    let (left, right) = (Random(1).values(n_rows * n_terms, 1.0), Random(2).values(n_terms * n_columns, 1.0));
    let matrix = |values, n_rows| Matrix { values, shape: [n_rows, n_terms], row_step: n_terms, column_step: 1 };
    let (mut whole, mut parts) = (vec![0.0; n_rows * n_columns], vec![0.0; n_rows * n_columns]);
    multiply(matrix(&left, n_rows), &right, &mut whole).unwrap();
    for (left, row) in left.chunks(n_terms).zip(parts.chunks_mut(n_columns)) {
        multiply(matrix(left, 1), &right, row).unwrap();
    }
    assert_eq!(whole, parts);
}

#[test]
fn slices_without_room_are_refused() {
    if !Numbers::F32.is_supported() {
        return;
    }
    let matrix = |n_values| Matrix { values: &[1.0; 6][..n_values], shape: [2, 3], row_step: 3, column_step: 1 };
    let refused = |left: usize, right: usize, product: usize| {
        multiply(matrix(left), &vec![1.0; right], &mut vec![0.0; product]).unwrap_err()
    };
    assert!(matches!(refused(5, 12, 8), KernelError::Size { what: "the left matrix", wanted: 6, found: 5 }));
    assert!(matches!(refused(6, 11, 8), KernelError::Size { what: "the right matrix", wanted: 12, found: 11 }));
    assert!(matches!(refused(6, 12, 9), KernelError::Size { what: "the product", wanted: 8, found: 9 }));
}
