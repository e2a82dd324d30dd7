//! Numbers about a classifier: confusion, accuracy and its interval, F1, top-k, log-loss.
