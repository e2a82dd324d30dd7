//! Help and completions.

use crate::harness::Work;

#[test]
fn help_is_as_written() {
    let work = Work::new();
    insta::assert_snapshot!("help", work.ok(&["--help"]).stdout());
    insta::assert_snapshot!("help_train", work.ok(&["train", "--help"]).stdout());
    insta::assert_snapshot!("help_predict", work.ok(&["predict", "--help"]).stdout());
}

#[test]
fn every_shell_gets_completions() {
    let work = Work::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(work.ok(&["completions", shell]).stdout().contains("predict"), "{shell}");
    }
}
