//! What goes into the store and comes out: plain values without any driver's type.

use std::sync::Arc;

use ledger::customer::{CustomerDetails, Ssn};
use ledger::receipt::{Effect, Moved};
use ledger::{
    AccountKind, AccountNumber, AccountStatus, Actor, Answer, Balance, Currency, CustomerNumber,
    CustomerStatus, IdempotencyKey, OperationId, Role, TransferId, UserId,
};

/// A point in time: milliseconds since 1970-01-01 UTC.
pub type UnixMs = i64;

/// The fate of a posted operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was decided, now or when the key was first used.
    Decided(Decided),
    /// The key names another request; nothing happened.
    KeyReused,
}

/// A decided operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its id.
    pub operation: OperationId,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// Whether this is the stored answer of an earlier call.
    pub replayed: bool,
    /// What was decided.
    pub answer: Answer,
    /// A point of the database's log at or after the commit; `None` if the database has no log
    /// that others follow.
    pub position: Option<Position>,
}

/// A point in the write-ahead log of a replicated database. Positions of one timeline are in the
/// order of time; a failover begins a new timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The timeline, from 1.
    pub timeline: u32,
    /// The log sequence number in bytes.
    pub lsn: u64,
}

/// An operation as the books hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// Its id.
    pub operation: OperationId,
    /// The key it was asked under.
    pub key: IdempotencyKey,
    /// The word of [`ledger::Request::kind`].
    pub kind: String,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// What was decided.
    pub answer: Answer,
    /// What its accepted transfers moved, in their order.
    pub moved: Vec<Moved>,
}

impl Booked {
    /// What it did to the books; `None` if it was refused, or if its rows do not fit together.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        Effect::of(&self.kind, &self.answer, &self.moved)
    }
}

/// A customer as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    /// From 110110000 up.
    pub number: CustomerNumber,
    /// Unique.
    pub ssn: Ssn,
    /// Name, address, age.
    pub details: CustomerDetails,
    /// State of residence.
    pub state: String,
    /// City of residence.
    pub city: String,
    /// Active or deactivated.
    pub status: CustomerStatus,
    /// The latest message of the customer's log.
    pub message: String,
    /// When that was.
    pub updated_at: UnixMs,
}

/// A customer's account as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// The account with its counters.
    pub account: ledger::Account,
    /// When it was opened.
    pub opened_at: UnixMs,
    /// The latest message of the account's log.
    pub message: String,
    /// When that was.
    pub updated_at: UnixMs,
}

/// An entry: a transfer seen from one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1 without gaps.
    pub number: i64,
    /// The transfer.
    pub transfer: TransferId,
    /// The operation it is part of.
    pub operation: OperationId,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// What for.
    pub description: String,
    /// `deposit`, `withdrawal`, `transfer`, `batch` or `open_account`.
    pub kind: String,
    /// The other account.
    pub counterparty: AccountNumber,
    /// Above zero: credit; below zero: debit.
    pub amount: Balance,
    /// The balance after it.
    pub balance: Balance,
}

/// Which entries a statement shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The newest so many.
    Last(u32),
    /// Booked at or after the first and before the second.
    Between(UnixMs, UnixMs),
}

/// A statement, read from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The account as it is now.
    pub account: AccountView,
    /// The balance before the first entry shown.
    pub opening: Balance,
    /// Oldest first; at most [`crate::STATEMENT_ENTRIES_MAX`].
    pub entries: Vec<Entry>,
    /// The balance at the end of the period, whether or not all of its entries are shown.
    pub closing: Balance,
    /// Whether the period's later entries were left out because there are more than the maximum.
    pub truncated: bool,
}

/// A row of a customer's or account's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerLog {
    /// The row's id; grows with time.
    pub id: i64,
    /// Whose.
    pub customer: CustomerNumber,
    /// The customer's social security number; `Debug` masks it.
    pub ssn: Ssn,
    /// Such as "Customer created".
    pub message: String,
    /// When.
    pub at: UnixMs,
}

/// A row of an account's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLog {
    /// The row's id; grows with time.
    pub id: i64,
    /// Which account.
    pub account: AccountNumber,
    /// Whose.
    pub customer: CustomerNumber,
    /// Current or savings.
    pub kind: AccountKind,
    /// The account's status now.
    pub status: AccountStatus,
    /// Such as "Account opened".
    pub message: String,
    /// When.
    pub at: UnixMs,
}

/// A member of staff with what is needed to check a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Staff {
    /// The sign-in name.
    pub user: UserId,
    /// The name to greet with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// A PHC string (argon2id).
    pub password_hash: String,
    /// The password was generated by the bank and not yet replaced by its owner.
    pub password_generated: bool,
    /// May not sign in, and their sessions are dead.
    pub disabled: bool,
}

/// Who holds a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// A person's browser, by cookie: ends after idling too.
    Browser,
    /// A program, by bearer token.
    Client,
}

/// SHA-256 of a session's secret: what the database holds instead of the secret.
pub type TokenHash = [u8; 32];

/// A session to be stored.
#[derive(Clone)]
pub struct NewSession {
    /// The hash of the secret that the client keeps.
    pub token_hash: TokenHash,
    /// Whose.
    pub user: UserId,
    /// Browser or program.
    pub kind: SessionKind,
    /// When it ends whatever happens.
    pub expires_at: UnixMs,
    /// Where it comes from.
    pub origin: SessionOrigin,
}

