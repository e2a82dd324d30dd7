//! The classifier on features: dense stack or linear, with its losses.
