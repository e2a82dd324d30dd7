//! The optimizers against PyTorch's and Keras's formulas; `tests/optimizer.py` made the numbers.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use tl_train::{
    AdamConfig, Clipping, Ema, EpsilonAt, GradientSum, Group, Optimizer, OptimizerConfig, RmsPropConfig, SgdConfig,
    global_norm,
};

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
fn trajectories() -> [(OptimizerConfig, [f64; 8]); 11] {
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
        (OptimizerConfig::rmsprop(0.0), [
            1.670_187_41, -0.028_920_419, 0.445_734_245, 0.013_937_115, 1.233_231_593, -2.706_577_184,
            1.342_434_298, -1.872_760_159,
        ]),
        (OptimizerConfig::RmsProp(RmsPropConfig { decay: 0.99, epsilon: 1e-8, momentum: 0.9, weight_decay: 0.1 }), [
            0.020_197_479, 2.468_769_921, -0.600_675_749, -2.502_380_054, 1.889_197_559, -3.922_101_247,
            5.684_335_739, -4.374_257_832,
        ]),
        (OptimizerConfig::lion(0.1), [
            0.800_362_873, -0.652_211_41, 1.136_402_838, 1.620_594_266, 0.558_267_159, -1.042_458_587, 0.42, -0.52,
        ]),
    ]
}

