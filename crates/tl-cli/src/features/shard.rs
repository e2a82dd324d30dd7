//! A share of the photos.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow};

use crate::output;

/// How launchers of several processes say which one this is, and of how many.
const VARIABLES: [(&str, &str); 2] = [("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")];

/// Every `n`-th photo from the `i`-th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    i: usize,
    n: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { i: 0, n: 1 }
    }
}

impl Shard {
    /// Reads `i/n`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match numbers {
            Some((i, n)) if i < n => Ok(Self { i, n }),
            Some((_, n)) => Err(format!("of {n} shards the first is 0/{n}, and each is below {n}")),
            None => Err("give a shard as I/N, such as 0/4".to_owned()),
        }
    }

    /// What the launcher of this process says; nothing when it runs alone.
    pub(super) fn of_environment() -> Result<Option<Self>> {
        let value = |name| env::var(name).ok().filter(|value| !value.is_empty());
        for (i, n) in VARIABLES {
            match (value(i), value(n)) {
                (Some(rank), Some(size)) => {
                    let shard = Self::parse(&format!("{rank}/{size}"));
                    let shard = shard.map_err(|why| anyhow!("{i}={rank} and {n}={size} name no shard: {why}"))?;
                    return Ok((shard.n > 1).then_some(shard));
                }
                // Each of several processes would do all the work.
                (Some(rank), None) => {
                    output::careful("shard", &format!("{i} is {rank} and {n} is not set, so all photos are taken"));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The name of this shard's own file: all processes are given the same.
    pub(super) fn name(self, out: &Path) -> PathBuf {
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let ending = out.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
        out.with_file_name(format!("{stem}-{}-of-{}{ending}", self.i, self.n))
    }

    /// Whether it is all photos.
    pub(super) fn is_whole(self) -> bool {
        self.n == 1
    }

    /// `[i, n]`.
    pub(super) fn numbers(self) -> [usize; 2] {
        [self.i, self.n]
    }

    pub(super) fn part<T>(self, photos: Vec<T>) -> Vec<T> {
        photos.into_iter().skip(self.i).step_by(self.n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_zero() {
        assert_eq!(Shard::parse("2/3"), Ok(Shard { i: 2, n: 3 }));
        for wrong in ["3/3", "0/0", "1", "a/2", "-1/2", "1/2/3", ""] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards_are_disjoint_and_hold_everything() {
        let mut all: Vec<u32> = (0..3).flat_map(|i| Shard { i, n: 3 }.part((0..10).collect())).collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
    }

    #[test]
    fn each_has_a_file_of_its_own() {
        let shard = Shard { i: 1, n: 4 };
        assert_eq!(shard.name(Path::new("out/f.npy")), Path::new("out/f-1-of-4.npy"));
        assert_eq!(shard.name(Path::new("f")), Path::new("f-1-of-4"));
    }
}
