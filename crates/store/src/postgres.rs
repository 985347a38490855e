//! PostgreSQL: the twin of the embedded database for servers on many machines.
//!
//! Postings go out in groups, each one call and one round trip, several on the way at once (see
//! [`writer`]). Every other change is one statement; reads go to a reader if there is one.
//! Connections that fail are never repaired: the whole pool is dropped and made anew.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod booked;
mod connection;
pub(crate) mod customers;
pub(crate) mod entries;
pub(crate) mod factors;
pub(crate) mod house;
pub(crate) mod logs;
mod migration;
pub(crate) mod operations;
mod pool;
mod posting;
mod row;
pub(crate) mod sealing;
pub(crate) mod sessions;
pub(crate) mod sign_ins;
pub(crate) mod staff;
mod tls;
pub(crate) mod transfers;
mod url;
mod writer;

pub(crate) use migration::migrate;
pub(crate) use url::ServerUrl;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::Error;
use crate::model::Outcome;
use crate::postgres::pool::Pool;
use crate::postgres::writer::Writer;

/// The connections a server keeps for reads and single changes: with those for postings, the share
/// of one of four servers in PostgreSQL's usual hundred. From the other coast, where each look-up
/// takes 62 ms, they carry 129 a second.
const CONNECTIONS_MAX: usize = 8;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The primary, and the writer that posts to it.
#[derive(Debug)]
pub(crate) struct Database {
    primary: Pool,
    writer: Writer,
}

impl Database {
    /// Connects when first needed; must be called where tasks can be started.
    pub(crate) fn start(url: &ServerUrl) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|source| {
            Error::Unavailable { reason: "no runtime to post from", source: Some(Box::new(source)) }
        })?;
        Ok(Self {
            primary: Pool::try_new(url, CONNECTIONS_MAX)?,
            writer: Writer::start(&runtime, Pool::try_new(url, writer::FLIGHTS_MAX)?),
        })
    }

    pub(crate) async fn post(&self, operation: ledger::Operation) -> Result<Outcome, Error> {
        self.writer.post(operation).await
    }

    /// Asks; a connection that turns out to be broken is replaced once.
    async fn read(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.primary.read(sql, params).await
    }

    /// Runs one statement that changes rows, which is a transaction of its own.
    async fn write(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.primary.write(sql, params).await
    }
}

pub(crate) async fn ping(db: &Database) -> Result<(), Error> {
    db.read("select 1", &[]).await.map(|_| ())
}
