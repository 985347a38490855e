//! Asking the primary and the copies again and again where they are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Shared, Source};
use crate::clock::now_ms;
use crate::error::Error;
use crate::postgres::connection::Connection;
use crate::postgres::pool::{Pool, classify};
use crate::postgres::position::{self, OF_COPY, OF_PRIMARY, Whereabouts};
use crate::postgres::proofs::{ANSWER_WITHIN, INTERVAL};
use crate::postgres::tls;
use crate::postgres::url::ServerUrl;

/// Between two tries to find a primary or a copy that is away: each costs the hosts that are not it
/// the check of a password.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Seen in `pg_stat_activity`: what it asks belongs to no request.
const APPLICATION_NAME: &str = "ballast-watch";

pub(super) fn start(shared: &Arc<Shared>, primary: &ServerUrl) -> Result<JoinSet<()>, Error> {
    let url = primary.with_application_name(APPLICATION_NAME);
    let tls = tls::connector(url.trust())?;
    let mut watches = JoinSet::new();
    let of_primary = Arc::clone(shared);
    watches.spawn(async move {
        loop {
            let connect = Connection::connect(&url, tls.clone());
            let found = or_away(&of_primary, connect).await;
            // A broken connection is replaced sooner than a primary that is away is looked for.
            let pause = if found.is_ok() { INTERVAL } else { LOOK_INTERVAL };
            if let Ok(connection) = found {
                follow_primary(&of_primary, connection).await;
            }
            of_primary.set_away();
            sleep(pause).await;
        }
    });
    for index in 0..shared.copies.len() {
        let shared = Arc::clone(shared);
        watches.spawn(async move {
            if let Some(copy) = shared.copies.get(index) {
                follow_copy(copy).await;
            }
        });
    }
    Ok(watches)
}

/// What `work` gives, however long it takes; after a while the primary is known to be away.
async fn or_away<T>(shared: &Shared, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    match timeout(ANSWER_WITHIN, work.as_mut()).await {
        Ok(done) => done,
        Err(_) => {
            shared.set_away();
            work.await
        }
    }
}

/// Until it does not answer, or says that it is no primary any more.
async fn follow_primary(shared: &Shared, mut connection: Connection) {
    loop {
        let (asked, asked_at) = (Instant::now(), now_ms());
        let ask = async {
            let statement = connection.statement(OF_PRIMARY).await.map_err(classify)?;
            let row = connection.client.query_one(&statement, &[]).await.map_err(classify)?;
            position::read(&row).ok_or(Error::closed())
        };
        match timeout(ANSWER_WITHIN, ask).await {
            Ok(Ok(position)) => shared.proofs().add(asked, asked_at, position),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the primary is away");
                return;
            }
            Err(_) => {
                tracing::warn!("the primary does not answer");
                return;
            }
        }
        sleep(INTERVAL.saturating_sub(asked.elapsed())).await;
    }
}

async fn follow_copy(copy: &Source) {
    loop {
        // Connecting may take a while the first time.
        let at = timeout(LOOK_INTERVAL, whereabouts(&copy.pool)).await.ok().flatten();
        let at = at.map(|at| copy.know(at));
        if at.is_none() {
            copy.pool.give_up_idle();
        }
        copy.set_seen(at);
        sleep(if at.is_some() { INTERVAL } else { LOOK_INTERVAL }).await;
    }
}

async fn whereabouts(pool: &Pool) -> Option<Whereabouts> {
    let rows = pool.ask(OF_COPY).await.ok()?;
    rows.first().and_then(position::read_copy)
}
