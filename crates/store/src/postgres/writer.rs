//! Sends postings in groups: everything that waits goes as one call, several calls at once.
//!
//! When a group leaves: see [`Departures`]. Beside a large group nothing leaves: it would meet the
//! large one's locks, wait for them in the database and read there anew what changed meanwhile;
//! here it grows while it waits.
//!
//! What became of a group whose connection broke or whose commit took too long is unknown: it is
//! asked again under its keys, on another connection, until that is known or the time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ledger::Operation;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::model::Outcome;
use crate::postgres::departures::Departures;
use crate::postgres::pool::{Pool, classify};
use crate::postgres::posting::{PostFailed, post_group};
use crate::queue::enqueue;

/// What may wait.
const WAITING_MAX: usize = 1_024;

/// The most transfers of one group: one full batch.
const GROUP_TRANSFERS_MAX: usize = ledger::operation::BATCH_LENGTH_MAX;

/// Groups on their way at once, each on a connection of its own; with [`DEPARTURE_INTERVAL`] they
/// cover 160 ms: the way to the other coast, and that of the commit back.
pub(crate) const FLIGHTS_MAX: usize = 16;

/// Transfers on their way beside which nothing leaves. Single transfers of as many clients as a
/// server has stay below it; a batch of 1,000 touches a fifth of 10,000 accounts.
const UNDER_WAY_MAX: usize = 500;

/// How long an operation waits for company while other groups are on a long way. A group of one
/// costs the database as much as 16 operations of a large one; with 4 ms, 64 clients on the other
/// coast had a fifth less.
const DEPARTURE_INTERVAL: Duration = Duration::from_millis(10);

/// How long an unknown outcome is asked after. A failover takes 8 s; the web answers within 20 s.
const ASK_FOR: Duration = Duration::from_secs(15);

/// A try that failed sooner met a connection that had broken before; a new one may do.
const BROKEN_WITHIN: Duration = Duration::from_secs(1);

/// Between two tries while the database is away.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// Tries that meet a deadlock or a key that another server inserts; each ends somebody's wait.
const CONFLICTS_MAX: u32 = 20;

type Reply = oneshot::Sender<Result<Outcome, Error>>;
type Posting = (Operation, Reply);

/// Hands operations to the task that sends them.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Posting>,
}

impl Writer {
    pub(crate) fn start(runtime: &Handle, pool: Pool) -> Self {
        let (queue, postings) = mpsc::channel(WAITING_MAX);
        runtime.spawn(send_groups(pool, postings));
        Self { queue }
    }

    pub(crate) async fn post(&self, operation: Operation) -> Result<Outcome, Error> {
        let (reply, answer) = oneshot::channel();
        enqueue(&self.queue, (operation, reply), "too many writes wait")?;
        answer.await.map_err(|source| Error::Unknown { source: Box::new(source) })?
    }
}

async fn send_groups(pool: Pool, mut postings: mpsc::Receiver<Posting>) {
    let mut departures = Departures::new(DEPARTURE_INTERVAL, FLIGHTS_MAX);
    let under_way = Arc::new(AtomicUsize::new(0));
    while let Some(first) = postings.recv().await {
        while under_way.load(Ordering::SeqCst) >= UNDER_WAY_MAX {
            // With none on its way there are no transfers on their way.
            if !departures.one_back().await {
                break;
            }
        }
        departures.turn().await;
        let mut transfers = 0_usize;
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(posting) = next {
            transfers = transfers.saturating_add(posting.0.request.legs().len().max(1));
            group.push(posting);
            next = if transfers < GROUP_TRANSFERS_MAX { postings.try_recv().ok() } else { None };
        }
        let aboard = Aboard::count(&under_way, transfers);
        departures.depart(fly(pool.clone(), group, aboard));
    }
    departures.all_back().await;
}

/// Transfers of a group, counted while it is on its way, however that ends.
struct Aboard {
    under_way: Arc<AtomicUsize>,
    transfers: usize,
}

impl Aboard {
    fn count(under_way: &Arc<AtomicUsize>, transfers: usize) -> Self {
        under_way.fetch_add(transfers, Ordering::SeqCst);
        Self { under_way: Arc::clone(under_way), transfers }
    }
}

