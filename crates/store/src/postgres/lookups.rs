//! Looks sessions up in groups: everything that waits goes as one question.
//!
//! Every request begins with this question, and beside the database asking costs more than
//! answering. When a group leaves: see [`Departures`].
//!
//! Guarantee: a request is answered by a question that left after it came, so a session that had
//! ended before is not found.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::error::Error;
use crate::model::{Session, TokenHash};
use crate::postgres::departures::Departures;
use crate::postgres::pool::Pool;
use crate::postgres::sessions;
use crate::queue::enqueue;

/// What may wait; as for a connection.
const WAITING_MAX: usize = 1_024;

/// The most sessions of one question: what a page of the index holds.
const GROUP_MAX: usize = 128;

/// Questions on their way at once: of the pool's eight connections, so that others are left. With
/// [`DEPARTURE_INTERVAL`] they cover a round trip of 60 ms: the other coast.
const FLIGHTS_MAX: usize = 6;

/// How long a request waits for company while other questions are on a long way.
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
        enqueue(&self.queue, (token_hash, reply), "too many calls wait")?;
        answer.await.map_err(|_| Error::closed())?
    }
}

async fn ask_in_groups(pool: Pool, mut lookups: mpsc::Receiver<Lookup>) {
    let mut departures = Departures::new(DEPARTURE_INTERVAL, FLIGHTS_MAX);
    while let Some(first) = lookups.recv().await {
        departures.turn().await;
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(next) = lookups.try_recv()
        {
            group.push(next);
        }
        departures.depart(ask(pool.clone(), group));
    }
    departures.all_back().await;
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
