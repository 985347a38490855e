//! A bounded set of connections to one database: the primary, or a copy of it.
//!
//! Guarantees: never more connections than the bound and never more callers waiting than the
//! bound; a connection whose call did not end well is closed, never reused; after one broken
//! connection no idle one is used again, because they lead to the same host; a lost primary is
//! looked for by one task at a time, and callers wait for it while it has not been lost for long:
//! after that they are told at once, because requests that hang take the room of those that a copy
//! can answer; nobody waits for a new connection, seven round trips, while another one comes back.
//! (A general pool checks connections one by one, which after a failover costs each caller a
//! timeout.)

mod lost;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger::receipt::Position;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;
use crate::postgres::connection::{Connection, HOST_TIMEOUT};
use crate::postgres::pool::lost::Lost;
use crate::postgres::position::{self, OF_PRIMARY};
use crate::postgres::url::ServerUrl;
use crate::postgres::{Params, tls};

/// What may wait for a connection: about 100 ms of look-ups; beyond it is better to say so.
const WAITING_MAX: usize = 1_024;

/// How long a call that posts nothing may take, its wait for a connection included.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    url: ServerUrl,
    tls: MakeRustlsConnect,
    /// Prepared on every connection before it is used.
    statements: &'static [&'static str],
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// One for each connection, whether idle, in use or being made.
    rooms: Arc<Semaphore>,
    idle: Mutex<Vec<Pooled>>,
    /// A connection is idle, or what is waited for has failed.
    came_back: Notify,
    /// Counts the times that all connections were given up.
    generation: AtomicU64,
    /// `None` while the last that is known of the primary is that it answers.
    lost: watch::Sender<Option<Lost>>,
}

/// A connection, and how often all were given up before it was made.
struct Pooled {
    connection: Connection,
    generation: u64,
    room: OwnedSemaphorePermit,
}

/// A connection in use. Dropped without [`Lease::give_back`] it is closed.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    generation: u64,
    room: OwnedSemaphorePermit,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Pool({})", self.shared.url)
    }
}

