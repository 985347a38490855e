//! Operations in lists, and which are asked for.

use ledger::receipt::Moved;
use ledger::{Answer, OperationId, UserId};

use super::UnixMs;

/// Which operations are asked for; empty parts ask for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationFilter {
    /// Who asked.
    pub user: Option<UserId>,
    /// Booked at or after.
    pub from: Option<UnixMs>,
    /// Booked before.
    pub until: Option<UnixMs>,
}

/// An operation in a list: who asked for what, through which server, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationView {
    /// Its id.
    pub operation: OperationId,
    /// The word of [`ledger::Request::kind`].
    pub kind: String,
    /// Who asked.
    pub user: UserId,
    /// The public number of their session.
    pub session: i64,
    /// The server that took it.
    pub server: String,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// What was decided.
    pub answer: Answer,
    /// What its one transfer moved; `None` for batches and for what moved nothing.
    pub moved: Option<Moved>,
}
