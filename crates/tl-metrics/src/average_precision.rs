//! How well a class's probabilities put its rows first.

/// Average precision: the mean over rows of the class of the precision among all rows that are at least as probable;
/// none where no row is of the class. Scikit-learn's `average_precision_score`.
///
/// `rows` are a row's probability and whether it is of the class.
pub(crate) fn average_precision(mut rows: Vec<(f32, bool)>) -> Option<f64> {
    let n_of_class = rows.iter().filter(|(_, is)| *is).count();
    if n_of_class == 0 {
        return None;
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut sum, mut n_seen, mut n_hits) = (0.0, 0, 0);
    // Rows that tie come in together, in whatever order they stand.
    for tied in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let n_more = tied.iter().filter(|(_, is)| *is).count();
        (n_seen, n_hits) = (n_seen + tied.len(), n_hits + n_more);
        sum += n_more as f64 * n_hits as f64 / n_seen as f64;
    }
    Some(sum / n_of_class as f64)
}