impl Drop for Aboard {
    fn drop(&mut self) {
        self.under_way.fetch_sub(self.transfers, Ordering::SeqCst);
    }
}

async fn fly(pool: Pool, group: Vec<Posting>, _aboard: Aboard) {
    let started = Instant::now();
    let size = u32::try_from(group.len()).unwrap_or(u32::MAX);
    let (operations, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let posted = post(&pool, &operations).await;
    // Before the answers, so that whoever has one finds it counted.
    metrics::histogram!("ballast_store_group_operations").record(f64::from(size));
    metrics::histogram!("ballast_store_group_seconds").record(started.elapsed().as_secs_f64());
    match posted {
        Ok(outcomes) => {
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // The caller may have gone away; the posting stands all the same.
                let _ = reply.send(Ok(outcome));
            }
        }
        // One operation's failure must not fail its neighbours: each gets a try of its own.
        Err(GroupFailed { error, alone_may_work: true }) if operations.len() > 1 => {
            tracing::warn!(error = %chain(&error), group.operations = size, "group failed");
            for (operation, reply) in operations.iter().zip(replies) {
                let alone = post(&pool, std::slice::from_ref(operation)).await;
                let _ = reply.send(match alone {
                    Ok(mut outcomes) => outcomes.pop().ok_or(NO_ANSWER),
                    Err(failed) => Err(counted(failed.error)),
                });
            }
        }
        Err(GroupFailed { error, .. }) => {
            let error = Arc::new(counted(error));
            for reply in replies {
                let _ = reply.send(Err(Error::shared(&error)));
            }
        }
    }
}

const NO_ANSWER: Error = Error::Unavailable { reason: "the group had no answer", source: None };

fn counted(error: Error) -> Error {
    metrics::counter!("ballast_store_postings_failed_total").increment(1);
    tracing::error!(error = %chain(&error), "posting failed");
    error
}

struct GroupFailed {
    error: Error,
    /// The database refused the group as a whole: one of its operations is to blame.
    alone_may_work: bool,
}

/// Posts a group until its outcome is known. Asking again is safe whatever happened before: the
/// keys make it so.
async fn post(pool: &Pool, operations: &[Operation]) -> Result<Vec<Outcome>, GroupFailed> {
    let give_up_at = Instant::now() + ASK_FOR;
    let mut unknown = None;
    let mut conflicts = 0_u32;
    let mut not_sent = 0_u32;
    loop {
        let tried_at = Instant::now();
        let failed = match post_group(pool, operations).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(failed) => failed,
        };
        let alone_may_work = matches!(failed, PostFailed::Refused(_));
        let error = match failed {
            PostFailed::Refused(source) if is_conflict(&source) && conflicts < CONFLICTS_MAX => {
                conflicts += 1;
                continue;
            }
            PostFailed::Refused(source) => classify(source),
            // An idle connection that broke long ago is found out once; then the database is away.
            PostFailed::NotSent(_) if not_sent == 0 && tried_at.elapsed() < BROKEN_WITHIN => {
                not_sent = 1;
                continue;
            }
            PostFailed::NotSent(error) => error,
            PostFailed::Unknown(source) => {
                not_sent = 0;
                tracing::warn!(error = %source, "outcome unknown, asking again");
                unknown = Some(source);
                if Instant::now() < give_up_at {
                    continue;
                }
                Error::closed()
            }
        };
        match unknown.take() {
            None => return Err(GroupFailed { error, alone_may_work }),
            Some(source) if Instant::now() >= give_up_at => {
                let error = Error::Unknown { source };
                return Err(GroupFailed { error, alone_may_work: false });
            }
            Some(source) => unknown = Some(source),
        }
        tokio::time::sleep(ASK_INTERVAL).await;
    }
}

/// Nothing happened, and asking again at once will do: a deadlock, or a key that another server
/// inserted at the same time and that is known now; or this host is no longer the primary.
fn is_conflict(error: &tokio_postgres::Error) -> bool {
    let is_key = || {
        error.as_db_error().and_then(tokio_postgres::error::DbError::constraint)
            == Some("operations_key_unique")
    };
    match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => is_key(),
        Some(code) => {
            *code == SqlState::T_R_DEADLOCK_DETECTED
                || *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        }
        None => false,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
