//! From the names and layouts of TensorFlow's MobileNet V1 to timm's `mobilenetv1_100`.

use anyhow::{Context, Result, ensure};

use super::tensors::{Tensor, Tensors};

/// Blocks per stage; the thirteen depthwise-separable blocks of the paper (arXiv:1704.04861, table 1) in timm's order.
const STAGES: [usize; 5] = [1, 2, 2, 6, 2];

/// TensorFlow's name of a BatchNorm constant, and torch's.
const BATCH_NORM: [(&str, &str); 4] =
    [("gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean"), ("moving_variance", "running_var")];

/// Renames the constants below `MobilenetV1/` and turns HWIO kernels into OIHW. The background class is dropped.
///
/// # Errors
/// A constant that is missing, or whose shape does not fit.
pub fn convert(source: &Tensors) -> Result<Tensors> {
    let mut target = Tensors::new();
    conv(source, &mut target, "Conv2d_0", "weights", "conv_stem")?;
    batch_norm(source, &mut target, "Conv2d_0", "bn1")?;
    let blocks = STAGES.iter().enumerate().flat_map(|(stage, n)| (0..*n).map(move |block| (stage, block)));
    for (i, (stage, block)) in blocks.enumerate() {
        let (depthwise, pointwise) = (format!("Conv2d_{}_depthwise", i + 1), format!("Conv2d_{}_pointwise", i + 1));
        let path = format!("blocks.{stage}.{block}");
        depthwise_conv(source, &mut target, &depthwise, &format!("{path}.conv_dw"))?;
        batch_norm(source, &mut target, &depthwise, &format!("{path}.bn1"))?;
        conv(source, &mut target, &pointwise, "weights", &format!("{path}.conv_pw"))?;
        batch_norm(source, &mut target, &pointwise, &format!("{path}.bn2"))?;
    }
    classifier(source, &mut target)?;
    Ok(target)
}

fn conv(source: &Tensors, target: &mut Tensors, from: &str, kind: &str, to: &str) -> Result<()> {
    let kernel = get(source, &format!("{from}/{kind}"))?.permute(&[3, 2, 0, 1])?;
    target.insert(format!("{to}.weight"), kernel);
    Ok(())
}

/// A depthwise kernel is `[H, W, C, 1]` there and `[C, 1, H, W]` here.
fn depthwise_conv(source: &Tensors, target: &mut Tensors, from: &str, to: &str) -> Result<()> {
    let kernel = get(source, &format!("{from}/depthwise_weights"))?.permute(&[2, 3, 0, 1])?;
    target.insert(format!("{to}.weight"), kernel);
    Ok(())
}

fn batch_norm(source: &Tensors, target: &mut Tensors, from: &str, to: &str) -> Result<()> {
    for (theirs, ours) in BATCH_NORM {
        let value = get(source, &format!("{from}/BatchNorm/{theirs}"))?.clone();
        target.insert(format!("{to}.{ours}"), value);
    }
    Ok(())
}

/// The classifier is a 1x1 convolution `[1, 1, F, 1 + classes]` whose first output is the background.
fn classifier(source: &Tensors, target: &mut Tensors) -> Result<()> {
    let kernel = get(source, "Logits/Conv2d_1c_1x1/weights")?.permute(&[3, 2, 0, 1])?;
    let bias = get(source, "Logits/Conv2d_1c_1x1/biases")?;
    let [n_outputs, n_features, 1, 1] = kernel.shape[..] else { anyhow::bail!("the classifier is no 1x1 convolution") };
    ensure!(n_outputs > 1 && bias.shape == [n_outputs], "the classifier's bias has another size than its kernel");
    let n_classes = n_outputs - 1;
    let weight = Tensor::new(vec![n_classes, n_features], kernel.values[n_features..].to_vec())?;
    target.insert("classifier.weight".to_owned(), weight);
    target.insert("classifier.bias".to_owned(), Tensor::new(vec![n_classes], bias.values[1..].to_vec())?);
    Ok(())
}

fn get<'a>(source: &'a Tensors, name: &str) -> Result<&'a Tensor> {
    source.get(name).with_context(|| format!("the graph has no constant {name}: this is no MobileNet V1"))
}