impl Pool {
    /// `statements` are prepared on each connection before it is used; others when first asked.
    pub(crate) fn try_new(
        url: &ServerUrl,
        connections_max: usize,
        statements: &'static [&'static str],
    ) -> Result<Self, Error> {
        let shared = Shared {
            url: url.clone(),
            tls: tls::connector(url.trust())?,
            statements,
            permits: Arc::new(Semaphore::new(connections_max)),
            waiting: AtomicUsize::new(0),
            rooms: Arc::new(Semaphore::new(connections_max)),
            idle: Mutex::default(),
            came_back: Notify::new(),
            generation: AtomicU64::new(0),
            lost: watch::Sender::new(None),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// An idle connection, or a new one.
    pub(crate) async fn lease(&self) -> Result<Lease, Error> {
        let shared = &self.shared;
        let waiting = Waiting::join(&shared.waiting)?;
        let permits = Arc::clone(&shared.permits);
        let permit = permits.acquire_owned().await.map_err(|_| Error::closed())?;
        drop(waiting);
        let Pooled { connection, generation, room } = shared.connect().await?;
        Ok(Lease { connection, generation, room, shared: Arc::clone(shared), _permit: permit })
    }

    /// Makes a connection if there is none.
    pub(crate) async fn warm_up(&self) {
        if let Ok(lease) = self.lease().await {
            lease.give_back();
        }
    }

    /// The primary did not answer somebody else: nobody sends it anything before it was looked for.
    pub(crate) fn suspect(&self) {
        self.shared.set_lost();
        self.shared.look();
    }

    /// Whether the database answers; said at once if it is lost.
    pub(crate) async fn answers(&self) -> bool {
        if self.shared.is_lost() {
            self.shared.look();
            return false;
        }
        self.read("select 1", &[]).await.is_ok()
    }

    /// Forgets the idle connections: their host does not answer.
    pub(crate) fn give_up_idle(&self) {
        self.shared.give_up_idle();
    }

    /// Asks once more on another connection if the first turns out to be broken.
    pub(crate) async fn read(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Error> {
        let ask = async {
            match self.call(sql, params).await {
                Err(Failed::Lost(_)) => self.call(sql, params).await,
                result => result,
            }
        };
        match tokio::time::timeout(CALL_TIMEOUT, ask).await {
            Ok(result) => result.map_err(|failed| match failed {
                Failed::NotSent(error) => error,
                Failed::Refused(source) | Failed::Lost(source) => classify(source),
            }),
            Err(source) => {
                self.give_up_idle();
                Err(late(source))
            }
        }
    }

    /// Never asks twice: what became of a lost call is unknown. Gives the rows, and where the
    /// database is after them if that is known.
    pub(crate) async fn write(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<(Vec<Row>, Option<Position>), Error> {
        match tokio::time::timeout(CALL_TIMEOUT, self.change(sql, params)).await {
            Ok(Ok(Changed { is_replicated: false, .. })) => {
                Err(Error::Unknown { source: Box::new(NotReplicated) })
            }
            Ok(Ok(Changed { rows, position, .. })) => Ok((rows, position)),
            Ok(Err(failed)) => Err(match failed {
                Failed::NotSent(error) => error,
                Failed::Refused(source) => classify(source),
                Failed::Lost(source) => Error::Unknown { source: Box::new(source) },
            }),
            Err(source) => {
                self.give_up_idle();
                Err(Error::Unknown { source: Box::new(source) })
            }
        }
    }

    /// Asks once, without a time limit of its own.
    pub(crate) async fn ask(&self, sql: &'static str) -> Result<Vec<Row>, Failed> {
        self.call(sql, &[]).await
    }

    /// Asks one question and behind it, without waiting, another; the first has one row. No time
    /// limit of its own.
    pub(crate) async fn ask_after(
        &self,
        first: &'static str,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<(Row, Vec<Row>), Failed> {
        let mut lease = self.lease().await.map_err(Failed::NotSent)?;
        let asked = async {
            let first = lease.connection.statement(first).await?;
            let statement = lease.connection.statement(sql).await?;
            let client = &lease.connection.client;
            tokio::try_join!(client.query_one(&first, &[]), client.query(&statement, params))
        };
        match asked.await {
            Ok(answers) => {
                lease.give_back();
                Ok(answers)
            }
            Err(error) => Err(lease.failed(error)),
        }
    }

    async fn change(&self, sql: &'static str, params: Params<'_>) -> Result<Changed, Failed> {
        let mut lease = self.lease().await.map_err(Failed::NotSent)?;
        let statements = async {
            let statement = lease.connection.statement(sql).await?;
            Ok((statement, lease.connection.statement(OF_PRIMARY).await?))
        };
        let (statement, whereabouts) = match statements.await {
            Ok(statements) => statements,
            Err(error) => {
                return Err(match lease.failed(error) {
                    Failed::Lost(source) => Failed::NotSent(classify(source)),
                    failed => failed,
                });
            }
        };
        let client = &lease.connection.client;
        let (rows, position) =
            tokio::join!(client.query(&statement, params), client.query_one(&whereabouts, &[]));
        match rows {
            Ok(rows) => {
                let is_replicated = !lease.connection.is_doubtful();
                lease.give_back();
                let position = position.ok().as_ref().and_then(position::read);
                Ok(Changed { rows, position, is_replicated })
            }
            Err(error) => Err(lease.failed(error)),
        }
    }

    async fn call(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let mut lease = self.lease().await.map_err(Failed::NotSent)?;
        let statement = match lease.connection.statement(sql).await {
            Ok(statement) => statement,
            Err(error) => return Err(lease.failed(error)),
        };
        match lease.connection.client.query(&statement, params).await {
            Ok(rows) => {
                lease.give_back();
                Ok(rows)
            }
            Err(error) => Err(lease.failed(error)),
        }
    }
}

/// What a change gave.
struct Changed {
    rows: Vec<Row>,
    position: Option<Position>,
    is_replicated: bool,
}

/// The commit stands on the primary and on none of the standbys that it should be on.
#[derive(Debug, thiserror::Error)]
#[error("the commit was not replicated")]
pub(crate) struct NotReplicated;

/// Why a call has no answer.
pub(crate) enum Failed {
    /// No connection.
    NotSent(Error),
    /// The database refused; its transaction is rolled back.
    Refused(tokio_postgres::Error),
    /// The connection broke, or the database is going down: it may have happened.
    Lost(tokio_postgres::Error),
}

impl Lease {
    /// Keeps the connection for the next caller.
    pub(crate) fn give_back(self) {
        let Self { connection, generation, room, shared, _permit } = self;
        shared.keep(Pooled { connection, generation, room });
    }

    /// Keeps or gives up the connection, and with it all others, by what the error means.
    pub(crate) fn failed(self, error: tokio_postgres::Error) -> Failed {
        match error.code() {
            Some(code) if !is_going_down(code) => {
                // A host that has become a standby refuses to write: the primary is elsewhere.
                if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
                    self.give_up_all();
                } else {
                    self.give_back();
                }
                Failed::Refused(error)
            }
            _ => {
                self.give_up_all();
                Failed::Lost(error)
            }
        }
    }

    /// Closes this connection and forgets the idle ones.
    pub(crate) fn give_up_all(self) {
        self.shared.give_up_idle();
    }
}

impl Shared {
    /// An idle connection, or the first that comes back or is made. While the primary is lost this
    /// is what the look for it finds, if that is soon.
    async fn connect(self: &Arc<Self>) -> Result<Pooled, Error> {
        let mut making = None;
        loop {
            // Before the looks below, so that nothing that happens behind them is missed.
            let came_back = self.came_back.notified();
            while self.is_lost() {
                self.look();
                self.found().await?;
            }
            if let Some(idle) = self.take_idle() {
                return Ok(idle);
            }
            if making.is_none() {
                making = self.make();
            }
            let made = async {
                match making.as_mut() {
                    Some(making) => making.await.unwrap_or_else(|_| Err(Error::closed())),
                    // As many as there may be are in use or being made; one of those is for us.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                made = made => return made,
                () = came_back => {}
            }
        }
    }

    /// Begins to make a connection if there is room for one. It is kept for others if nobody waits
    /// for it any more.
    fn make(self: &Arc<Self>) -> Option<oneshot::Receiver<Result<Pooled, Error>>> {
        let room = Arc::clone(&self.rooms).try_acquire_owned().ok()?;
        let (made, receiver) = oneshot::channel();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let generation = shared.generation.load(Ordering::SeqCst);
            let connection = shared.reach().await;
            if connection.is_err() {
                shared.set_lost();
            }
            let pooled = connection.map(|connection| Pooled { connection, generation, room });
            match made.send(pooled) {
                Err(Ok(pooled)) => shared.keep(pooled),
                Ok(()) | Err(Err(_)) => shared.came_back.notify_waiters(),
            }
        });
        Some(receiver)
    }

    async fn reach(&self) -> Result<Connection, Error> {
        let mut connection = Connection::connect(&self.url, self.tls.clone()).await?;
        match timeout(HOST_TIMEOUT, connection.prepare(self.statements)).await {
            Ok(Ok(())) => Ok(connection),
            // The host answers; whoever asks for what it does not know is told so.
            Ok(Err(error)) if error.code().is_some_and(|code| !is_going_down(code)) => {
                Ok(connection)
            }
            Ok(Err(error)) => Err(classify(error)),
            Err(source) => Err(late(source)),
        }
    }

    /// For the next caller, unless it leads to a host that was given up.
    fn keep(&self, pooled: Pooled) {
        let Pooled { connection, generation, .. } = &pooled;
        let is_current = *generation == self.generation.load(Ordering::SeqCst);
        if is_current && !connection.is_doubtful() && !connection.client.is_closed() {
            lock(&self.idle).push(pooled);
            self.came_back.notify_one();
        }
    }

    fn give_up_idle(&self) {
        self.set_lost();
        self.generation.fetch_add(1, Ordering::SeqCst);
        lock(&self.idle).clear();
        self.came_back.notify_waiters();
    }

    fn take_idle(&self) -> Option<Pooled> {
        let generation = self.generation.load(Ordering::SeqCst);
        let mut idle = lock(&self.idle);
        while let Some(pooled) = idle.pop() {
            if pooled.generation == generation && !pooled.connection.client.is_closed() {
                return Some(pooled);
            }
        }
        None
    }
}

/// A place among those who wait for a connection.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize) -> Result<Self, Error> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::SeqCst) >= WAITING_MAX {
            return Err(Error::Unavailable { reason: "too many calls wait", source: None });
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn late(source: Elapsed) -> Error {
    let reason = "the database did not answer in time";
    Error::Unavailable { reason, source: Some(Box::new(source)) }
}

/// Class 57P: the session is being ended, perhaps in the middle of a commit.
fn is_going_down(code: &SqlState) -> bool {
    code.code().starts_with("57P")
}

/// The one place where the driver's errors become ours, for calls that changed nothing.
pub(crate) fn classify(source: tokio_postgres::Error) -> Error {
    let reason = match source.code() {
        None => "the database cannot be reached",
        Some(code) => match code.code().get(..2) {
            Some("23") => "a rule of the database was broken",
            Some("28") => "the database does not know this user or password",
            Some("3D") => "there is no such database",
            Some("42") => "the database is not at this version, or this user may not use it",
            Some("53") => "the database is out of room or connections",
            Some("57") => "the database is going down or starting",
            _ => "the database failed",
        },
    };
    Error::Unavailable { reason, source: Some(Box::new(source)) }
}

/// Every change to the list is one call, so a panic elsewhere cannot have damaged it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
