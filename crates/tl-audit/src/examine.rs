//! All photos on all cores, each once.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use tl_data::{Sample, SkipReason};

use crate::{
    error::AuditError,
    look::{Look, Looker},
    options::AuditOptions,
};

/// A photo's position and what was seen of it.
type Seen = (usize, Result<Look, SkipReason>);

/// Looks at every sample, in their order. `progress` hears how many are done.
pub(crate) fn examine(
    samples: &[&Sample],
    options: &AuditOptions,
    progress: &mut dyn FnMut(usize),
    stop: &AtomicBool,
) -> Result<Vec<Result<Look, SkipReason>>, AuditError> {
    let next = AtomicUsize::new(0);
    let n_threads = options.threads_for(samples.len());
    let mut looks: Vec<_> = samples.iter().map(|_| Err(SkipReason::Stopped)).collect();
    let mut n_done = 0;
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(n_threads);
        for _ in 0..n_threads {
            let (sender, next) = (sender.clone(), &next);
            thread::Builder::new()
                .name("audit".to_owned())
                .spawn_scoped(scope, move || work(samples, options, next, stop, &sender))
                .map_err(|error| AuditError::Threads { reason: error.to_string() })?;
        }
        drop(sender);
        for (position, look) in receiver {
            looks[position] = look;
            n_done += 1;
            progress(n_done);
        }
        Ok(())
    })?;
    match n_done == samples.len() {
        true => Ok(looks),
        false => Err(AuditError::Stopped { n_done, n_photos: samples.len() }),
    }
}

/// Takes the next photo until none is left, nobody listens, or `stop` is set.
fn work(samples: &[&Sample], options: &AuditOptions, next: &AtomicUsize, stop: &AtomicBool, sender: &SyncSender<Seen>) {
    let mut looker = Looker::new(options.decode);
    while !stop.load(Ordering::Relaxed) {
        let position = next.fetch_add(1, Ordering::Relaxed);
        let Some(sample) = samples.get(position) else { return };
        if sender.send((position, looker.look(&sample.path))).is_err() {
            return;
        }
    }
}
