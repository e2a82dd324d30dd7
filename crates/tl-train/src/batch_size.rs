//! A batch size that fits into memory, where none was given.

use tl_backbone::Weights;

use crate::{
    data::Data,
    error::TrainError,
    event::{Event, Observer},
    finetune::whole_batch_bytes,
    memory::available_bytes,
    options::NormKind,
    plan::Plan,
};

/// What is taken where memory does not grow with the batch.
const USUAL: usize = 32;
/// The most that is taken.
const MOST: usize = 256;
/// Less than this says too little of the photos' mean and variance.
const LEAST: usize = 8;
/// Steps that an epoch is to have: fewer, larger ones learn more slowly at the same learning rate.
const STEPS: usize = 8;
/// Photos whose memory is measured.
const PROBE: usize = 8;
/// Part of the free memory that a batch may take.
const SHARE: u64 = 2;

/// The plan with a batch size: its own, or for `batch_size = 0` one that was found. The run's settings then have it,
/// so that resuming does not look again.
pub(crate) fn with_batch_size(
    plan: Plan,
    data: &Data,
    weights: &Weights,
    observer: &mut dyn Observer,
) -> Result<Plan, TrainError> {
    if plan.options().batch_size > 0 {
        return Ok(plan);
    }
    let (batch_size, why) = found(&plan, data, weights)?;
    observer.event(&Event::BatchSize { batch_size, why: &why });
    Ok(plan.with_batch_size(batch_size))
}

fn found(plan: &Plan, data: &Data, weights: &Weights) -> Result<(usize, String), TrainError> {
    if !plan.tunes_backbone() || plan.options().batch_norm == NormKind::Frozen {
        return Ok((USUAL, "memory does not grow with it: batches are computed in parts".to_owned()));
    }
    if plan.device().is_some() {
        return Ok((USUAL, "the memory of a GPU is not measured".to_owned()));
    }
    let measure = |n| whole_batch_bytes(plan, weights, data.classes.len(), n);
    let Some(bytes) = measure(PROBE)? else {
        return Ok((USUAL, "the system does not say what memory is used".to_owned()));
    };
    let (per_photo, free) = (bytes / PROBE as u64, available_bytes());
    let fitting = (free / SHARE / per_photo.max(1)) as usize;
    let wanted = power_of_two((data.train.len() / STEPS).max(LEAST).min(fitting).clamp(1, MOST));
    let batch_size = halved(wanted, |n| measure(n).map(drop))?;
    let reason = match (batch_size < wanted, wanted * 2 > fitting) {
        (true, _) => "more ran out of memory",
        (_, true) => "more would take over half of it",
        _ if wanted == MOST => "more is never taken",
        _ if data.train.len() / STEPS < LEAST => "fewer are never taken",
        _ => "more would leave an epoch fewer than 8 steps",
    };
    let (per_photo, free) = (per_photo as f64 / 1e6, free as f64 / 1e9);
    Ok((batch_size, format!("a photo takes {per_photo:.0} MB, {free:.1} GB are free, and {reason}")))
}

/// The largest power of two that is not larger.
fn power_of_two(n: usize) -> usize {
    1 << n.max(1).ilog2()
}

/// The first of `n`, `n / 2`, ... that does not run out of memory.
fn halved(n: usize, mut try_out: impl FnMut(usize) -> Result<(), TrainError>) -> Result<usize, TrainError> {
    match try_out(n) {
        Err(error) if n > 1 && ran_out_of_memory(&error) => halved(n / 2, try_out),
        result => result.map(|()| n),
    }
}

/// Whether libtorch said so, for a processor or for CUDA.
fn ran_out_of_memory(error: &TrainError) -> bool {
    let text = error.to_string();
    ["not enough memory", "out of memory"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use tl_torch::TorchError;

    use super::*;

    #[test]
    fn sizes_are_halved_until_one_fits() {
        assert_eq!([1, 2, 3, 31, 32, 33].map(power_of_two), [1, 2, 2, 16, 32, 32]);
        let failing = |words: &'static str| {
            move |n: usize| match n {
                ..=4 => Ok(()),
                _ => Err(TrainError::Torch(TorchError::from(tch::TchError::Torch(words.to_owned())))),
            }
        };
        assert_eq!(halved(32, failing("DefaultCPUAllocator: not enough memory: you tried to allocate")).unwrap(), 4);
        assert_eq!(halved(4, failing("")).unwrap(), 4);
        assert!(halved(32, failing("shapes differ")).is_err());
        assert!(
            halved(1, |_| Err(TrainError::Torch(tch::TchError::Torch("out of memory".to_owned()).into()))).is_err()
        );
    }
}
