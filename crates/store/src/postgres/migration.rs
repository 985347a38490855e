//! Bringing a database to this version, once, however many servers start together.
//!
//! Migrations only expand: a column or table is added so that the previous program, which does not
//! know it, goes on working; what nobody reads any more is removed a version later. So a database
//! that is newer than this program is no error.

use refinery::{Migration, Runner};
use tokio_postgres::Client;

use crate::error::Error;
use crate::postgres::connection::Connection;
use crate::postgres::pool::classify;
use crate::postgres::tls;
use crate::postgres::url::ServerUrl;

/// The oldest that is tested: sums of `bigint` arrays, `security definer`, no `create` on the
/// schema `public` for everybody.
const VERSION_MIN: i32 = 150_000;

const BOOKS: &str = concat!(
    include_str!("../../migrations/postgres/0001_books.sql"),
    include_str!("../../migrations/postgres/0001_posting.sql"),
);

const ACCESS: &str = include_str!("../../migrations/postgres/0002_access.sql");
const SECOND_FACTOR: &str = include_str!("../../migrations/postgres/0003_second_factor.sql");
const SEALED_SSN: &str = include_str!("../../migrations/postgres/0004_sealed_ssn.sql");
const REVERSALS: &str = include_str!("../../migrations/postgres/0005_reversals.sql");
const STEADY_PLANS: &str = include_str!("../../migrations/postgres/0006_steady_plans.sql");
const BATCHES: &str = include_str!("../../migrations/postgres/0007_batches.sql");

/// Any number that no other program takes: "ballast" on a telephone's keys.
const LOCK: &str = "select pg_advisory_lock(2255278)";
const UNLOCK: &str = "select pg_advisory_unlock(2255278)";
const VERSION: &str = "select current_setting('server_version_num')::int";
const HAS_HISTORY: &str = "select to_regclass('public.refinery_schema_history') is not null";
const APPLIED: &str = "select coalesce(max(version), 0)::bigint from refinery_schema_history";

/// Applies what is missing; the number of migrations that were applied.
pub(crate) async fn migrate(url: &ServerUrl) -> Result<usize, Error> {
    let connector = tls::connector(url.trust())?;
    let mut connection = Connection::connect(url, connector).await?;
    let db = &mut connection.client;
    let version: i32 = db.query_one_scalar(VERSION, &[]).await.map_err(classify)?;
    if version < VERSION_MIN {
        return Err(Error::Unavailable { reason: "PostgreSQL must be 15 or newer", source: None });
    }
    let migrations = migrations().map_err(not_migrated)?;
    // The application's role may look but not make tables: it must not even try.
    if applied(db).await? >= i64::try_from(migrations.len()).unwrap_or(i64::MAX) {
        return Ok(0);
    }
    db.batch_execute(LOCK).await.map_err(classify)?;
    let runner = Runner::new(&migrations).set_abort_missing(false);
    let report = runner.run_async(db).await.map_err(not_migrated)?;
    db.batch_execute(UNLOCK).await.map_err(classify)?;
    Ok(report.applied_migrations().len())
}

async fn applied(db: &Client) -> Result<i64, Error> {
    let has_history: bool = db.query_one_scalar(HAS_HISTORY, &[]).await.map_err(classify)?;
    if !has_history {
        return Ok(0);
    }
    db.query_one_scalar(APPLIED, &[]).await.map_err(classify)
}

fn migrations() -> Result<Vec<Migration>, refinery::Error> {
    [
        ("V1__books", BOOKS),
        ("V2__access", ACCESS),
        ("V3__second_factor", SECOND_FACTOR),
        ("V4__sealed_ssn", SEALED_SSN),
        ("V5__reversals", REVERSALS),
        ("V6__steady_plans", STEADY_PLANS),
        ("V7__batches", BATCHES),
    ]
    .into_iter()
    .map(|(name, sql)| Migration::unapplied(name, sql))
    .collect()
}

fn not_migrated(source: refinery::Error) -> Error {
    Error::Unavailable {
        reason: "the database cannot be brought to this version; \
                 its owner must run `ballast migrate`",
        source: Some(Box::new(source)),
    }
}
