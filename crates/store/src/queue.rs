//! Handing work to the task that does it.

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::error::Error;

/// Puts work into a queue that has room; who finds it full is better told at once (503, with this
/// reason) than kept.
pub(crate) fn enqueue<T>(queue: &Sender<T>, work: T, full: &'static str) -> Result<(), Error> {
    queue.try_send(work).map_err(|error| match error {
        TrySendError::Full(_) => Error::Unavailable { reason: full, source: None },
        TrySendError::Closed(_) => Error::closed(),
    })
}