/// Where a session comes from. The default is what the command line makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionOrigin {
    /// The server that signed the user in; `None` at the command line.
    pub server: Option<Arc<str>>,
    /// The client's address; may be empty.
    pub address: String,
    /// What the client says it is (`User-Agent`); may be empty.
    pub agent: String,
    /// Signed in with a password that the bank generated: good for choosing another only.
    pub password_due: bool,
}

/// A live session with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The public number of the session.
    pub id: i64,
    /// Whose.
    pub user: UserId,
    /// The owner's name.
    pub name: Arc<str>,
    /// The owner's role now.
    pub role: Role,
    /// Browser or program.
    pub kind: SessionKind,
    /// When it ends whatever happens.
    pub expires_at: UnixMs,
    /// When it was last seen at work, to the minute.
    pub seen_at: UnixMs,
    /// Good for choosing a password only.
    pub password_due: bool,
}

/// A live session in a list of somebody's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The public number of the session.
    pub id: i64,
    /// Browser or program.
    pub kind: SessionKind,
    /// When it began.
    pub created_at: UnixMs,
    /// When it was last seen at work, to the minute.
    pub seen_at: UnixMs,
    /// When it ends whatever happens.
    pub expires_at: UnixMs,
    /// The client's address at sign-in; empty for tokens of the command line.
    pub address: String,
    /// What the client said it was.
    pub agent: String,
}

/// What an administrator does to a member of staff.
#[derive(Clone, PartialEq, Eq)]
pub enum StaffChange {
    /// Adds them.
    Add {
        /// The name to greet with.
        name: String,
        /// What they may do.
        role: Role,
        /// Of a generated password.
        password_hash: String,
    },
    /// Gives a generated password; ends their sessions in browsers.
    Password {
        /// A PHC string.
        password_hash: String,
    },
    /// Deactivates (ends all sessions) or activates.
    Disabled(bool),
    /// Another role, from the next request on.
    Role(Role),
    /// Ends all sessions, programs' too.
    EndSessions,
}

impl StaffChange {
    /// The action of the audit row.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Add { .. } => "staff.add",
            Self::Password { .. } => "staff.password.reset",
            Self::Disabled(true) => "staff.deactivate",
            Self::Disabled(false) => "staff.activate",
            Self::Role(_) => "staff.role",
            Self::EndSessions => "staff.sessions.end",
        }
    }
}

/// What became of a [`StaffChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffChanged {
    /// It is so now.
    Done,
    /// There is no such user (or, for adding, there is one already).
    NoSuchUser,
    /// Whoever asks is no longer an active administrator, or asks about themselves. So at least
    /// one administrator is always left.
    NotAllowed,
}

/// Which audit rows are asked for; empty parts ask for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// At or after.
    pub from: Option<UnixMs>,
    /// Before.
    pub until: Option<UnixMs>,
    /// Who did it.
    pub user: Option<UserId>,
    /// The action, or its beginning up to a full stop: `staff` finds `staff.add`.
    pub action: Option<String>,
    /// `done`, `denied` or `failed`.
    pub result: Option<String>,
    /// On what, exactly: the number of a customer or account, a user id.
    pub subject: Option<String>,
}

/// An audit row as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Grows with time.
    pub id: i64,
    /// When.
    pub at: UnixMs,
    /// Who; `None` before anybody was known, and for the command line.
    pub user: Option<UserId>,
    /// The session's public number.
    pub session: Option<i64>,
    /// Which server; `command line` outside of any.
    pub server: String,
    /// From where: the row's own address or that of its session; may be empty.
    pub address: String,
    /// What.
    pub action: String,
    /// On what.
    pub subject: String,
    /// `done`, `denied` or `failed`.
    pub result: String,
}

/// An audit row: everything that is no posting (postings carry their actor themselves).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who; `None` before anybody is known.
    pub user: Option<UserId>,
    /// The session's public number.
    pub session: Option<i64>,
    /// Which server.
    pub server: Arc<str>,
    /// What, such as `sign-in`, `customer.create`, `access.denied`.
    pub action: &'static str,
    /// On what: a number, a path; never a secret, name or social security number.
    pub subject: String,
    /// `done`, `denied` or `failed`.
    pub result: &'static str,
    /// The client's address; `None`: that of the session.
    pub address: Option<String>,
}

impl AuditEvent {
    /// An event of somebody who is signed in.
    #[must_use]
    pub fn of(actor: &Actor, action: &'static str, subject: String, result: &'static str) -> Self {
        Self {
            user: Some(actor.user.clone()),
            session: Some(actor.session),
            server: Arc::clone(&actor.server),
            action,
            subject,
            result,
            address: None,
        }
    }

    /// An event of the command line, where nobody signs in.
    #[must_use]
    pub fn of_command_line(action: &'static str, subject: String) -> Self {
        Self {
            user: None,
            session: None,
            server: Arc::from("command line"),
            action,
            subject,
            result: "done",
            address: None,
        }
    }
}

/// Whether a sign-in may be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInGate {
    /// Go ahead.
    Open,
    /// Too many failures: not before so many milliseconds from now.
    LockedForMs(i64),
}

/// A page of a list with where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Hand this back for the next page; `None` at the end.
    pub next: Option<i64>,
}

/// What a house account holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseBalance {
    /// Its number.
    pub account: AccountNumber,
    /// Credits less debits.
    pub balance: Balance,
    /// Its currency.
    pub currency: Currency,
}

impl<T> Page<T> {
    /// A page of at most `limit` rows out of one more than that.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u32, position: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(position) } else { None };
        Self { rows, next }
    }
}
