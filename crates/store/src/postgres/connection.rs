//! One connection: its driver task, its prepared statements, and whether it may still be trusted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;
use crate::postgres::pool::classify;
use crate::postgres::url::ServerUrl;

/// For one host until it can be used: seven round trips, 434 ms to the other coast.
pub(crate) const HOST_TIMEOUT: Duration = Duration::from_secs(2);

/// What PostgreSQL says when a commit stops waiting for its standbys: it stands on this host and
/// perhaps nowhere else. It is a warning, not an error, so the commit would look like a success.
const NOT_REPLICATED: [&str; 2] = [
    "canceling wait for synchronous replication",
    "canceling the wait for synchronous replication",
];

/// Dropping it closes the socket at once, without a cancel request: a commit on its way stays so.
pub(crate) struct Connection {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
    doubtful: Arc<AtomicBool>,
    statements: HashMap<&'static str, Statement>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Tries the hosts in their order, each for a while.
    pub(crate) async fn connect(url: &ServerUrl, tls: MakeRustlsConnect) -> Result<Self, Error> {
        let (client, mut connection) = reach(url, tls).await?;
        let doubtful = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&doubtful);
        let driver = tokio::spawn(async move {
            while let Some(message) =
                std::future::poll_fn(|context| connection.poll_message(context)).await
            {
                match message {
                    Ok(AsyncMessage::Notice(notice)) if is_not_replicated(notice.message()) => {
                        flag.store(true, Ordering::SeqCst);
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        });
        Ok(Self { client, driver, doubtful, statements: HashMap::new() })
    }

    /// Whether a commit on it was not replicated; nothing it said since may be believed.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::SeqCst)
    }

    /// Prepares all of these in one round trip.
    pub(crate) async fn prepare(
        &mut self,
        statements: &'static [&'static str],
    ) -> Result<(), tokio_postgres::Error> {
        let client = &self.client;
        let prepared = try_join_all(statements.iter().map(|sql| client.prepare(sql))).await?;
        self.statements.extend(statements.iter().copied().zip(prepared));
        Ok(())
    }

    /// The prepared statement; costs a round trip the first time on this connection only.
    pub(crate) async fn statement(
        &mut self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

type Wire =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

async fn reach(url: &ServerUrl, tls: MakeRustlsConnect) -> Result<(Client, Wire), Error> {
    let mut last = None;
    for config in url.configs() {
        match timeout(HOST_TIMEOUT, config.connect(tls.clone())).await {
            Ok(Ok(reached)) => return Ok(reached),
            Ok(Err(error)) => last = Some(error),
            // It took the connection and says nothing: frozen, or cut off behind a relay.
            Err(_) => {}
        }
    }
    let reason = "the database cannot be reached";
    Err(last.map_or(Error::Unavailable { reason, source: None }, classify))
}

fn is_not_replicated(message: &str) -> bool {
    NOT_REPLICATED.iter().any(|start| message.starts_with(start))
}
