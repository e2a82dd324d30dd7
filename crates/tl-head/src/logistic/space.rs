//! The space in which the fit is easy.

use tch::{Device, Kind, Tensor};

use crate::error::HeadError;

/// Directions with less than this part of the largest variance are rounding.
const NEGLIGIBLE: f64 = 1e-6;

/// Principal components of standardised features.
///
/// The ridge penalty does not see a rotation, so that the optimum is the same in this basis as in the features';
/// but here the Hessian is nearly diagonal, which saves most steps, and with fewer examples than features there
/// are only as many components as examples, which makes each step cheap.
pub(super) struct Space {
    /// `[F] f32`.
    mean: Tensor,
    /// `[F] f32`, 1 for features that never change.
    deviation: Tensor,
    /// `[F, P] f32` with orthonormal columns.
    basis: Tensor,
    /// Variance along each component, P values.
    pub(super) variances: Vec<f64>,
}

impl Space {
    /// The space of `features` `[N, F] f32` and their coordinates in it, `[N, P + 1] f32`; the last column is 1.
    pub(super) fn of(features: &Tensor) -> Result<(Self, Tensor), HeadError> {
        let mean = features.f_mean_dim(0, false, Kind::Float)?;
        let deviation = deviations(features)?;
        let standard = features.f_sub(&mean)?.f_div_(&deviation)?;
        let (n, width) = features.size2()?;
        let (basis, variances) = if n < width { by_rows(&standard)? } else { by_columns(&standard)? };
        let ones = Tensor::f_ones([n, 1], (Kind::Float, Device::Cpu))?;
        let coordinates = Tensor::f_cat(&[standard.f_matmul(&basis)?, ones], 1)?;
        Ok((Self { mean, deviation, basis, variances }, coordinates))
    }

    /// Weight `[K, F]` and bias `[K]`, f32, on features as they are, of `weights` `[K, P + 1] f64` on coordinates.
    pub(super) fn to_features(&self, weights: &Tensor) -> Result<(Tensor, Tensor), HeadError> {
        let n_components = self.variances.len() as i64;
        let double = |tensor: &Tensor| tensor.f_to_kind(Kind::Double);
        let on_components = weights.f_narrow(1, 0, n_components)?;
        let on_standard = on_components.f_matmul(&double(&self.basis)?.f_tr()?)?;
        let weight = on_standard.f_div(&double(&self.deviation)?)?;
        let bias = weights.f_select(1, n_components)?.f_sub(&weight.f_mv(&double(&self.mean)?)?)?;
        Ok((weight.f_to_kind(Kind::Float)?, bias.f_to_kind(Kind::Float)?))
    }
}

/// Standard deviation of each feature, 1 where it is no more than rounding.
fn deviations(features: &Tensor) -> Result<Tensor, HeadError> {
    let deviation = features.f_std_dim(0, false, false)?;
    let largest = features.f_abs()?.f_amax(0, false)?;
    let constant = deviation.f_le_tensor(&largest.f_mul_scalar(1e-6)?)?;
    Ok(deviation.f_masked_fill(&constant, 1.0)?)
}

/// Principal directions from the covariance of the features, for at least as many examples as features.
fn by_columns(standard: &Tensor) -> Result<(Tensor, Vec<f64>), HeadError> {
    let n = standard.size()[0] as f64;
    let (variances, basis) = standard.f_tr()?.f_matmul(standard)?.f_div_scalar(n)?.f_linalg_eigh("L")?;
    keep_large(&variances, &basis)
}

/// The same from the products of the examples, which are fewer.
fn by_rows(standard: &Tensor) -> Result<(Tensor, Vec<f64>), HeadError> {
    let n = standard.size()[0] as f64;
    let (variances, scores) = standard.f_matmul(&standard.f_tr()?)?.f_div_scalar(n)?.f_linalg_eigh("L")?;
    let (scores, variances) = keep_large(&variances, &scores)?;
    let lengths: Vec<f32> = variances.iter().map(|v| (v * n).sqrt() as f32).collect();
    let basis = standard.f_tr()?.f_matmul(&scores)?.f_div_(&Tensor::f_from_slice(&lengths)?)?;
    Ok((basis, variances))
}

/// The columns whose variance is more than rounding; at least one stays.
fn keep_large(variances: &Tensor, vectors: &Tensor) -> Result<(Tensor, Vec<f64>), HeadError> {
    // They come in ascending order.
    let variances: Vec<f64> = tl_torch::to_vec_f32(variances)?.into_iter().map(f64::from).collect();
    let largest = variances.last().copied().unwrap_or_default();
    let n_dropped = variances.iter().take_while(|&&v| v <= largest * NEGLIGIBLE).count().min(variances.len() - 1);
    let kept = variances[n_dropped..].to_vec();
    Ok((vectors.f_narrow(1, n_dropped as i64, kept.len() as i64)?.f_contiguous()?, kept))
}
