//! Disjoint sets by union-find (Tarjan 1975), with path halving.

use std::collections::BTreeMap;

/// A partition of 0..n that only grows coarser.
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

    /// The sets of two or more, each sorted, in the order of their smallest numbers.
    pub(crate) fn several(mut self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for i in 0..self.parent.len() {
            let root = self.find(i);
            sets.entry(root).or_default().push(i);
        }
        sets.into_values().filter(|set| set.len() > 1).collect()
    }

    fn find(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }
}
