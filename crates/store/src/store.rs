//! The store as the rest of the bank sees it: groups in, outcomes out, and plain reads.
//!
//! Each call is one message to a thread that owns a connection. Postings go to the one writer,
//! which takes everything that waits and posts it as a group; there is no timer: while one group
//! is committed the next one fills. Queues are bounded; full means [`Error::Unavailable`].

use std::sync::Arc;

use ledger::customer::{CustomerDetails, Ssn};
use ledger::{
    AccountNumber, Actor, CustomerNumber, CustomerStatus, IdempotencyKey, NewCustomer, Operation,
    OperationId, Role, UserId,
};

use crate::error::Error;
use crate::model::{
    AccountLog, AccountView, AuditEvent, AuditFilter, AuditRow, Booked, Customer, CustomerLog,
    Entry, HouseBalance, NewSession, Outcome, Page, Period, Session, SessionView, SignInGate,
    Staff, StaffChange, StaffChanged, Statement, TokenHash, UnixMs,
};
use crate::sqlite::{self, Readers, Writer};
use crate::url::DatabaseUrl;

/// The books. Cheap to clone; all clones share one writer and a few readers.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    readers: Readers,
}

/// Brings a database to this version; creates it if it is not there. Returns the number of
/// migrations that were applied. Safe when several processes do it at once.
///
/// # Errors
/// [`Error::Unavailable`] if the file cannot be opened or is newer than this program.
pub fn migrate(url: &DatabaseUrl) -> Result<usize, Error> {
    sqlite::migrate(url.path())
}

