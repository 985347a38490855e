//! The store as the rest of the bank sees it: groups in, outcomes out, and plain reads.
//!
//! A front over two databases. Postings go to the one writer of either, which takes everything
//! that waits and posts it as a group; a lone posting waits for nobody. Queues are bounded; full
//! means [`Error::Unavailable`].

use std::sync::Arc;

use ledger::customer::{CustomerDetails, Ssn};
use ledger::{
    AccountNumber, Actor, CustomerNumber, CustomerStatus, IdempotencyKey, NewCustomer, Operation,
    OperationId, TransferId,
};

use crate::error::Error;
use crate::model::{
    AccountLog, AccountView, Booked, Customer, CustomerLog, Entry, Extract, Health, HouseBalance,
    OperationFilter, OperationView, Outcome, Page, Period, TransferView,
};
use crate::postgres;
use crate::sqlite::{self, Readers, Writer};
use crate::ssn;
use crate::url::{DatabaseUrl, Place};
use crate::vault::Vault;
use crate::visit::Visit;

/// The books. Cheap to clone; all clones share one writer and a few readers.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Arc<Engine>,
    vault: Option<Arc<Vault>>,
    visit: Option<Arc<Visit>>,
    /// Whether what is read may come from a replica.
    is_near: bool,
}

/// The two databases; each has the same modules with the same functions.
#[derive(Debug)]
enum Engine {
    Sqlite(Embedded),
    Postgres(postgres::Database),
}

#[derive(Debug)]
struct Embedded {
    writer: Writer,
    readers: Readers,
}

/// Calls a function that only reads, on either database; on a replica if the store is
/// [`Store::near`] and one will do.
macro_rules! read {
    ($store:expr, $module:ident::$function:ident($($argument:expr),*)) => {
        match &*$store.engine {
            Engine::Sqlite(db) => {
                db.readers.read(move |db| sqlite::$module::$function(db $(, $argument)*)).await
            }
            Engine::Postgres(db) => {
                let db = db.on($store.visit.as_ref(), $store.is_near);
                postgres::$module::$function(&db $(, $argument)*).await
            }
        }
    };
}

/// Calls a function that changes rows, on either database, in a transaction of its own.
macro_rules! write {
    ($store:expr, $module:ident::$function:ident($($argument:expr),*)) => {
        match &*$store.engine {
            Engine::Sqlite(db) => {
                db.writer.write(move |db| sqlite::$module::$function(db $(, $argument)*)).await
            }
            Engine::Postgres(db) => {
                let db = db.on($store.visit.as_ref(), false);
                postgres::$module::$function(&db $(, $argument)*).await
            }
        }
    };
}

mod access;
mod sealing;
mod search;

pub use sealing::Sealed;

/// Brings a database to this version; creates an embedded one if it is not there. Returns the
/// number of migrations that were applied. Safe when several processes do it at once. A database
/// that is newer than this program is left as it is: migrations only add what the previous
/// program can live with.
///
/// # Errors
/// [`Error::Unavailable`] if the database cannot be opened or changed.
pub async fn migrate(url: &DatabaseUrl) -> Result<usize, Error> {
    match &url.0 {
        Place::File(path) => sqlite::migrate(path),
        Place::Server(server) => postgres::migrate(server).await,
    }
}

