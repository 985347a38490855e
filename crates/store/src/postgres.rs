//! PostgreSQL: the twin of the embedded database for servers on many machines.
//!
//! Postings go out in groups, each one call and one round trip ([`writer`]); so do the look-ups of
//! sessions ([`lookups`]). Over a long way several are on it at once ([`departures`]). Every other
//! change is one statement. What is only shown may be read from a copy that is near, if the server
//! was told of one ([`near`]); everything else is the primary's.
//! Connections that fail are never repaired: the whole pool is dropped and made anew.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod booked;
mod connection;
pub(crate) mod customers;
mod departures;
pub(crate) mod entries;
pub(crate) mod factors;
pub(crate) mod house;
pub(crate) mod logs;
mod lookups;
mod migration;
mod near;
pub(crate) mod operations;
mod pool;
mod position;
mod posting;
mod proofs;
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

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::Error;
use crate::model::{Health, Outcome};
use crate::postgres::lookups::Lookups;
use crate::postgres::near::Near;
use crate::postgres::pool::Pool;
use crate::postgres::writer::Writer;
use crate::visit::Visit;

/// The connections a server keeps for reads and single changes: with those for postings, the share
/// of one of four servers in PostgreSQL's usual hundred. From the other coast, where each look-up
/// takes 62 ms, they carry 129 a second.
const CONNECTIONS_MAX: usize = 8;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The database as one visit sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    parts: Arc<Parts>,
    visit: Option<Arc<Visit>>,
    /// Whether a copy may be read.
    is_near: bool,
}

/// The primary, what asks it and posts to it in groups, and the copies.
#[derive(Debug)]
struct Parts {
    primary: Pool,
    posting: Pool,
    lookups: Lookups,
    writer: Writer,
    near: Option<Near>,
}

impl Database {
    /// Connects when first needed, and watches the copies if there are any; must be called where
    /// tasks can be started.
    pub(crate) fn start(url: &ServerUrl, copies: Option<&ServerUrl>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|source| {
            Error::Unavailable { reason: "no runtime to post from", source: Some(Box::new(source)) }
        })?;
        let primary = Pool::try_new(url, CONNECTIONS_MAX, &[])?;
        let posting = Pool::try_new(url, writer::FLIGHTS_MAX, posting::STATEMENTS)?;
        let pools = || [primary.clone(), posting.clone()];
        let parts = Parts {
            near: copies.map(|copies| Near::start(url, pools(), copies)).transpose()?,
            lookups: Lookups::start(&runtime, primary.clone()),
            writer: Writer::start(&runtime, posting.clone()),
            primary,
            posting,
        };
        Ok(Self { parts: Arc::new(parts), visit: None, is_near: false })
    }

    /// The same database for a visit; `is_near`: copies may be read.
    pub(crate) fn on(&self, visit: Option<&Arc<Visit>>, is_near: bool) -> Self {
        Self { parts: Arc::clone(&self.parts), visit: visit.cloned(), is_near }
    }

    pub(crate) async fn post(&self, operation: ledger::Operation) -> Result<Outcome, Error> {
        let outcome = self.parts.writer.post(operation).await?;
        if let (Some(visit), Outcome::Decided(decided)) = (&self.visit, &outcome) {
            visit.note_change(decided.position);
        }
        Ok(outcome)
    }

    pub(crate) async fn health(&self) -> Health {
        match &self.parts.near {
            Some(near) => near.health(),
            None => Health {
                primary_answers: self.parts.primary.answers().await,
                has_replicas: false,
                replica: None,
            },
        }
    }

    /// One connection to the primary of each kind, if it answers.
    pub(crate) async fn warm_up(&self) {
        tokio::join!(self.parts.primary.warm_up(), self.parts.posting.warm_up());
    }

    /// Waits for a commit behind everything that was read.
    pub(crate) async fn confirm(&self) -> Result<(), Error> {
        match self.parts.primary.write(posting::AWAIT_COPIES, &[]).await {
            Err(Error::Unknown { source }) => Err(Error::Unavailable {
                reason: "the standbys do not confirm what the books hold",
                source: Some(source),
            }),
            other => other.map(drop),
        }
    }

    /// Waits until no copy that is believed takes an ended session for live.
    pub(crate) async fn settle(&self) {
        if self.parts.near.is_some() {
            tokio::time::sleep(proofs::SETTLED_AFTER).await;
        }
    }

    /// Asks a copy if it may, else the primary, where a connection that turns out to be broken is
    /// replaced once.
    async fn read(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        if let Some((near, visit)) = self.copies()
            && let Some(rows) = near.books(visit, sql, params).await
        {
            return Ok(rows);
        }
        if let Some(visit) = &self.visit {
            visit.stay_at_primary();
        }
        self.parts.primary.read(sql, params).await
    }

    fn copies(&self) -> Option<(&Near, &Visit)> {
        let visit = self.visit.as_deref().filter(|visit| self.is_near && !visit.is_at_primary());
        self.parts.near.as_ref().zip(visit)
    }

    /// Runs one statement that changes rows, which is a transaction of its own.
    async fn write(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let (rows, position) = self.parts.primary.write(sql, params).await?;
        if let Some(visit) = &self.visit {
            visit.note_change(position);
        }
        Ok(rows)
    }
}
