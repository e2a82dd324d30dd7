//! The space in which the fit is easy.

use tch::{Device, Kind, Tensor};

use crate::error::HeadError;

/// Directions with less than this part of the largest variance are rounding.
const NEGLIGIBLE: f64 = 1e-6;

/// Principal components of features that were centred and divided by one number, so that their mean variance is 1.
///
/// One number for all, and not one per feature: a feature of a pretrained network that hardly moves has little to
/// say, and scaling it up adds noise.
///
/// The ridge penalty does not see a rotation, so that the optimum is the same in this basis as in the features';
/// but here the Hessian is nearly diagonal, which saves most steps, and with fewer examples than features there
/// are only as many components as examples, which makes each step cheap.
pub(super) struct Space {
    /// `[F] f32`.
    mean: Tensor,
    /// Root of the mean variance; 1 where nothing varies.
    scale: f64,
    /// `[F, P] f32` with orthonormal columns.
    basis: Tensor,
    /// Variance along each component, P values.
    pub(super) variances: Vec<f64>,
}

impl Space {
    /// The space of `features` `[N, F] f32` and their coordinates in it, `[N, P + 1] f32`; the last column is 1.
    pub(super) fn of(features: &Tensor) -> Result<(Self, Tensor), HeadError> {
        let mean = features.f_mean_dim(0, false, Kind::Float)?;
        let centred = features.f_sub(&mean)?;
        let scale = scale(&centred, features)?;
        let scaled = centred.f_div_scalar(scale)?;
        let (n, width) = features.size2()?;
        let (basis, variances) = if n < width { by_rows(&scaled)? } else { by_columns(&scaled)? };
        let ones = Tensor::f_ones([n, 1], (Kind::Float, Device::Cpu))?;
        let coordinates = Tensor::f_cat(&[scaled.f_matmul(&basis)?, ones], 1)?;
        Ok((Self { mean, scale, basis, variances }, coordinates))
    }

    /// Weight `[K, F]` and bias `[K]`, f32, on features as they are, of `weights` `[K, P + 1] f64` on coordinates.
    pub(super) fn to_features(&self, weights: &Tensor) -> Result<(Tensor, Tensor), HeadError> {
        let n_components = self.variances.len() as i64;
        let double = |tensor: &Tensor| tensor.f_to_kind(Kind::Double);
        let on_components = weights.f_narrow(1, 0, n_components)?;
        let weight = on_components.f_matmul(&double(&self.basis)?.f_tr()?)?.f_div_scalar(self.scale)?;
        let bias = weights.f_select(1, n_components)?.f_sub(&weight.f_mv(&double(&self.mean)?)?)?;
        Ok((weight.f_to_kind(Kind::Float)?, bias.f_to_kind(Kind::Float)?))
    }
}

/// Root of the mean variance, 1 where it is no more than rounding of the features.
fn scale(centred: &Tensor, features: &Tensor) -> Result<f64, HeadError> {
    let mean_square = |tensor: &Tensor| tensor.f_square()?.f_mean(Kind::Double)?.f_double_value(&[]);
    let variance = mean_square(centred)?;
    Ok(if variance > 1e-12 * mean_square(features)? { variance.sqrt() } else { 1.0 })
}

/// Principal directions from the covariance of the features, for at least as many examples as features.
fn by_columns(scaled: &Tensor) -> Result<(Tensor, Vec<f64>), HeadError> {
    let n = scaled.size()[0] as f64;
    let (variances, basis) = scaled.f_tr()?.f_matmul(scaled)?.f_div_scalar(n)?.f_linalg_eigh("L")?;
    keep_large(&variances, &basis)
}

/// The same from the products of the examples, which are fewer.
fn by_rows(scaled: &Tensor) -> Result<(Tensor, Vec<f64>), HeadError> {
    let n = scaled.size()[0] as f64;
    let (variances, scores) = scaled.f_matmul(&scaled.f_tr()?)?.f_div_scalar(n)?.f_linalg_eigh("L")?;
    let (scores, variances) = keep_large(&variances, &scores)?;
    let lengths: Vec<f32> = variances.iter().map(|v| (v * n).sqrt() as f32).collect();
    let basis = scaled.f_tr()?.f_matmul(&scores)?.f_div_(&Tensor::f_from_slice(&lengths)?)?;
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
