//! What can go wrong in the store: callers branch on rejected, unavailable or unknown (I7).

use std::sync::Arc;

use ledger::Refusal;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The books refuse; asking again changes nothing.
    #[error("refused: {0}")]
    Rejected(Refusal),
    /// Nothing happened; it may work later.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// Which part failed, for the log.
        reason: &'static str,
        /// The driver's error, if there was one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The commit may or may not have happened: ask again with the same key.
    #[error("the outcome is unknown")]
    Unknown {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) const fn closed() -> Self {
        Self::Unavailable { reason: "the store is closing", source: None }
    }

    /// The same error for each of several callers who share its cause.
    pub(crate) fn shared(error: &Arc<Self>) -> Self {
        let cause = Shared(Arc::clone(error));
        match **error {
            Self::Rejected(refusal) => Self::Rejected(refusal),
            Self::Unavailable { reason, .. } => {
                Self::Unavailable { reason, source: Some(Box::new(cause)) }
            }
            Self::Unknown { .. } => Self::Unknown { source: Box::new(cause) },
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Rejected(refusal)
    }
}

/// An error that several callers hold.
#[derive(Debug, thiserror::Error)]
#[error("the whole group failed")]
struct Shared(#[source] Arc<Error>);
