//! Tables as they are shown.

use tl_metrics::Evaluation;

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
