//! The same commands on a GPU, where libtorch sees one.

use crate::harness::{Work, sample};

/// Accuracy of a run.
fn accuracy(work: &Work, run: &str) -> f64 {
    work.json(&format!("{run}/metrics.json"))["val_accuracy"].as_f64().unwrap()
}

#[test]
fn a_gpu_gives_models_as_good_as_the_processors() {
    if tl_torch::cuda_if_available() == tch::Device::Cpu {
        eprintln!("skipped: libtorch sees no CUDA device");
        return;
    }
    let (work, photos) = (Work::new(), sample("pizza_steak_sushi"));
    for precision in ["f32", "bf16", "f16"] {
        let out = format!("features-{precision}");
        work.ok(&[
            "train",
            &photos,
            "--name",
            &out,
            "--head",
            "logistic",
            "--device",
            "cuda",
            "--precision",
            precision,
        ]);
        assert!(accuracy(&work, &format!("runs/{out}")) > 0.9, "features in {precision}");
        let out = format!("finetune-{precision}");
        work.ok(&[
            "train",
            &photos,
            "--name",
            &out,
            "--recipe",
            "finetune",
            "--backbone",
            "v2",
            "--device",
            "cuda",
            "--precision",
            precision,
        ]);
        assert!(accuracy(&work, &format!("runs/{out}")) > 0.85, "fine-tuning in {precision}");
        let model = format!("runs/{out}/model.safetensors");
        work.ok(&["predict", &model, &photos, "--device", "cuda", "--precision", precision]);
        work.ok(&["evaluate", &model, &photos, "--device", "cpu"]);
    }
    work.ok(&["train", &photos, "--name", "notebook", "--recipe", "notebook", "--epochs", "2", "--device", "cuda"]);
}
