//! What a keeper can be asked to do to its process, and why it may refuse.
//!
//! Guarantees: an answer comes for every order, also when the keeper ends meanwhile.
//!
//! Deliberately not here: when to ask what (`operations`, `roll`).

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::fault::{ActiveFault, Part};

/// What a keeper is told.
#[derive(Debug)]
pub(in crate::supervisor) enum Order {
    /// End the process, by force at this time, and then yourself.
    Stop(Instant),
    /// Do something to it and say when it was done.
    Do(Deed, Reply),
}

/// What can be done to a process.
#[derive(Debug)]
pub(in crate::supervisor) enum Deed {
    /// SIGKILL; with a fault to note, it is not started again before [`Deed::Revive`].
    Kill(Option<ActiveFault>),
    /// SIGSTOP, to the part that the fault names if it names one.
    Freeze(ActiveFault),
    /// SIGKILL to one half of a database node.
    KillPart(Part),
    /// SIGCONT to it, or to a part of it, if that is frozen.
    Thaw(Option<Part>),
    /// Start again what is kept down.
    Revive,
    /// SIGTERM, and start it anew. Done when the new process is ready.
    Replace {
        /// When it is ended by force.
        leave_within: Duration,
    },
    /// Start a second one beside it that takes its sockets over. Done when the first one has left
    /// and the second is ready.
    TakeOver {
        /// How long that may take.
        within: Duration,
    },
}

/// Where the answer goes.
pub(in crate::supervisor) type Reply = oneshot::Sender<Result<Timestamp, OrderError>>;

/// Why an order was not carried out; each is the end of a sentence that begins with the name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("is not running")]
    NotRunning,
    #[error("is already frozen")]
    Frozen,
    #[error("is not frozen")]
    NotFrozen,
    #[error("is already kept down")]
    KeptDown,
    #[error("is not kept down")]
    NotKeptDown,
    #[error("has no such part at this moment")]
    NoSuchPart,
    #[error("is being replaced")]
    Replacing,
    #[error("is being stopped")]
    Stopping,
    /// The new process left or could not be started.
    #[error("did not come up again: {how}")]
    NewDied { how: String },
    /// The new process did not take over; the old one goes on.
    #[error("was not taken over: the new process left ({how}), and the old one goes on")]
    NotTakenOver { how: String },
    /// The same, with a new process that hung.
    #[error(
        "was not taken over within {} s: the new process was ended, and the old one goes on",
        within.as_secs()
    )]
    TakeOverLate { within: Duration },
}

/// The sending end of a keeper's orders.
#[derive(Debug, Clone)]
pub(in crate::supervisor) struct Orders(pub(super) mpsc::Sender<Order>);

impl Orders {
    /// Asks, and returns when it is done.
    pub(in crate::supervisor) async fn carry_out(
        &self,
        deed: Deed,
    ) -> Result<Timestamp, OrderError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Order::Do(deed, reply)).await.map_err(|_| OrderError::Stopping)?;
        answer.await.unwrap_or(Err(OrderError::Stopping))
    }
}
