//! Operations on lists against the same on one tensor after the other.

use tch::{Device, Kind, Tensor};
use tl_torch::{TensorList, all_to_kind};

/// Tensors of several shapes, and one without numbers.
fn tensors(kind: Kind, salt: i64) -> Vec<Tensor> {
    let shapes: [&[i64]; 4] = [&[3, 2, 1, 1], &[7], &[], &[0, 4]];
    let of = |shape: &[i64]| {
        let n = shape.iter().product::<i64>();
        ((Tensor::arange(n, (Kind::Double, Device::Cpu)) * 7 + salt).sin() + 0.25).to_kind(kind).reshape(shape)
    };
    shapes.map(of).into()
}

fn list(tensors: &[Tensor]) -> TensorList {
    TensorList::new(tensors).unwrap()
}

fn assert_near(found: &[Tensor], wanted: impl Iterator<Item = Tensor>) {
    let wanted: Vec<Tensor> = wanted.collect();
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!((found.size(), found.kind()), (wanted.size(), wanted.kind()));
        assert!(found.allclose(&wanted, 1e-6, 1e-7, false), "{found:?} and not {wanted:?}");
    }
}

const FACTORS: [f64; 4] = [0.5, -2.0, 3.0, 1.0];

#[test]
fn a_list_gives_what_its_tensors_give_one_by_one() {
    for kind in [Kind::Float, Kind::Double] {
        let (x, y) = (tensors(kind, 1), tensors(kind, 2));
        let (a, b) = (list(&x), list(&y));
        let pairs = || x.iter().zip(&y);
        let scaled = |x: &[Tensor]| x.iter().zip(FACTORS).map(|(x, f)| x * f).collect::<Vec<_>>();
        assert_near(&a.scaled(&FACTORS).unwrap().to_vec().unwrap(), scaled(&x).into_iter());
        assert_near(&a.product(&b).unwrap().to_vec().unwrap(), pairs().map(|(x, y)| x * y));
        assert_near(&a.quotient(&b).unwrap().to_vec().unwrap(), pairs().map(|(x, y)| x / y));
        assert_near(&a.sum(&b, -0.3).unwrap().to_vec().unwrap(), pairs().map(|(x, y)| x - y * 0.3));
        assert_near(&a.lerp(&b, 0.2).unwrap().to_vec().unwrap(), pairs().map(|(x, y)| x.lerp(y, 0.2)));
        assert_near(&a.sign().unwrap().to_vec().unwrap(), x.iter().map(Tensor::sign));
        assert_near(&a.clamp(-0.5, 0.5).unwrap().to_vec().unwrap(), x.iter().map(|x| x.clamp(-0.5, 0.5)));
        let squares = a.product(&a).unwrap();
        assert_near(&squares.sqrt().unwrap().to_vec().unwrap(), x.iter().map(Tensor::abs));
        let all = Tensor::cat(&x.iter().map(|x| x.reshape([-1])).collect::<Vec<_>>(), 0);
        let norm = all.to_kind(Kind::Double).norm().double_value(&[]);
        assert!((a.norm().unwrap() - norm).abs() < 1e-6 * norm);
    }
}

#[test]
fn what_changes_a_list_changes_its_tensors() {
    for kind in [Kind::Float, Kind::Double] {
        let check = |change: &dyn Fn(&mut TensorList, &TensorList),
                     wanted: &dyn Fn(&Tensor, &Tensor, f64) -> Tensor| {
            // Parameters, as an optimizer has them.
            let x: Vec<Tensor> = tensors(kind, 1).into_iter().map(|x| x.set_requires_grad(true)).collect();
            let (before, y) = (x.iter().map(|x| x.detach().copy()).collect::<Vec<_>>(), tensors(kind, 2));
            change(&mut list(&x), &list(&y));
            let wanted = before.iter().zip(&y).zip(FACTORS).map(|((x, y), f)| wanted(x, y, f));
            assert_near(&x.iter().map(Tensor::detach).collect::<Vec<_>>(), wanted);
        };
        check(&|x, _| x.scale(&FACTORS).unwrap(), &|x, _, f| x * f);
        check(&|x, y| x.add(y, 0.3).unwrap(), &|x, y, _| x + y * 0.3);
        check(&|x, _| x.add_number(0.7).unwrap(), &|x, _, _| x + 0.7);
        check(&|x, y| x.move_towards(y, 0.2).unwrap(), &|x, y, _| x.lerp(y, 0.2));
        check(&|x, y| x.copy(y).unwrap(), &|_, y, _| y.copy());
    }
}

#[test]
fn lists_that_do_not_fit_are_refused_and_empty_ones_are_not() {
    let (x, none) = (list(&tensors(Kind::Float, 1)), list(&[]));
    assert!(x.product(&list(&tensors(Kind::Float, 1)[..2])).is_err());
    assert!(x.scaled(&FACTORS[..3]).is_err());
    assert!(x.sum(&none, 1.0).is_err());
    assert!(none.product(&none).unwrap().to_vec().unwrap().is_empty());
    assert!(none.norm().unwrap().abs() < f64::MIN_POSITIVE);
}

#[test]
fn tensors_of_several_kinds_become_one() {
    let mixed: Vec<Tensor> =
        [(Kind::BFloat16, 1), (Kind::Float, 2)].into_iter().flat_map(|(kind, salt)| tensors(kind, salt)).collect();
    let all = all_to_kind(&mixed, Kind::Float).unwrap();
    assert_near(&all, mixed.iter().map(|x| x.to_kind(Kind::Float)));
    // What is of that kind is not copied.
    assert_eq!(all[4].data_ptr(), mixed[4].data_ptr());
}
