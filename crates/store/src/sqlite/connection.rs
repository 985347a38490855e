//! Opening the file, its settings, and its migrations.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use refinery::{Migration, Runner};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::error::Error;
use crate::sqlite::classify;

/// Commits are flushed before they are acknowledged (`synchronous = full`). 4 MiB of cache for each
/// of a server's three connections hold the inner pages of the trees of a branch's books and keep
/// the server under 40 MiB; the leaves are in the kernel's cache.
const SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full; \
     pragma foreign_keys = on; pragma cache_size = -4096; pragma temp_store = memory; \
     pragma wal_autocheckpoint = 4000;";

/// How long a statement waits for another process. Writers queue at the lock file, so this only
/// covers the moments when SQLite itself locks: recovery after a crash, the end of a checkpoint.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const STATEMENTS_CACHED: usize = 64;

const MIGRATIONS: [(&str, &str); 6] = [
    ("V1__books", include_str!("../../migrations/sqlite/0001_books.sql")),
    ("V2__access", include_str!("../../migrations/sqlite/0002_access.sql")),
    ("V3__second_factor", include_str!("../../migrations/sqlite/0003_second_factor.sql")),
    ("V4__sealed_ssn", include_str!("../../migrations/sqlite/0004_sealed_ssn.sql")),
    ("V5__reversals", include_str!("../../migrations/sqlite/0005_reversals.sql")),
    ("V6__steady_plans", include_str!("../../migrations/sqlite/0006_steady_plans.sql")),
];

pub(crate) fn open_writer(path: &Path) -> Result<Connection, Error> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let db = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.execute_batch("pragma query_only = on;").map_err(classify)?;
    Ok(db)
}

/// A connection that changes nothing, not even the kind of log, of a file that must hold books.
pub(crate) fn open_auditor(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(classify)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    db.execute_batch("pragma query_only = on;").map_err(classify)?;
    let is_ours: bool = db.query_row(IS_OURS, [], |row| row.get(0)).map_err(classify)?;
    if is_ours { Ok(db) } else { Err(NOT_OURS) }
}

const IS_OURS: &str =
    "select count(*) = 3 from sqlite_master where name in ('accounts', 'entries', 'operations')";
const NOT_OURS: Error = Error::Unavailable { reason: "the file holds no books", source: None };

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|source| Error::Unavailable {
        reason: "the database file cannot be opened",
        source: Some(Box::new(source)),
    })?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    // Plans must not depend on the values that are bound: SQLite would prepare a statement anew
    // for each call (seen in a profile of session look-ups: a fifth of the reader's time).
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(classify)?;
    db.execute_batch(SETTINGS).map_err(classify)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(db)
}

pub(crate) fn ping(db: &mut Connection) -> Result<(), Error> {
    db.query_row("select 1", [], |_| Ok(())).map_err(classify)
}

/// The file that serialises the writers of all processes.
pub(crate) fn lock_file(path: &Path) -> Result<File, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    OpenOptions::new().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(
        |source| Error::Unavailable {
            reason: "the lock file of the database cannot be opened",
            source: Some(Box::new(source)),
        },
    )
}

pub(crate) fn lock(file: &File) -> Result<(), Error> {
    file.lock().map_err(|source| Error::Unavailable {
        reason: "the lock file of the database cannot be locked",
        source: Some(Box::new(source)),
    })
}

pub(crate) fn migrate(path: &Path) -> Result<usize, Error> {
    let lock_file = lock_file(path)?;
    lock(&lock_file)?;
    let mut db = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let migrations = MIGRATIONS
        .into_iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<Vec<_>, _>>()
        .map_err(not_migrated)?;
    // A table that others refer to can only be written anew without its foreign keys, and within
    // a transaction they cannot be switched off.
    db.execute_batch("pragma foreign_keys = off;").map_err(classify)?;
    let report =
        Runner::new(&migrations).set_abort_missing(false).run(&mut db).map_err(not_migrated)?;
    let applied = report.applied_migrations().len();
    if applied > 0 {
        let broken = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let broken = db.query_row("pragma foreign_key_check", [], broken).optional();
        if broken.map_err(classify)?.is_some() {
            let reason = "a foreign key of the database is broken";
            return Err(Error::Unavailable { reason, source: None });
        }
    }
    Ok(applied)
}

fn not_migrated(source: refinery::Error) -> Error {
    Error::Unavailable {
        reason: "the database cannot be brought to this version",
        source: Some(Box::new(source)),
    }
}
