//! Tables of shards, put together.

use std::collections::BTreeSet;

use super::FeatureTable;
use crate::error::FeatureError;

impl FeatureTable {
    /// Puts tables together, sorted by path and label: shards give the table of a run that was never parted.
    ///
    /// # Errors
    /// Tables whose fields do not fit each other, of different networks or of parts of different lists of photos, a photo
    /// that two of them hold; shards of which more are missing than parts do not say which they are, and beside them a
    /// table that was never parted; tables without features.
    pub fn merge(parts: &[Self]) -> Result<Self, FeatureError> {
        let unfit = |part: &Self| part.check().map_err(|reason| FeatureError::Part { reason });
        parts.iter().try_for_each(unfit)?;
        let network = network(parts)?;
        check_shards(parts)?;
        check_lists(parts)?;
        let mut widths: Vec<usize> = parts.iter().map(|part| part.width).collect();
        widths.dedup();
        if widths.len() > 1 {
            return Err(FeatureError::Widths { widths });
        }
        let width = widths.first().copied().unwrap_or(0);
        if width == 0 && parts.iter().any(|part| !part.is_empty()) {
            return Err(FeatureError::NoRows);
        }
        let rows_of = |(p, part): (usize, &Self)| (0..part.len()).map(move |row| (p, row)).collect::<Vec<_>>();
        let mut order: Vec<(usize, usize)> = parts.iter().enumerate().flat_map(rows_of).collect();
        let name = |&(p, row): &(usize, usize)| (&parts[p].paths[row], &parts[p].labels[row]);
        order.sort_by(|a, b| name(a).cmp(&name(b)));
        if let Some([twice, ..]) = order.windows(2).find(|pair| name(&pair[0]) == name(&pair[1])) {
            return Err(FeatureError::Twice { path: name(twice).0.clone() });
        }
        Ok(Self {
            paths: order.iter().map(|at| name(at).0.clone()).collect(),
            labels: order.iter().map(|at| name(at).1.clone()).collect(),
            width,
            rows: order.iter().map(|&(p, row)| parts[p].row(row)).collect::<Vec<_>>().concat(),
            network,
            ..Self::default()
        })
    }
}

/// What computed the parts, as far as they say: rows of different networks, or arithmetic, are not comparable.
fn network(parts: &[FeatureTable]) -> Result<String, FeatureError> {
    let networks: BTreeSet<&str> =
        parts.iter().map(|part| part.network.as_str()).filter(|network| !network.is_empty()).collect();
    match networks.len() {
        0 | 1 => Ok(networks.first().copied().unwrap_or_default().to_owned()),
        _ => Err(FeatureError::Networks { networks: networks.into_iter().map(str::to_owned).collect() }),
    }
}

/// Whether all are parts of one list of photos, as far as they say.
fn check_lists(parts: &[FeatureTable]) -> Result<(), FeatureError> {
    let lists: BTreeSet<&str> = parts.iter().map(|part| part.parted.as_str()).filter(|list| !list.is_empty()).collect();
    if lists.len() > 1 { Err(FeatureError::Lists) } else { Ok(()) }
}

/// Whether all shards are there, each of the parts that do not say which one they are taken for one of those that lack.
fn check_shards(parts: &[FeatureTable]) -> Result<(), FeatureError> {
    let given: BTreeSet<[usize; 2]> = parts.iter().filter_map(|part| part.shard).collect();
    let n = given.iter().map(|&[_, n]| n).max().unwrap_or(0);
    let missing: Vec<String> = (0..n).filter(|&i| !given.contains(&[i, n])).map(|i| format!("{i}/{n}")).collect();
    let silent = parts.iter().filter(|part| part.shard.is_none());
    // What names its network would name its shard, if it were one.
    match silent.clone().any(|part| !part.network.is_empty()) {
        true if n > 0 => Err(FeatureError::Whole),
        _ if missing.len() > silent.count() => Err(FeatureError::Missing { shards: missing }),
        _ => Ok(()),
    }
}