impl Store {
    /// Opens a database that is at this version (see [`migrate`]) and starts its threads.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be opened.
    pub fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        let writer = Writer::start(url.path())?;
        let readers = Readers::start(url.path())?;
        Ok(Self { inner: Arc::new(Inner { writer, readers }) })
    }

    /// Posts an operation and answers after its commit. A refusal is an outcome, not an error.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing happened. [`Error::Unknown`]: ask again with the same key.
    pub async fn post(&self, operation: Operation) -> Result<Outcome, Error> {
        self.inner.writer.post(operation).await
    }

    /// What the books hold under some keys: each once, in no order, unknown keys left out. One
    /// call whatever their number (at most [`crate::BOOKED_KEYS_MAX`] are looked up).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn booked(&self, mut keys: Vec<IdempotencyKey>) -> Result<Vec<Booked>, Error> {
        keys.truncate(crate::BOOKED_KEYS_MAX);
        self.inner.readers.read(move |db| sqlite::booked::by_keys(db, &keys)).await
    }

    /// What the books hold of one operation.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn booked_operation(&self, id: OperationId) -> Result<Option<Booked>, Error> {
        self.inner.readers.read(move |db| sqlite::booked::by_id(db, id)).await
    }

    /// Adds a customer.
    ///
    /// # Errors
    /// [`Error::Rejected`] with [`ledger::Refusal::SsnTaken`].
    pub async fn create_customer(
        &self,
        actor: &Actor,
        customer: NewCustomer,
    ) -> Result<Customer, Error> {
        let actor = actor.clone();
        self.inner.writer.write(move |db| sqlite::customers::create(db, &actor, &customer)).await
    }

    /// The customer of a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer(&self, number: CustomerNumber) -> Result<Option<Customer>, Error> {
        self.inner.readers.read(move |db| sqlite::customers::find(db, number)).await
    }

    /// The customer of a social security number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer_by_ssn(&self, ssn: Ssn) -> Result<Option<Customer>, Error> {
        self.inner.readers.read(move |db| sqlite::customers::find_by_ssn(db, &ssn)).await
    }

    /// Customers in the order of their numbers, after a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customers(&self, after: Option<i64>, limit: u32) -> Result<Page<Customer>, Error> {
        self.inner.readers.read(move |db| sqlite::customers::list(db, after, limit)).await
    }

    /// Changes name, address and age of an active customer.
    ///
    /// # Errors
    /// [`Error::Rejected`] with `CustomerUnknown` or `CustomerDeactivated`.
    pub async fn update_customer(
        &self,
        actor: &Actor,
        number: CustomerNumber,
        details: CustomerDetails,
    ) -> Result<Customer, Error> {
        let actor = actor.clone();
        self.inner
            .writer
            .write(move |db| sqlite::customers::update(db, &actor, number, &details))
            .await
    }

    /// Deactivates or activates a customer.
    ///
    /// # Errors
    /// [`Error::Rejected`] with `CustomerUnknown`, `CustomerDeactivated` or `CustomerActive`.
    pub async fn set_customer_status(
        &self,
        actor: &Actor,
        number: CustomerNumber,
        status: CustomerStatus,
    ) -> Result<Customer, Error> {
        let actor = actor.clone();
        self.inner
            .writer
            .write(move |db| sqlite::customers::set_status(db, &actor, number, status))
            .await
    }

    /// The account of a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn account(&self, number: AccountNumber) -> Result<Option<AccountView>, Error> {
        self.inner.readers.read(move |db| sqlite::accounts::find(db, number)).await
    }

    /// All accounts of a customer, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn accounts_of(&self, customer: CustomerNumber) -> Result<Vec<AccountView>, Error> {
        self.inner.readers.read(move |db| sqlite::accounts::of_customer(db, customer)).await
    }

    /// Customers' accounts in the order of their numbers, after a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn accounts(
        &self,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Page<AccountView>, Error> {
        self.inner.readers.read(move |db| sqlite::accounts::list(db, after, limit)).await
    }

    /// Closes an account that is at zero.
    ///
    /// # Errors
    /// [`Error::Rejected`] with `AccountUnknown`, `AccountClosed`, `BalanceNotZero`, `HoldsOpen`.
    pub async fn close_account(
        &self,
        actor: &Actor,
        number: AccountNumber,
    ) -> Result<AccountView, Error> {
        let actor = actor.clone();
        self.inner.writer.write(move |db| sqlite::accounts::close(db, &actor, number)).await
    }

    /// Opens a closed account again.
    ///
    /// # Errors
    /// [`Error::Rejected`] with `AccountUnknown`, `AccountOpen`, `AccountKindTaken`,
    /// `CustomerDeactivated`.
    pub async fn reactivate_account(
        &self,
        actor: &Actor,
        number: AccountNumber,
    ) -> Result<AccountView, Error> {
        let actor = actor.clone();
        self.inner.writer.write(move |db| sqlite::accounts::reactivate(db, &actor, number)).await
    }

    /// Entries of an account, newest first, below an entry number. `None`: no such account.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn entries(
        &self,
        account: AccountNumber,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Option<Page<Entry>>, Error> {
        self.inner.readers.read(move |db| sqlite::entries::list(db, account, before, limit)).await
    }

    /// A statement. `None`: no such account.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn statement(
        &self,
        account: AccountNumber,
        period: Period,
    ) -> Result<Option<Statement>, Error> {
        self.inner.readers.read(move |db| sqlite::entries::statement(db, account, period)).await
    }

    /// The newest log rows, of all customers or one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer_logs(
        &self,
        customer: Option<CustomerNumber>,
        limit: u32,
    ) -> Result<Vec<CustomerLog>, Error> {
        self.inner.readers.read(move |db| sqlite::logs::of_customers(db, customer, limit)).await
    }

    /// The newest log rows, of all accounts or one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn account_logs(
        &self,
        account: Option<AccountNumber>,
        limit: u32,
    ) -> Result<Vec<AccountLog>, Error> {
        self.inner.readers.read(move |db| sqlite::logs::of_accounts(db, account, limit)).await
    }

    /// What the house accounts hold, in the order of their numbers; those never used are left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn house_balances(&self) -> Result<Vec<HouseBalance>, Error> {
        self.inner.readers.read(sqlite::house::balances).await
    }

    /// Moves the marks of the house accounts up to the newest entry, so that reading a balance
    /// stays quick. Any server may do it at any time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn roll_up_house(&self) -> Result<(), Error> {
        self.inner.writer.write(sqlite::house::roll_up).await
    }

    /// A member of staff.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn staff(&self, user: UserId) -> Result<Option<Staff>, Error> {
        self.inner.readers.read(move |db| sqlite::staff::find(db, &user)).await
    }

    /// All staff, by user id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn staff_list(&self) -> Result<Vec<Staff>, Error> {
        self.inner.readers.read(sqlite::staff::list).await
    }

    /// Adds a member of staff; `false` if the user id is taken (nothing changes then).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_staff(&self, staff: Staff) -> Result<bool, Error> {
        self.inner.writer.write(move |db| sqlite::staff::add(db, &staff)).await
    }

    /// Sets a password hash and ends all sessions of the user; `false` if there is no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_password(
        &self,
        user: UserId,
        password_hash: String,
        generated: bool,
    ) -> Result<bool, Error> {
        self.inner
            .writer
            .write(move |db| sqlite::staff::set_password(db, &user, &password_hash, generated))
            .await
    }

    /// Disables or enables a user; disabling ends all sessions. `false`: no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_staff_disabled(&self, user: UserId, disabled: bool) -> Result<bool, Error> {
        self.inner.writer.write(move |db| sqlite::staff::set_disabled(db, &user, disabled)).await
    }

    /// Changes what a user may do; `false`: no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_staff_role(&self, user: UserId, role: Role) -> Result<bool, Error> {
        self.inner.writer.write(move |db| sqlite::staff::set_role(db, &user, role)).await
    }

    /// Does what an administrator asks about another member of staff, with the audit row.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_staff(
        &self,
        actor: &Actor,
        user: UserId,
        change: StaffChange,
    ) -> Result<StaffChanged, Error> {
        let actor = actor.clone();
        self.inner.writer.write(move |db| sqlite::staff::change(db, &actor, &user, &change)).await
    }

    /// Sets the password that a user chose, ends their sessions in browsers (the asking one too)
    /// and writes the audit row; `false`: no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn choose_password(&self, actor: &Actor, hash: String) -> Result<bool, Error> {
        let actor = actor.clone();
        self.inner.writer.write(move |db| sqlite::staff::choose_password(db, &actor, &hash)).await
    }

    /// Stores a session and its audit row; gives its public number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create_session(&self, session: NewSession) -> Result<i64, Error> {
        self.inner.writer.write(move |db| sqlite::sessions::create(db, &session)).await
    }

    /// The live session of a secret's hash: not ended, not expired, its owner not disabled.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn session(&self, token_hash: TokenHash) -> Result<Option<Session>, Error> {
        self.inner.readers.read(move |db| sqlite::sessions::find(db, &token_hash)).await
    }

    /// Notes that a session is at work.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_session(&self, id: i64, now: UnixMs) -> Result<(), Error> {
        self.inner.writer.write(move |db| sqlite::sessions::touch(db, id, now)).await
    }

    /// A user's live sessions, newest first, at most [`crate::PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionView>, Error> {
        let limit = crate::PAGE_ROWS_MAX;
        self.inner.readers.read(move |db| sqlite::sessions::of_user(db, &user, limit)).await
    }

    /// Ends a session of the actor's own on every server, with the audit row; `false` if it is not
    /// theirs or has ended before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_own_session(&self, actor: &Actor, id: i64) -> Result<bool, Error> {
        let actor = actor.clone();
        self.inner.writer.write(move |db| sqlite::sessions::end_own(db, &actor, id)).await
    }

    /// Whether a sign-in of this name from this address may be tried (both as typed or seen).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sign_in_gate(&self, user: String, address: String) -> Result<SignInGate, Error> {
        self.inner.readers.read(move |db| sqlite::sign_ins::gate(db, &user, &address)).await
    }

    /// Notes how a sign-in ended: failures make the next one wait, a success clears the user's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_sign_in(
        &self,
        user: String,
        address: String,
        success: bool,
    ) -> Result<(), Error> {
        self.inner
            .writer
            .write(move |db| sqlite::sign_ins::record(db, &user, &address, success))
            .await
    }

    /// Writes an audit row.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record(&self, event: AuditEvent) -> Result<(), Error> {
        self.inner.writer.write(move |db| sqlite::logs::record(db, &event)).await
    }

    /// Audit rows, newest first, below an id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn audit_events(
        &self,
        filter: AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<AuditRow>, Error> {
        self.inner.readers.read(move |db| sqlite::logs::events(db, &filter, before, limit)).await
    }

    /// Asks the database for a trivial read: whether it can be reached.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.inner.readers.read(sqlite::ping).await
    }
}
