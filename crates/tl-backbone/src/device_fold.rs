//! Folding of all trained layers at once, for a GPU.
//!
//! Layer by layer the way there and back, [`Backbone::fold`] and [`Backbone::unfold`], takes twenty operators for each, a
//! thousand in a step, and a GPU is slower to be told of one than to compute it.

mod rows;

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use tl_torch::all_to_kind;

use self::rows::{Rows, Scaled};
use crate::{
    architecture::Layer, backbone::Backbone, error::BackboneError, folded::Folded, layout::Layout, precision::Precision,
};

/// What does not change from step to step as long as the same layers are trained, with statistics that stay.
#[derive(Debug)]
pub struct DeviceFold {
    /// With the values of layers that are not trained.
    form: Folded,
    /// Those of the form, each with whether it is trained.
    layers: Vec<(Layer, bool)>,
    /// Of the trained convolutions; none where there are none.
    rows: Option<Rows>,
}

/// The folded form of one step, with what the chain rule needs on the way back.
#[derive(Debug)]
pub struct DeviceFolded<'a> {
    fold: &'a DeviceFold,
    form: Folded,
    scaled: Option<Scaled>,
}

impl DeviceFold {
    /// For the layers of `backbone` that are trained now, with the statistics of now, on the device where it is.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when libtorch refuses.
    pub fn new(backbone: &Backbone, precision: Precision) -> Result<Self, BackboneError> {
        let _guard = tch::no_grad_guard();
        let layers: Vec<(Layer, bool)> =
            backbone.trained_blocks().map(|(layer, trained)| (layer.clone(), trained)).collect();
        let convs = layers.iter().filter_map(|(layer, trained)| match layer {
            Layer::Conv(conv) if *trained => Some(conv.clone()),
            _ => None,
        });
        let rows = Rows::new(backbone, convs.collect())?;
        Ok(Self { form: backbone.fold(precision)?.laid_out(Layout::Plain), layers, rows })
    }

    /// The folded form as the parameters of `backbone`, for which this was made, are now; the leaves of a graph.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when libtorch refuses; that or [`BackboneError::Tensors`] for another network's
    /// backbone.
    pub fn fold(&self, backbone: &Backbone) -> Result<DeviceFolded<'_>, BackboneError> {
        let _guard = tch::no_grad_guard();
        let fold = |rows: &Rows| rows.fold(backbone, self.form.kind());
        let (folded, scaled) = self.rows.as_ref().map(fold).transpose()?.unzip();
        let form = self.form.with_values(&self.values(backbone, folded.unwrap_or_default())?)?;
        Ok(DeviceFolded { fold: self, form, scaled })
    }

    /// The values of all layers in their order; those of trained convolutions are `folded`.
    fn values(&self, backbone: &Backbone, folded: Vec<Tensor>) -> Result<Vec<Tensor>, BackboneError> {
        let mut folded = folded.into_iter();
        let mut values = Vec::new();
        for (layer, trained) in &self.layers {
            let n = values.len();
            match layer {
                Layer::Conv(_) if *trained => values.extend(folded.by_ref().take(2)),
                Layer::Conv(_) => values.extend(shallow(&self.form.values()[n..n + 2])),
                Layer::SqueezeExcite(excite) if *trained => values.extend(backbone.excite_tensors(excite)?),
                Layer::SqueezeExcite(_) => values.extend(shallow(&self.form.values()[n..n + 4])),
            }
        }
        // Those of trained squeeze-and-excite layers are f32 still.
        Ok(all_to_kind(&values, self.form.kind())?)
    }
}

impl DeviceFolded<'_> {
    /// See [`Folded::forward`].
    ///
    /// # Errors
    /// As [`Folded::forward`].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, BackboneError> {
        self.form.forward(x)
    }

    /// See [`Folded::leaves`].
    pub fn leaves(&self) -> impl Iterator<Item = &Tensor> {
        self.form.leaves()
    }

    /// What [`Backbone::unfold`] gives of the gradients of [`Self::leaves`], by the names of the parameters.
    ///
    /// # Errors
    /// [`BackboneError::Folded`] for too few gradients, [`BackboneError::Torch`] for those of other shapes.
    pub fn unfold(&self, gradients: &[Tensor]) -> Result<BTreeMap<String, Tensor>, BackboneError> {
        let _guard = tch::no_grad_guard();
        let mut gradients = gradients.iter();
        let mut next = || gradients.next().ok_or(BackboneError::Folded);
        let (mut of_kernels, mut of_biases, mut of_excites, mut names) = (vec![], vec![], vec![], vec![]);
        for (layer, _) in self.fold.layers.iter().filter(|(_, trained)| *trained) {
            match layer {
                Layer::Conv(_) => {
                    of_kernels.push(next()?);
                    of_biases.push(next()?);
                }
                Layer::SqueezeExcite(excite) => {
                    for name in excite.names() {
                        names.push(name);
                        of_excites.push(next()?.shallow_clone());
                    }
                }
            }
        }
        let of_excites = names.into_iter().zip(all_to_kind(&of_excites, Kind::Float)?);
        let mut found: BTreeMap<String, Tensor> = of_excites.collect();
        if let (Some(rows), Some(scaled)) = (&self.fold.rows, &self.scaled) {
            found.extend(rows.unfold(scaled, &of_kernels, &of_biases)?);
        }
        Ok(found)
    }
}

fn shallow(tensors: &[Tensor]) -> impl Iterator<Item = Tensor> {
    tensors.iter().map(Tensor::shallow_clone)
}
