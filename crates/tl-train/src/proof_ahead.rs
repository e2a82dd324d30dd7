//! The model's proof, begun while the head trains.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
};

use tl_backbone::{Network, Precision, Weights};
use tl_model::{GoldenFeatures, ModelError};

/// The part of the proof that the head has no say in, in the making on a thread of its own.
///
/// However the run ends, the thread ends before it: a process that leaves while a thread computes crashes, because
/// libtorch is taken apart under its hands.
#[derive(Debug)]
pub(crate) struct ProofAhead {
    thread: Option<JoinHandle<Result<GoldenFeatures, ModelError>>>,
}

impl ProofAhead {
    /// Begins it, if a thread can be had.
    pub(crate) fn begin(weights: Weights) -> Self {
        let (begun, has_begun) = mpsc::channel();
        let work = move || {
            // That nobody waits for it any more does not matter.
            let _ = begun.send(());
            Network::on_one_thread(Precision::F32);
            GoldenFeatures::of(&weights)
        };
        let thread = thread::Builder::new().name("golden".to_owned()).spawn(work).ok();
        // While libtorch is being loaded no thread can start: this one has to be there before.
        let _ = has_begun.recv();
        Self { thread }
    }

    /// Waits for it; none where no thread could be had or it was lost.
    pub(crate) fn finish(mut self) -> Option<Result<GoldenFeatures, ModelError>> {
        self.thread.take()?.join().ok()
    }
}

impl Drop for ProofAhead {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Nobody wants what it found any more.
            drop(thread.join());
        }
    }
}
