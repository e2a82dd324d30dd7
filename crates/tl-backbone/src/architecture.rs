//! What a network consists of, as data: both forms of the network, and the names and shapes of its weight
//! file, follow from it.

use tl_torch::Activation;

/// A network: blocks of convolutions, global average pooling, and a stack of dense layers on top.
#[derive(Debug, Clone)]
pub(crate) struct Architecture {
    pub(crate) blocks: Vec<Block>,
    /// The `ImageNet` classifier.
    pub(crate) top: Vec<Dense>,
    /// Added to the variance in `BatchNorm`.
    pub(crate) bn_eps: f64,
    pub(crate) padding: Padding,
    /// Convolutions at the start that the inference form computes in f32 whatever its precision.
    ///
    /// Rounding the stem's output is half of the error of the features, more than all other roundings together: the
    /// depthwise kernels behind it take differences of neighbours, in which what they have in common cancels and
    /// the rounding does not. V3 scales channels by what comes out there, and needs one layer more.
    pub(crate) n_exact: usize,
}

impl Architecture {
    /// Whether bytes can carry its activations: relu6 lets 0 to 6 through and their width suits every photo.
    pub(crate) fn has_int8(&self) -> bool {
        self.blocks.iter().flat_map(|block| &block.layers).all(|layer| match layer {
            Layer::Conv(conv) => matches!(conv.activation, Activation::Relu6 | Activation::None),
            Layer::SqueezeExcite(_) => false,
        })
    }

    /// Whether Keras scales pixels by a layer of the network, as it does in V3, which alone squeezes and excites.
    pub(crate) fn scales_in_keras(&self) -> bool {
        self.blocks.iter().flat_map(|block| &block.layers).any(|layer| matches!(layer, Layer::SqueezeExcite(_)))
    }
}

/// How images are padded with zeros before a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// `(kernel - 1) / 2` on each side, as torchvision does.
    Symmetric,
    /// As little as gives `ceil(side / stride)` outputs, the odd zero at the bottom and right, as `TensorFlow`'s
    /// SAME does: an even side with stride 2 is not padded at the top and left at all.
    Same,
}

/// Layers in sequence, with the block's input added at the end where it is residual.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) layers: Vec<Layer>,
    pub(crate) is_residual: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Layer {
    Conv(ConvBn),
    SqueezeExcite(SqueezeExcite),
}

/// Convolution without bias, `BatchNorm`, activation.
#[derive(Debug, Clone)]
pub(crate) struct ConvBn {
    /// Prefix of the convolution's tensors.
    pub(crate) conv: String,
    /// Prefix of the `BatchNorm`'s tensors.
    pub(crate) bn: String,
    pub(crate) n_in: i64,
    pub(crate) n_out: i64,
    pub(crate) kernel: i64,
    pub(crate) stride: i64,
    pub(crate) groups: i64,
    pub(crate) activation: Activation,
}

/// Scales each channel by a number computed from the means of all of them (Hu et al. 2018,
/// "Squeeze-and-Excitation Networks"): two 1x1 convolutions, relu and hardsigmoid.
#[derive(Debug, Clone)]
pub(crate) struct SqueezeExcite {
    /// Prefix of `fc1` and `fc2`.
    pub(crate) name: String,
    pub(crate) n_channels: i64,
    pub(crate) n_squeezed: i64,
}

/// A linear layer of the top with its activation.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    pub(crate) name: String,
    pub(crate) n_in: i64,
    pub(crate) n_out: i64,
    pub(crate) activation: Activation,
}

/// A tensor of the weight file: its name, its shape, and whether it is learnt by gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorInfo {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) is_parameter: bool,
}

impl Architecture {
    /// Every tensor of the weight file: block by block, then the top.
    pub(crate) fn tensors(&self) -> Vec<TensorInfo> {
        let blocks = self.blocks.iter().flat_map(Block::tensors);
        blocks.chain(self.top.iter().flat_map(Dense::tensors)).collect()
    }
}

impl Block {
    /// Every tensor of this block.
    pub(crate) fn tensors(&self) -> Vec<TensorInfo> {
        self.layers.iter().flat_map(Layer::tensors).collect()
    }
}

impl Layer {
    pub(crate) fn tensors(&self) -> Vec<TensorInfo> {
        match self {
            Self::Conv(conv) => conv.tensors(),
            Self::SqueezeExcite(excite) => excite.tensors(),
        }
    }
}

impl ConvBn {
    /// Shape of the kernel: `[C_out, C_in / groups, K, K]`.
    pub(crate) fn weight_shape(&self) -> Vec<i64> {
        vec![self.n_out, self.n_in / self.groups, self.kernel, self.kernel]
    }

    fn tensors(&self) -> Vec<TensorInfo> {
        let channel = |name: &str, is_parameter| TensorInfo {
            name: format!("{}.{name}", self.bn),
            shape: vec![self.n_out],
            is_parameter,
        };
        vec![
            parameter(format!("{}.weight", self.conv), self.weight_shape()),
            channel("weight", true),
            channel("bias", true),
            channel("running_mean", false),
            channel("running_var", false),
        ]
    }
}

impl SqueezeExcite {
    /// The names of its tensors, in the order in which they are used.
    pub(crate) fn names(&self) -> [String; 4] {
        ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"].map(|tensor| format!("{}.{tensor}", self.name))
    }

    fn tensors(&self) -> Vec<TensorInfo> {
        let &Self { n_channels, n_squeezed, .. } = self;
        let shapes = [
            vec![n_squeezed, n_channels, 1, 1],
            vec![n_squeezed],
            vec![n_channels, n_squeezed, 1, 1],
            vec![n_channels],
        ];
        self.names().into_iter().zip(shapes).map(|(name, shape)| parameter(name, shape)).collect()
    }
}

impl Dense {
    fn tensors(&self) -> Vec<TensorInfo> {
        vec![
            parameter(format!("{}.weight", self.name), vec![self.n_out, self.n_in]),
            parameter(format!("{}.bias", self.name), vec![self.n_out]),
        ]
    }
}

fn parameter(name: String, shape: Vec<i64>) -> TensorInfo {
    TensorInfo { name, shape, is_parameter: true }
}
