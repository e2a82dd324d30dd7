//! Disjoint sets by union-find (Tarjan 1975), with path halving.

use std::collections::BTreeMap;

/// A partition of 0..n that only grows coarser.
#[derive(Debug)]
pub(crate) struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    /// Every number alone.
    pub(crate) fn new(n: usize) -> Self {
        Self { parent: (0..n).collect() }
    }

    /// Puts the sets of `a` and `b` together; the smaller number stands for both.
    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Joins all numbers whose keys are equal.
    pub(crate) fn join_equal<K: Ord>(&mut self, keys: impl IntoIterator<Item = (usize, K)>) {
        let mut first = BTreeMap::new();
        for (i, key) in keys {
            let with = *first.entry(key).or_insert(i);
            self.join(with, i);
        }
    }

    /// The sets, each sorted, in the order of their smallest numbers.
    pub(crate) fn into_vecs(mut self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for i in 0..self.parent.len() {
            let root = self.find(i);
            sets.entry(root).or_default().push(i);
        }
        sets.into_values().collect()
    }

    /// For each number the smallest of its set.
    pub(crate) fn into_firsts(mut self) -> Vec<usize> {
        (0..self.parent.len()).map(|i| self.find(i)).collect()
    }

    fn find(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }
}