/// Doubles go through libtorch's operators, f32 on the CPU through our own loop: both must get there.
#[test]
fn five_steps_end_where_the_others_end() {
    for (config, expected) in trajectories() {
        for (kind, tolerance) in [(Kind::Double, 1e-8), (Kind::Float, 5e-5)] {
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

/// Numbers in another order than that of their indices go through lists, as those on a GPU do.
#[test]
fn parameters_in_lists_take_the_steps_that_they_take_one_by_one() {
    for (config, _) in trajectories() {
        let (plain, alone, listed) = (start(Kind::Float), start(Kind::Float), start(Kind::Float));
        let turned = |[weight, bias]: [Tensor; 2]| {
            let weight = weight.detach().transpose(0, 1).contiguous().transpose(0, 1);
            assert!(!weight.is_contiguous());
            [weight, bias.detach().repeat_interleave_self_int(2, 0, None).slice(0, None, None, 2)]
                .map(|tensor| tensor.set_requires_grad(true))
        };
        let (alone, listed) = (turned(alone), turned(listed));
        steps(&mut optimizer(config.clone(), &plain), &plain, &RATES);
        steps(&mut optimizer(config.clone(), &listed), &listed, &RATES);
        let one =
            |tensor: &Tensor| Optimizer::new(config.clone(), vec![("one".to_owned(), tensor.shallow_clone())]).unwrap();
        let mut optimizers = alone.each_ref().map(one);
        for rate in RATES {
            optimizers.iter_mut().for_each(Optimizer::zero_grad);
            loss(&alone).backward();
            for optimizer in &mut optimizers {
                optimizer.step(rate).unwrap();
            }
        }
        assert_eq!(values(&alone), values(&listed), "{config:?}");
        assert_near(&values(&listed), &values(&plain), 5e-5);
    }
}

/// Doubles are computed on together, as what is on a GPU, and f32 one by one.
#[test]
fn gradients_in_lists_are_clipped_and_added_as_one_by_one() {
    let of = |kind: Kind, salt: f64| {
        let numbers = Tensor::arange(7, (Kind::Double, tch::Device::Cpu)) + salt;
        vec![numbers.sin().to_kind(kind), Tensor::new(), numbers.cos().narrow(0, 0, 3).to_kind(kind)]
    };
    let all = |kind: Kind| {
        let mut sum = GradientSum::default();
        for (salt, weight) in [(0.0, 1.0), (1.0, 0.5), (2.0, 1.0)] {
            sum.add(&of(kind, salt), weight).unwrap();
        }
        let mut gradients = sum.total();
        let norm = Clipping { norm: Some(1.0), value: Some(0.8) }.apply(&mut gradients).unwrap().unwrap();
        assert!(!gradients[1].defined());
        let numbers = [&gradients[0], &gradients[2]].map(|g| Vec::<f64>::try_from(g.to_kind(Kind::Double)).unwrap());
        [numbers.concat(), vec![norm, global_norm(&gradients).unwrap()]].concat()
    };
    assert_near(&all(Kind::Float), &all(Kind::Double), 1e-6);
    // What counts once is not copied.
    let gradients = of(Kind::Double, 0.0);
    let mut sum = GradientSum::default();
    sum.add(&gradients, 1.0).unwrap();
    assert_eq!(sum.total()[0].data_ptr(), gradients[0].data_ptr());
}

#[test]
fn a_resumed_run_takes_the_same_steps_to_the_bit() {
    for (config, _) in trajectories() {
        let whole = start(Kind::Float);
        steps(&mut optimizer(config.clone(), &whole), &whole, &RATES);

        let first = start(Kind::Float);
        let mut before = optimizer(config.clone(), &first);
        steps(&mut before, &first, &RATES[..2]);
        let state: BTreeMap<String, Tensor> = before.state_tensors().unwrap();
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
    let state: BTreeMap<String, Tensor> = optimizer.state_tensors().unwrap();
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
    let mut state: BTreeMap<String, Tensor> = optimizer.state_tensors().unwrap();
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

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }
}

#[test]
#[rustfmt::skip]
fn clipped_gradients_lead_where_pytorch_leads() {
    let by_norm = Clipping { norm: Some(0.1), value: None };
    let by_value = Clipping { norm: None, value: Some(0.05) };
    for (clipping, expected) in [
        (by_norm, [
            0.500_774_565, -0.998_539_791, 1.499_254_368, 1.981_306_327, 0.303_252_996, -0.758_522_111, 0.100_789_066,
            -0.236_787_296,
        ]),
        (by_value, [
            0.505_661_108, -0.989_322_385, 1.494_548_367, 1.966_032_4, 0.283_967_6, -0.783_967_6, 0.105_766_618,
            -0.233_967_6,
        ]),
    ] {
        for (kind, tolerance) in [(Kind::Double, 1e-8), (Kind::Float, 2e-5)] {
            let parameters = start(kind);
            let mut optimizer = optimizer(sgd(0.9, false, 0.0), &parameters);
            for rate in RATES {
                let mut gradients = optimizer.gradients(&loss(&parameters)).unwrap();
                clipping.apply(&mut gradients).unwrap();
                optimizer.step_gradients(&gradients, rate).unwrap();
            }
            assert_near(&values(&parameters), &expected, tolerance);
        }
    }
}

#[test]
fn a_norm_within_bounds_or_beyond_mending_changes_nothing() {
    let clipping = Clipping { norm: Some(5.0), value: None };
    for (value, norm) in [(1.0f32, 5f64.sqrt()), (f32::INFINITY, f64::INFINITY)] {
        let mut gradients = [Tensor::from_slice(&[value]), Tensor::new(), Tensor::from_slice(&[2f32])];
        let found = clipping.apply(&mut gradients).unwrap().unwrap();
        assert!(found.total_cmp(&norm).is_eq() || (found - norm).abs() < 1e-12, "{found} and not {norm}");
        assert_eq!(Vec::<f32>::try_from(&gradients[0]).unwrap(), [value]);
        assert!(!gradients[1].defined());
    }
    let long = Tensor::arange(1003, (Kind::Float, tch::Device::Cpu));
    let by_hand = (0..1003).map(|i| f64::from(i * i)).sum::<f64>().sqrt();
    assert!((global_norm(&[long]).unwrap() - by_hand).abs() < 1e-9);
}

#[test]
#[rustfmt::skip]
fn groups_take_steps_of_their_own() {
    let [weight, bias] = start(Kind::Double);
    let group = |name: &str, tensor: &Tensor| Group::new(name, vec![(name.to_owned(), tensor.shallow_clone())]);
    let groups = vec![
        Group { lr_scale: 0.5, weight_decay: Some(0.2), ..group("weight", &weight) },
        Group { lr_scale: 2.0, ..group("bias", &bias) },
    ];
    let mut optimizer = Optimizer::with_groups(OptimizerConfig::adamw(0.01), groups).unwrap();
    assert_eq!(optimizer.names(), ["weight", "bias"]);
    let parameters = [weight, bias];
    steps(&mut optimizer, &parameters, &RATES);
    assert_near(&values(&parameters), &[
        0.634_278_248, -0.818_746_164, 1.302_778_599, 1.784_360_131, 0.392_448_987, -0.875_059_817, 0.708_356_238,
        -0.814_384_087,
    ], 1e-8);
}

#[test]
fn unusable_groups_are_all_named() {
    let [weight, bias] = start(Kind::Float);
    let groups = vec![
        Group { lr_scale: -1.0, ..Group::new("stem", vec![("weight".to_owned(), weight)]) },
        Group { weight_decay: Some(f64::NAN), ..Group::new("head", vec![("weight".to_owned(), bias)]) },
    ];
    let error = Optimizer::with_groups(OptimizerConfig::adam_torch(), groups).unwrap_err().to_string();
    assert_eq!(
        error,
        "lr_scale of group `stem` is -1, but it must be 0 or more\n\
         weight_decay of group `head` is NaN, but it must be 0 or more\n\
         two parameters are named weight"
    );
}

#[test]
fn gradients_of_other_parameters_are_refused() {
    let parameters = start(Kind::Float);
    let mut optimizer = optimizer(OptimizerConfig::adam_torch(), &parameters);
    let mut gradients = optimizer.gradients(&loss(&parameters)).unwrap();
    gradients.swap(0, 1);
    let error = optimizer.step_gradients(&gradients, 0.1).unwrap_err().to_string();
    assert!(error.contains("[[2, 3], [2]], but the gradients have [[2], [2, 3]]"), "{error}");
    assert!(optimizer.step_gradients(&gradients[..1], 0.1).is_err());
    assert_eq!(optimizer.n_steps(), 0);
}

/// Rows 1, 2 and 3 in parts of one and two, each counting by its size, against all three at once.
#[test]
fn accumulated_gradients_are_those_of_one_batch() {
    let x = Tensor::from_slice(&[1.0, 2.0, -1.0, 0.5, -1.5, 0.25, 3.0, 0.0, 1.0f64]).reshape([3, 3]);
    let parameters = start(Kind::Double);
    let optimizer = optimizer(OptimizerConfig::adam_torch(), &parameters);
    let of = |first, n| {
        let y = x.narrow(0, first, n).linear(&parameters[0], Some(&parameters[1])).tanh();
        optimizer.gradients(&y.square().mean(Kind::Double)).unwrap()
    };
    let mut sum = GradientSum::default();
    sum.add(&of(0, 1), 1.0 / 3.0).unwrap();
    sum.add(&of(1, 2), 2.0 / 3.0).unwrap();
    for (part, whole) in sum.total().iter().zip(of(0, 3)) {
        assert!((part - whole).abs().max().double_value(&[]) < 1e-14);
    }
}

#[test]
#[rustfmt::skip]
fn the_average_of_weights_goes_where_pytorchs_goes_and_can_be_saved() {
    let expected = [
        0.502_272_099, -0.995_715_16, 1.497_812_216, 1.949_568_573, 0.393_730_56, -0.773_029_848, 0.102_314_506,
        -0.299_229_018,
    ];
    for (kind, tolerance) in [(Kind::Double, 1e-8), (Kind::Float, 1e-5)] {
        let parameters = start(kind);
        let mut optimizer = optimizer(sgd(0.0, false, 0.0), &parameters);
        let mut ema = Ema::new(0.6).unwrap();
        for rate in RATES {
            steps(&mut optimizer, &parameters, &[rate]);
            // Saved and taken up again after each step, which must change nothing.
            let mut resumed = Ema::new(0.6).unwrap();
            resumed.load_state(ema.state_tensors().unwrap(), named(&parameters)).unwrap();
            ema = resumed;
            ema.update(named(&parameters)).unwrap();
        }
        let averages = ema.averages();
        let averages = [&averages["weight"], &averages["bias"]].map(Tensor::shallow_clone);
        assert_near(&values(&averages), &expected, tolerance);
    }
    assert!(Ema::new(1.0).is_err());
}

fn named([weight, bias]: &[Tensor; 2]) -> [(String, &Tensor); 2] {
    [("weight".to_owned(), weight), ("bias".to_owned(), bias)]
}
