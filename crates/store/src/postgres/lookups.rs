//! Looks sessions up in groups: everything that waits goes as one question.
//!
//! Every request begins with this question, and beside the database asking costs more than
//! answering. A lone one leaves at once. While a question is on its way the next group fills; it
//! leaves when one comes back or [`DEPARTURE_INTERVAL`] after the last departure, whichever is
//! first.
//!
//! Guarantee: a request is answered by a question that left after it came, so a session that had
//! ended before is not found.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::model::{Session, TokenHash};
use crate::postgres::pool::Pool;
use crate::postgres::sessions;

/// What may wait; as for a connection.
const WAITING_MAX: usize = 1_024;

/// The most sessions of one question: what a page of the index holds.
const GROUP_MAX: usize = 128;

/// Questions on their way at once: of the pool's eight connections, so that others are left. With
/// [`DEPARTURE_INTERVAL`] they cover a round trip of 60 ms: the other coast.
const FLIGHTS_MAX: usize = 6;

/// How long a request waits for company while other questions are on their way.
const DEPARTURE_INTERVAL: Duration = Duration::from_millis(10);

type Reply = oneshot::Sender<Result<Option<Session>, Error>>;
type Lookup = (TokenHash, Reply);

/// Hands requests to the task that asks for them.
#[derive(Debug)]
pub(crate) struct Lookups {
    queue: mpsc::Sender<Lookup>,
}

impl Lookups {
    pub(crate) fn start(runtime: &Handle, pool: Pool) -> Self {
        let (queue, lookups) = mpsc::channel(WAITING_MAX);
        runtime.spawn(ask_in_groups(pool, lookups));
        Self { queue }
    }

    /// The live session of a secret.
    pub(crate) async fn find(&self, token_hash: TokenHash) -> Result<Option<Session>, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send((token_hash, reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Error::Unavailable { reason: "too many calls wait", source: None }
            }
            mpsc::error::TrySendError::Closed(_) => Error::closed(),
        })?;
        answer.await.map_err(|_| Error::closed())?
    }
}

async fn ask_in_groups(pool: Pool, mut lookups: mpsc::Receiver<Lookup>) {
    let mut flights = JoinSet::new();
    let mut departure = tokio::time::Instant::now();
    while let Some(first) = lookups.recv().await {
        while flights.try_join_next().is_some() {}
        if !flights.is_empty() {
            let has_room = flights.len() < FLIGHTS_MAX;
            tokio::select! {
                _ = flights.join_next() => {}
                () = tokio::time::sleep_until(departure + DEPARTURE_INTERVAL), if has_room => {}
            }
        }
        let mut group = vec![first];
        while let Some(next) =
            Some(&mut lookups).filter(|_| group.len() < GROUP_MAX).and_then(|it| it.try_recv().ok())
        {
            group.push(next);
        }
        departure = tokio::time::Instant::now();
        flights.spawn(ask(pool.clone(), group));
    }
    while flights.join_next().await.is_some() {}
}

async fn ask(pool: Pool, group: Vec<Lookup>) {
    let hashes: Vec<&[u8]> = group.iter().map(|(hash, _)| hash.as_slice()).collect();
    let found = match pool.read(sessions::FIND, &[&hashes, &crate::clock::now_ms()]).await {
        Ok(rows) => {
            let read = |row| Ok((sessions::token_hash(row)?, sessions::session(row)?));
            rows.iter().map(read).collect::<Result<HashMap<_, _>, Error>>()
        }
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => {
            for (hash, reply) in group {
                // Whoever asked may have gone away.
                let _ = reply.send(Ok(found.get(&hash).cloned()));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for (_, reply) in group {
                let _ = reply.send(Err(Error::shared(&error)));
            }
        }
    }
}
