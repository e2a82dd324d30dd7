//! The optimizers against PyTorch's and Keras's formulas; `tests/optimizer.py` made the numbers.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use tl_train::{AdamConfig, EpsilonAt, Optimizer, OptimizerConfig, SgdConfig};

const RATES: [f64; 5] = [0.1, 0.1, 0.05, 0.05, 0.02];

/// The script's weight `[2, 3]` and bias `[2]`.
fn start(kind: Kind) -> [Tensor; 2] {
    let weight = Tensor::from_slice(&[0.5, -1.0, 1.5, 2.0, 0.25, -0.75f64]).reshape([2, 3]);
    let bias = Tensor::from_slice(&[0.1, -0.2f64]);
    [weight, bias].map(|tensor| tensor.to_kind(kind).set_requires_grad(true))
}

/// The script's loss.
fn loss([weight, bias]: &[Tensor; 2]) -> Tensor {
    let x = Tensor::from_slice(&[1.0, 2.0, -1.0, 0.5, -1.5, 0.25, 3.0, 0.0, 1.0f64]).reshape([3, 3]);
    let wanted = Tensor::from_slice(&[1.0, -1.0f64]).to_kind(weight.kind());
    let y = x.to_kind(weight.kind()).linear(weight, Some(bias)).tanh();
    (y - wanted).square().mean(weight.kind())
}

fn optimizer(config: OptimizerConfig, [weight, bias]: &[Tensor; 2]) -> Optimizer {
    let named = vec![("weight".to_owned(), weight.shallow_clone()), ("bias".to_owned(), bias.shallow_clone())];
    Optimizer::new(config, named).unwrap()
}

fn steps(optimizer: &mut Optimizer, parameters: &[Tensor; 2], rates: &[f64]) {
    for &rate in rates {
        optimizer.zero_grad();
        loss(parameters).backward();
        optimizer.step(rate).unwrap();
    }
}

fn values(parameters: &[Tensor; 2]) -> Vec<f64> {
    let all = Tensor::cat(&parameters.each_ref().map(|tensor| tensor.detach().reshape([-1])), 0);
    Vec::<f64>::try_from(all.to_kind(Kind::Double)).unwrap()
}

fn adam(epsilon: f64, epsilon_at: EpsilonAt) -> OptimizerConfig {
    OptimizerConfig::Adam(AdamConfig { beta1: 0.9, beta2: 0.999, epsilon, epsilon_at, weight_decay: 0.0 })
}

fn sgd(momentum: f64, nesterov: bool, weight_decay: f64) -> OptimizerConfig {
    OptimizerConfig::Sgd(SgdConfig { momentum, nesterov, weight_decay })
}

/// Each optimizer with the script's parameters after five steps.
#[rustfmt::skip]
fn trajectories() -> [(OptimizerConfig, [f64; 8]); 8] {
    [
        (adam(1e-3, EpsilonAt::Raw), [
            0.602_813_066, -0.851_334_378, 1.399_295_901, 1.726_944_128, 0.543_912_238, -0.989_022_944,
            0.203_911_447, -0.488_778_481,
        ]),
        (adam(1e-3, EpsilonAt::Corrected), [
            0.782_200_311, -0.709_697_364, 1.218_786_602, 1.695_328_891, 0.554_390_726, -1.051_124_642,
            0.382_671_067, -0.504_722_614,
        ]),
        (OptimizerConfig::adam_torch(), [
            0.799_758_15, -0.701_035_944, 1.200_761_136, 1.693_638_73, 0.554_908_279, -1.054_909_014,
            0.399_995_211, -0.505_525_397,
        ]),
        (OptimizerConfig::adamw(0.1), [
            0.778_684_648, -0.674_652_898, 1.158_580_738, 1.634_083_999, 0.542_803_708, -1.026_889_099,
            0.398_404_961, -0.505_361_926,
        ]),
        (sgd(0.0, false, 0.0), [
            0.502_661_519, -0.994_980_384, 1.497_437_101, 1.942_153_135, 0.414_857_065, -0.776_419_604,
            0.102_711_158, -0.313_809_779,
        ]),
        (sgd(0.0, false, 0.1), [
            0.487_027_293, -0.963_045_038, 1.449_847_304, 1.879_735_163, 0.403_920_355, -0.752_138_96,
            0.102_923_342, -0.313_484_019,
        ]),
        (sgd(0.9, false, 0.0), [
            0.505_661_108, -0.989_322_385, 1.494_548_367, 1.881_524_092, 0.587_107_516, -0.803_973_616,
            0.105_766_618, -0.432_950_72,
        ]),
        (sgd(0.9, true, 0.1), [
            0.463_572_211, -0.892_117_282, 1.354_951_805, 1.679_741_139, 0.615_941_671, -0.743_649_417,
            0.109_407_639, -0.478_593_273,
        ]),
    ]
}

