//! Products of weights and batches, in kernels of our own where there are any: for batches as narrow as those of
//! training they take half the time of BLAS, which copies the weights into another order first.

use tch::Tensor;
use tl_kernels::{Matrix, Numbers, multiply};
use tl_torch::{f32_mut, f32_slice};

use crate::error::HeadError;

/// The left factor `[m, k]`, all f32 and row by row in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a> {
    /// As it is.
    Rows(&'a Tensor),
    /// The transpose of `m` columns of `matrix`, from `first` on; it has `k` rows.
    Columns { matrix: &'a Tensor, first: i64 },
}

/// `product = left · right`, for `right` `[k, n]` and `product` `[m, n]`, row by row in memory.
pub(crate) fn product(left: Left<'_>, right: &Tensor, product: &mut Tensor) -> Result<(), HeadError> {
    match Numbers::F32.is_supported() {
        true => by_kernels(left, right, product),
        false => by_libtorch(left, right, product),
    }
}

fn by_kernels(left: Left<'_>, right: &Tensor, product: &mut Tensor) -> Result<(), HeadError> {
    let m = product.size2()?.0 as usize;
    let matrix = match left {
        Left::Rows(rows) => {
            let k = rows.size2()?.1 as usize;
            Matrix { values: f32_slice(rows)?, shape: [m, k], row_step: k, column_step: 1 }
        }
        Left::Columns { matrix, first } => {
            let (k, n_columns) = matrix.size2()?;
            let values = f32_slice(matrix)?.get(first as usize..).unwrap_or_default();
            Matrix { values, shape: [m, k as usize], row_step: 1, column_step: n_columns as usize }
        }
    };
    Ok(multiply(matrix, f32_slice(right)?, f32_mut(product)?)?)
}

fn by_libtorch(left: Left<'_>, right: &Tensor, product: &mut Tensor) -> Result<(), HeadError> {
    match left {
        Left::Rows(rows) => {
            let _ = rows.f_mm_out(product, right)?;
        }
        // Turned round, because BLAS takes twice the time for the transpose of a wide matrix.
        Left::Columns { matrix, first } => {
            let m = product.size2()?.0;
            let turned = right.f_tr()?.f_mm(&matrix.f_narrow(1, first, m)?)?;
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
        let (rows, matrix) = (random(33, 50), random(50, 40));
        let lefts = [Left::Rows(&rows), Left::Columns { matrix: &matrix, first: 5 }];
        let right = random(50, 20);
        for left in lefts {
            let (mut own, mut libtorch) = (random(33, 20), random(33, 20));
            by_kernels(left, &right, &mut own).expect("matrices fit");
            by_libtorch(left, &right, &mut libtorch).expect("matrices fit");
            assert!((own - libtorch).abs().max().double_value(&[]) < 1e-5, "{left:?}");
        }
    }
}
