//! Products of weights and batches, in kernels of our own where there are any: for batches as narrow as those of
//! training they take half the time of BLAS, which copies the weights into another order first.

use tch::Tensor;
use tl_kernels::{Matrix, Numbers, multiply};
use tl_torch::{f32_mut, f32_slice};

use crate::error::HeadError;

/// The left factor `[m, k]`, all f32 and row by row in memory.
#[derive(Debug)]
pub(crate) enum Left {
    /// As it is.
    Rows(Tensor),
    /// The transpose of the columns `first..first + m` of `matrix`, which has `k` rows.
    Columns { matrix: Tensor, first: i64, m: i64 },
}

/// `product = left · right`, for `right` `[k, n]` and `product` `[m, n]`, row by row in memory.
pub(crate) fn product(left: &Left, right: &Tensor, product: &mut Tensor) -> Result<(), HeadError> {
    match Numbers::F32.is_supported() {
        true => by_kernels(left, right, product),
        false => by_libtorch(left, right, product),
    }
}

fn by_kernels(left: &Left, right: &Tensor, product: &mut Tensor) -> Result<(), HeadError> {
    let (tensor, first) = match left {
        Left::Rows(rows) => (rows, 0),
        Left::Columns { matrix, first, .. } => (matrix, *first as usize),
    };
    let (n_rows, n_columns) = tensor.size2()?;
    let (n_rows, n_columns) = (n_rows as usize, n_columns as usize);
    let values = f32_slice(tensor)?.get(first..).unwrap_or_default();
    let matrix = match left {
        Left::Rows(_) => Matrix { values, shape: [n_rows, n_columns], row_step: n_columns, column_step: 1 },
        Left::Columns { m, .. } => Matrix { values, shape: [*m as usize, n_rows], row_step: 1, column_step: n_columns },
    };
    Ok(multiply(matrix, f32_slice(right)?, f32_mut(product)?)?)
}

fn by_libtorch(left: &Left, right: &Tensor, product: &mut Tensor) -> Result<(), HeadError> {
    match left {
        Left::Rows(rows) => {
            let _ = rows.f_mm_out(product, right)?;
        }
        // Turned round, because BLAS takes twice the time for the transpose of a wide matrix.
        Left::Columns { matrix, first, m } => {
            let turned = right.f_tr()?.f_mm(&matrix.f_narrow(1, *first, *m)?)?;
            product.f_copy_(&turned.f_tr()?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn both_ways_give_the_same_but_for_rounding() {
        if !Numbers::F32.is_supported() {
            return;
        }
        tch::manual_seed(0);
        let random = |rows: i64, columns: i64| Tensor::randn([rows, columns], (Kind::Float, Device::Cpu));
        let lefts = [Left::Rows(random(33, 50)), Left::Columns { matrix: random(50, 40), first: 5, m: 33 }];
        let right = random(50, 20);
        for left in lefts {
            let (mut own, mut libtorch) = (random(33, 20), random(33, 20));
            by_kernels(&left, &right, &mut own).expect("matrices fit");
            by_libtorch(&left, &right, &mut libtorch).expect("matrices fit");
            assert!((own - libtorch).abs().max().double_value(&[]) < 1e-5, "{left:?}");
        }
    }
}
