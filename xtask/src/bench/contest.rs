//! Who is measured against whom, and at what.

use std::path::PathBuf;

/// Where things are.
pub(super) struct Place {
    pub(super) program: PathBuf,
    pub(super) python: PathBuf,
    /// The peers' scripts.
    pub(super) scripts: PathBuf,
    /// The networks as ONNX.
    pub(super) models: PathBuf,
    pub(super) data: PathBuf,
    /// Where tl's runs and its cache go.
    pub(super) runs: PathBuf,
}

/// A job that several do; the first is tl's, which the others are compared with.
pub(super) struct Contest {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) contestants: Vec<Contestant>,
}

/// One that does the job.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    pub(super) words: Vec<String>,
    pub(super) answer: Answer,
    /// Whether it runs once before it is measured.
    pub(super) warms_up: bool,
}

/// Where a contestant's results are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The last line of its output.
    LastLine,
    /// The folder that `tl train` wrote.
    RunFolder,
    /// The output of `tl bench --json`.
    Bench,
}

/// All contests.
pub(super) fn all(place: &Place) -> Vec<Contest> {
    vec![
        Contest { name: "train", title: "From photos to a validated classifier", contestants: train(place) },
        Contest {
            name: "engine",
            title: "MobileNet V1, photos per second",
            contestants: engine(place, "mobilenet_v1"),
        },
        Contest {
            name: "engine-v2",
            title: "MobileNet V2, photos per second",
            contestants: engine(place, "mobilenet_v2"),
        },
        Contest { name: "finetune", title: "Fine-tuning MobileNet V2, all of it", contestants: finetune(place) },
        Contest { name: "notebook", title: "The notebook", contestants: notebook(place) },
    ]
}

fn train(place: &Place) -> Vec<Contestant> {
    vec![
        place.tl("tl train", "--no-cache"),
        Contestant { warms_up: true, ..place.tl("tl train, photos seen before", "") },
        place.tl("tl train --head logistic", "--no-cache --head logistic"),
        place.tl("tl train --head logistic --precision int8", "--no-cache --head logistic --precision int8"),
        place.peer(
            "OpenVINO bf16 + OpenCV + scikit-learn",
            "features_logistic.py",
            "--engine openvino --precision bf16 --models MODELS",
        ),
        place.peer(
            "OpenVINO f32 + OpenCV + scikit-learn",
            "features_logistic.py",
            "--engine openvino --precision f32 --models MODELS",
        ),
        place.peer("ONNX Runtime f32 + OpenCV + scikit-learn", "features_logistic.py", "--engine onnx --models MODELS"),
        place.peer(
            "PyTorch eager, V2 + OpenCV + scikit-learn",
            "features_logistic.py",
            "--engine torch --network mobilenet_v2 --precision bf16 --models MODELS",
        ),
    ]
}

fn engine(place: &Place, network: &str) -> Vec<Contestant> {
    let ours = |name, precision: &str| {
        let data = place.data.display();
        let words = format!("bench {data} --json --runs 3 --backbone {network} --precision {precision}");
        Contestant { name, words: place.words(&place.program, &words), answer: Answer::Bench, warms_up: false }
    };
    let options = format!("--network {network} --models MODELS");
    let peer = place.peer("OpenVINO, OpenCV", "engine_rates.py", &options);
    vec![ours("tl", "auto"), ours("tl, photos in int8", "int8"), peer]
}

fn finetune(place: &Place) -> Vec<Contestant> {
    let ours = "--no-cache --recipe finetune --backbone mobilenet_v2 --epochs 3 --freeze none --set unfreeze_every=0";
    vec![
        place.tl("tl", ours),
        place.tl("tl f32", &format!("{ours} --precision f32")),
        place.peer("PyTorch eager f32", "torch_finetune.py", "--epochs 3 --lr 3e-4 --seed SEED"),
        place.peer("PyTorch eager bf16", "torch_finetune.py", "--epochs 3 --lr 3e-4 --precision bf16 --seed SEED"),
    ]
}

fn notebook(place: &Place) -> Vec<Contestant> {
    vec![
        place.tl("tl --recipe notebook", "--recipe notebook --precision f32"),
        place.peer("Keras", "keras_notebook.py", "--seed SEED"),
    ]
}

impl Place {
    /// `tl train` on the photos.
    fn tl(&self, name: &'static str, options: &str) -> Contestant {
        let words = format!("train DATA --quiet --seed SEED --out RUNS --name RUN {options}");
        Contestant { name, words: self.words(&self.program, &words), answer: Answer::RunFolder, warms_up: false }
    }

    /// One of the scripts on the photos.
    fn peer(&self, name: &'static str, script: &str, options: &str) -> Contestant {
        let words = format!("SCRIPTS/{script} DATA {options}");
        Contestant { name, words: self.words(&self.python, &words), answer: Answer::LastLine, warms_up: false }
    }

    fn words(&self, program: &std::path::Path, words: &str) -> Vec<String> {
        // After the words are parted: a path may have spaces in it.
        let places = [("MODELS", &self.models), ("DATA", &self.data), ("RUNS", &self.runs), ("SCRIPTS", &self.scripts)];
        let whole = |word: &str| {
            places.iter().fold(word.to_owned(), |word, (name, path)| word.replace(name, &path.display().to_string()))
        };
        std::iter::once(program.display().to_string()).chain(words.split_whitespace().map(whole)).collect()
    }
}
