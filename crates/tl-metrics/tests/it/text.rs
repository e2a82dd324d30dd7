//! Tables as they are shown.

use tl_metrics::{Evaluation, MultiLabelEvaluation};

fn evaluation() -> Evaluation {
    let classes = ["crème brûlée", "pho"].map(str::to_owned);
    let probabilities = [0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6];
    Evaluation::new(&classes, &[0, 0, 1, 1], &probabilities).unwrap()
}

#[test]
fn classification_report() {
    let expected = "\
class             precision  recall     f1  support
crème brûlée          1.000   0.500  0.667        2
pho                   0.667   1.000  0.800        2
macro average         0.833   0.750  0.733        4
weighted average      0.833   0.750  0.733        4
";
    assert_eq!(evaluation().report(), expected);
}

#[test]
fn confusion_table() {
    let expected = "\
truth \\ predicted  crème brûlée  pho
crème brûlée                  1    1
pho                           0    2
";
    assert_eq!(evaluation().confusion_table(), expected);
}

#[test]
fn report_of_several_classes_per_row() {
    let classes = ["red", "round", "old"].map(str::to_owned);
    let rows = [0.9, 0.8, 0.1, 0.2, 0.7, 0.1, 0.6, 0.1, 0.1, 0.4, 0.3, 0.1];
    let truth: [&[usize]; 4] = [&[0, 1], &[1], &[], &[0]];
    let expected = "\
class          precision  recall     f1     ap  support
red                0.500   0.500  0.500  0.833        2
round              1.000   1.000  1.000  1.000        2
old                0.000   0.000  0.000      -        0
micro average      0.750   0.750  0.750      -        4
macro average      0.750   0.750  0.750  0.917        4
";
    assert_eq!(MultiLabelEvaluation::new(&classes, &truth, &rows).unwrap().report(), expected);
}