/// Doubles go through libtorch's operators, f32 on the CPU through our own loop: both must get there.
#[test]
fn five_steps_end_where_the_others_end() {
    for (config, expected) in trajectories() {
        for (kind, tolerance) in [(Kind::Double, 1e-8), (Kind::Float, 2e-5)] {
            let parameters = start(kind);
            steps(&mut optimizer(config.clone(), &parameters), &parameters, &RATES);
            for (found, expected) in values(&parameters).iter().zip(expected) {
                assert!((found - expected).abs() < tolerance, "{config:?} in {kind:?}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn gradients_taken_at_once_lead_to_the_same_bits() {
    for (config, _) in trajectories() {
        let (apart, together) = (start(Kind::Float), start(Kind::Float));
        steps(&mut optimizer(config.clone(), &apart), &apart, &RATES);
        let mut optimizer = optimizer(config, &together);
        for rate in RATES {
            optimizer.backward_step(&loss(&together), rate).unwrap();
        }
        assert_eq!(values(&apart), values(&together));
    }
}

#[test]
fn a_resumed_run_takes_the_same_steps_to_the_bit() {
    for (config, _) in trajectories() {
        let whole = start(Kind::Float);
        steps(&mut optimizer(config.clone(), &whole), &whole, &RATES);

        let first = start(Kind::Float);
        let mut before = optimizer(config.clone(), &first);
        steps(&mut before, &first, &RATES[..2]);
        let state: BTreeMap<String, Tensor> = before.state_tensors().into_iter().collect();
        let second = first.map(|tensor| tensor.detach().copy().set_requires_grad(true));
        // What was saved is a copy: going on does not change it.
        let mut after = optimizer(config, &second);
        after.load_state(state).unwrap();
        assert_eq!(after.n_steps(), 2);
        steps(&mut after, &second, &RATES[2..]);
        assert_eq!(values(&whole), values(&second));
    }
}

#[test]
fn saved_state_is_a_copy() {
    let parameters = start(Kind::Float);
    let mut optimizer = optimizer(OptimizerConfig::adam_keras(), &parameters);
    steps(&mut optimizer, &parameters, &RATES[..1]);
    let state: BTreeMap<String, Tensor> = optimizer.state_tensors().into_iter().collect();
    let names: Vec<&String> = state.keys().collect();
    assert_eq!(names, ["bias.mean", "bias.mean_square", "n_steps", "weight.mean", "weight.mean_square"]);
    let before = Vec::<f32>::try_from(&state["bias.mean"]).unwrap();
    steps(&mut optimizer, &parameters, &RATES[1..]);
    assert_eq!(Vec::<f32>::try_from(&state["bias.mean"]).unwrap(), before);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let parameters = start(Kind::Float);
    let mut optimizer = optimizer(OptimizerConfig::adam_keras(), &parameters);
    let mut state: BTreeMap<String, Tensor> = optimizer.state_tensors().into_iter().collect();
    state.remove("bias.mean");
    state.insert("weight.mean".to_owned(), Tensor::from_slice(&[1f32]));
    state.insert("other".to_owned(), Tensor::from_slice(&[1f32]));
    assert_eq!(
        optimizer.load_state(state).unwrap_err().to_string(),
        "the optimizer's state lacks bias.mean\n\
         the optimizer's state has weight.mean of shape [1] and not [2, 3]\n\
         the optimizer's state has an unknown other"
    );
    assert_eq!(optimizer.n_steps(), 0);
}

#[test]
fn a_parameter_without_gradient_stays() {
    let parameters = start(Kind::Float);
    let mut optimizer = optimizer(OptimizerConfig::adamw(0.1), &parameters);
    let before = values(&parameters);
    optimizer.step(0.1).unwrap();
    assert_eq!(values(&parameters), before);
}

#[test]
fn constants_outside_their_range_are_all_named() {
    let broken =
        AdamConfig { beta1: 1.0, beta2: -0.1, epsilon: f64::NAN, epsilon_at: EpsilonAt::Raw, weight_decay: -1.0 };
    let error = Optimizer::new(OptimizerConfig::Adam(broken), Vec::new()).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 4, "{error}");
    let error = Optimizer::new(sgd(0.0, true, 0.0), Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "nesterov needs a momentum above 0 (0.9 is usual)");
}
