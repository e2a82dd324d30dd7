//! What stops an audit.

/// Why there is no audit. A single bad photo is no error: it is a finding.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The caller's flag was set.
    #[error("the audit was stopped after {n_done} of {n_photos} photos; start it again for a whole one")]
    Stopped {
        /// Photos looked at.
        n_done: usize,
        /// Photos there are.
        n_photos: usize,
    },
    /// The system would not start threads.
    #[error("the audit's threads do not start: {reason}; ask for fewer")]
    Threads {
        /// The system's reason.
        reason: String,
    },
}