impl Store {
    /// Opens a database that is at this version (see [`migrate`]). An embedded one is opened at
    /// once; connections to PostgreSQL are made when they are needed. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be opened.
    pub fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        Self::open_with_replicas(url, None)
    }

    /// The same with replicas of a PostgreSQL database that are near, the nearest first; they are
    /// watched from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be opened, or if this is no database with replicas.
    pub fn open_with_replicas(
        url: &DatabaseUrl,
        replicas: Option<&DatabaseUrl>,
    ) -> Result<Self, Error> {
        let no_replicas =
            Error::Unavailable { reason: "only PostgreSQL has replicas to read", source: None };
        let engine = match (&url.0, replicas.map(|replicas| &replicas.0)) {
            (Place::File(path), None) => Engine::Sqlite(Embedded {
                writer: Writer::start(path)?,
                readers: Readers::start(path)?,
            }),
            (Place::Server(server), None) => {
                Engine::Postgres(postgres::Database::start(server, None)?)
            }
            (Place::Server(server), Some(Place::Server(replicas))) => {
                Engine::Postgres(postgres::Database::start(server, Some(replicas))?)
            }
            (Place::File(_), Some(_)) | (Place::Server(_), Some(Place::File(_))) => {
                return Err(no_replicas);
            }
        };
        Ok(Self { engine: Arc::new(engine), vault: None, visit: None, is_near: false })
    }

    /// The same store for one visit: what is changed is noted on it, everything is read from the
    /// primary.
    #[must_use]
    pub fn on(&self, visit: &Arc<Visit>) -> Self {
        Self { visit: Some(Arc::clone(visit)), is_near: false, ..self.clone() }
    }

    /// The same store for one visit, where what is read may come from a replica that holds what the
    /// visit's session wrote. For what people look at, never for what decides.
    #[must_use]
    pub fn near(&self, visit: &Arc<Visit>) -> Self {
        Self { visit: Some(Arc::clone(visit)), is_near: true, ..self.clone() }
    }

    /// The same store with the bank's data keys.
    #[must_use]
    pub fn with_vault(self, vault: Arc<Vault>) -> Self {
        Self { vault: Some(vault), ..self }
    }

    fn vault(&self) -> Option<&Vault> {
        self.vault.as_deref()
    }

    /// The bank's data keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store was opened without.
    pub fn keys(&self) -> Result<&Vault, Error> {
        let reason = "there are no data keys: name their file in the configuration";
        self.vault().ok_or(Error::Unavailable { reason, source: None })
    }

    /// Posts an operation and answers after its commit. A refusal is an outcome, not an error.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing happened. [`Error::Unknown`]: ask again with the same key.
    pub async fn post(&self, operation: Operation) -> Result<Outcome, Error> {
        match &*self.engine {
            Engine::Sqlite(db) => db.writer.post(operation).await,
            Engine::Postgres(db) => db.on(self.visit.as_ref(), false).post(operation).await,
        }
    }

    /// What the books hold under some keys: each once, in no order, unknown keys left out. One
    /// call whatever their number (at most [`crate::BOOKED_KEYS_MAX`] are looked up).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn booked(&self, mut keys: Vec<IdempotencyKey>) -> Result<Vec<Booked>, Error> {
        keys.truncate(crate::BOOKED_KEYS_MAX);
        read!(self, booked::by_keys(&keys))
    }

    /// What the books hold of one operation.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn booked_operation(&self, id: OperationId) -> Result<Option<Booked>, Error> {
        read!(self, booked::by_id(id))
    }

    /// Waits until everything that was read so far is as safe as what the bank acknowledged: what
    /// is read may be a posting whose commit still waits for the standbys. To be called before
    /// somebody is told for good that a posting was done.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it cannot be said now.
    pub async fn confirm(&self) -> Result<(), Error> {
        match &*self.engine {
            // What others have not flushed yet is not read.
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(db) => db.confirm().await,
        }
    }

    /// Operations, newest first, below an id. What batches moved is left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn operations(
        &self,
        filter: OperationFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<OperationView>, Error> {
        read!(self, operations::list(&filter, before, limit))
    }

    /// A transfer with what is linked to it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn transfer(&self, transfer: TransferId) -> Result<Option<TransferView>, Error> {
        read!(self, transfers::find(transfer))
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
        let sealed = self.vault().map(|vault| ssn::seal(vault, &customer.ssn)).transpose()?;
        let made = write!(self, customers::create(&actor, &customer, sealed.as_ref()))?;
        ssn::open(self.vault(), made)
    }

    /// The customer of a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer(&self, number: CustomerNumber) -> Result<Option<Customer>, Error> {
        let found = read!(self, customers::find(number))?;
        found.map(|found| ssn::open(self.vault(), found)).transpose()
    }

    /// The customer of a social security number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer_by_ssn(&self, ssn: Ssn) -> Result<Option<Customer>, Error> {
        let index = self.vault().map(|vault| ssn::index(vault, &ssn));
        let found = read!(self, customers::find_by_ssn(&ssn, index))?;
        found.map(|found| ssn::open(self.vault(), found)).transpose()
    }

    /// Customers in the order of their numbers, after a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customers(&self, after: Option<i64>, limit: u32) -> Result<Page<Customer>, Error> {
        ssn::open_page(self.vault(), read!(self, customers::list(after, limit))?)
    }

    /// Changes name, address and age of an active customer; what changes nothing leaves no row.
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
        ssn::open(self.vault(), write!(self, customers::update(&actor, number, &details))?)
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
        ssn::open(self.vault(), write!(self, customers::set_status(&actor, number, status))?)
    }

    /// The account of a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn account(&self, number: AccountNumber) -> Result<Option<AccountView>, Error> {
        read!(self, accounts::find(number))
    }

    /// All accounts of a customer, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn accounts_of(&self, customer: CustomerNumber) -> Result<Vec<AccountView>, Error> {
        read!(self, accounts::of_customer(customer))
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
        read!(self, accounts::list(after, limit))
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
        write!(self, accounts::close(&actor, number))
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
        write!(self, accounts::reactivate(&actor, number))
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
        read!(self, entries::list(account, before, limit))
    }

    /// What a statement is made of. `None`: no such account.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn extract(
        &self,
        account: AccountNumber,
        period: Period,
    ) -> Result<Option<Extract>, Error> {
        read!(self, entries::extract(account, period))
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
        let rows = read!(self, logs::of_customers(customer, limit))?;
        rows.into_iter().map(|row| ssn::open(self.vault(), row)).collect()
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
        read!(self, logs::of_accounts(account, limit))
    }

    /// What the house accounts hold, in the order of their numbers; those never used are left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn house_balances(&self) -> Result<Vec<HouseBalance>, Error> {
        read!(self, house::balances())
    }

    /// Moves the marks of the house accounts up to the newest entry, so that reading a balance
    /// stays quick. Any server may do it at any time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn roll_up_house(&self) -> Result<(), Error> {
        write!(self, house::roll_up())
    }

    /// What can be reached. Asks the database, or tells what its watches have found lately.
    pub async fn health(&self) -> Health {
        match &*self.engine {
            Engine::Sqlite(db) => Health {
                primary_answers: db.readers.read(sqlite::ping).await.is_ok(),
                has_replicas: false,
                replica: None,
            },
            Engine::Postgres(db) => db.health().await,
        }
    }

    /// Connects ahead of the first change and the first posting, for which a server on the other
    /// coast would else make its caller wait for seven round trips. What does not answer now is
    /// looked for when it is needed.
    pub async fn warm_up(&self) {
        match &*self.engine {
            Engine::Postgres(db) => db.warm_up().await,
            Engine::Sqlite(_) => {}
        }
    }

    /// Waits, after somebody was shut out, until no server lets them in any more on the word of a
    /// replica.
    async fn settle_if(&self, is_shut_out: bool) {
        match &*self.engine {
            Engine::Postgres(db) if is_shut_out => db.settle().await,
            Engine::Postgres(_) | Engine::Sqlite(_) => {}
        }
    }
}
