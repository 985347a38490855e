//! The one thread that writes: it takes everything that waits and posts it as one group.
//!
//! There is no timer. While a group is committed the next one fills, so a lone operation waits
//! for nobody and a crowd shares one commit. Writes that post no money (customers, sessions,
//! audit rows) take their turn between the groups, each in a transaction of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ledger::Operation;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::Outcome;
use crate::queue::enqueue;
use crate::sqlite::connection::{lock, lock_file, open_writer};
use crate::sqlite::{classify, posting};

/// What may wait. At 4,000 operations a second this is a quarter of a second of work; beyond it
/// the caller is better told at once (503) than kept.
const WAITING_MAX: usize = 1_024;

/// What the caller is told then.
const FULL: &str = "too many writes wait";

/// The most transfers of one group: one full batch; 100 ms of posting on two small cores.
const GROUP_TRANSFERS_MAX: usize = ledger::operation::BATCH_LENGTH_MAX;

/// A log above this is emptied even if readers must be waited for. Readers that overlap without
/// a gap would otherwise let it grow for ever.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
const LOG_CHECK_INTERVAL: Duration = Duration::from_secs(1);

type Reply = oneshot::Sender<Result<Outcome, Error>>;
type Write = Box<dyn FnOnce(&mut Db) + Send>;

enum Work {
    Post(Operation, Reply),
    Write(Write),
}

/// A connection for writing, with the lock that serialises all processes.
pub(crate) struct Db {
    connection: Connection,
    lock: File,
    log_path: PathBuf,
    log_checked: Instant,
}

/// Hands work to the writer's thread.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Work>,
}

impl Writer {
    pub(crate) fn start(path: &Path) -> Result<Self, Error> {
        let mut log_path = path.as_os_str().to_owned();
        log_path.push("-wal");
        let mut db = Db {
            connection: open_writer(path)?,
            lock: lock_file(path)?,
            log_path: log_path.into(),
            log_checked: Instant::now(),
        };
        let (queue, mut work) = mpsc::channel(WAITING_MAX);
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                while let Some(first) = work.blocking_recv() {
                    take_turn(&mut db, first, &mut work);
                    db.keep_log_small();
                }
            })
            .map_err(|source| Error::Unavailable {
                reason: "the writer thread cannot be started",
                source: Some(Box::new(source)),
            })?;
        Ok(Self { queue })
    }

    pub(crate) async fn post(&self, operation: Operation) -> Result<Outcome, Error> {
        let (reply, answer) = oneshot::channel();
        enqueue(&self.queue, Work::Post(operation, reply), FULL)?;
        answer.await.map_err(|source| Error::Unknown { source: Box::new(source) })?
    }

    /// Runs `job` in a transaction that is committed if it succeeds.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let write: Write = Box::new(move |db| {
            // The caller may have gone away; the write stands all the same.
            let _ = reply.send(db.in_transaction(job));
        });
        enqueue(&self.queue, Work::Write(write), FULL)?;
        answer.await.map_err(|source| Error::Unknown { source: Box::new(source) })?
    }
}

/// Posts what waits, up to a full group; then does the plain write that ended the group, if any.
fn take_turn(db: &mut Db, first: Work, work: &mut mpsc::Receiver<Work>) {
    let mut operations = Vec::new();
    let mut replies = Vec::new();
    let mut transfers = 0_usize;
    let mut next = Some(first);
    let mut write = None;
    while let Some(item) = next {
        match item {
            Work::Write(job) => {
                write = Some(job);
                break;
            }
            Work::Post(operation, reply) => {
                transfers = transfers.saturating_add(operation.request.legs().len().max(1));
                operations.push(operation);
                replies.push(reply);
            }
        }
        next = if transfers < GROUP_TRANSFERS_MAX { work.try_recv().ok() } else { None };
    }
    if !operations.is_empty() {
        post(db, &operations, replies);
    }
    if let Some(job) = write {
        job(db);
    }
}

fn post(db: &mut Db, operations: &[Operation], replies: Vec<Reply>) {
    let started = Instant::now();
    let size = u32::try_from(operations.len()).unwrap_or(u32::MAX);
    let posted = db.post_group(operations);
    // Before the answers, so that whoever has one finds it counted.
    metrics::histogram!("ballast_store_group_operations").record(f64::from(size));
    metrics::histogram!("ballast_store_group_seconds").record(started.elapsed().as_secs_f64());
    match posted {
        Ok(outcomes) => {
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                let _ = reply.send(Ok(outcome));
            }
        }
        // One operation's failure must not fail its neighbours: each gets a try of its own.
        Err(error) => {
            tracing::warn!(error = %chain(&error), group.operations = size, "group failed");
            for (operation, reply) in operations.iter().zip(replies) {
                let alone = db.post_group(std::slice::from_ref(operation));
                if let Err(error) = &alone {
                    metrics::counter!("ballast_store_postings_failed_total").increment(1);
                    tracing::error!(error = %chain(error), "posting failed");
                }
                let _ = reply.send(alone.and_then(|mut outcomes| outcomes.pop().ok_or(NO_ANSWER)));
            }
        }
    }
}

const NO_ANSWER: Error = Error::Unavailable { reason: "the group had no answer", source: None };

impl Db {
    /// Phases: lock file, `begin immediate`, posting (see [`posting`]), commit, unlock.
    /// A failed group may be asked again: the keys make that safe whatever happened to it.
    fn post_group(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>, Error> {
        self.in_transaction(|db| posting::post_group(db, operations, now_ms()))
    }

    fn in_transaction<T>(
        &mut self,
        job: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        lock(&self.lock)?;
        let result = in_transaction(&mut self.connection, job);
        // Cannot fail on a file that is locked by us; and if it did, the next lock would tell.
        let _ = self.lock.unlock();
        result
    }

    fn keep_log_small(&mut self) {
        if self.log_checked.elapsed() < LOG_CHECK_INTERVAL {
            return;
        }
        self.log_checked = Instant::now();
        let bytes = std::fs::metadata(&self.log_path).map_or(0, |log| log.len());
        if bytes > LOG_BYTES_MAX {
            let emptied =
                self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
            if let Err(error) = emptied {
                tracing::warn!(%error, log.bytes = bytes, "write-ahead log not emptied");
            }
        }
    }
}

fn in_transaction<T>(
    db: &mut Connection,
    job: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(classify)?;
    let value = job(&transaction)?;
    transaction.commit().map_err(|source| Error::Unknown { source: Box::new(source) })?;
    Ok(value)
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
