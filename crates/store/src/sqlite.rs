//! The embedded database: one file, shared by all servers of a machine.
//!
//! Every process writes through its own writer thread, one at a time over all processes: a lock
//! file is taken before the transaction, so that waiting writers sleep in the kernel and are
//! woken at once (SQLite's own busy handler polls with growing pauses). The kernel frees the lock
//! of a process that dies; SQLite rolls its transaction back.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod booked;
mod connection;
pub(crate) mod customers;
pub(crate) mod entries;
pub(crate) mod factors;
pub(crate) mod house;
pub(crate) mod logs;
pub(crate) mod operations;
pub(crate) mod posting;
mod reader;
mod row;
pub(crate) mod sealing;
pub(crate) mod sessions;
pub(crate) mod sign_ins;
pub(crate) mod staff;
pub(crate) mod transfers;
mod writer;

pub(crate) use connection::{migrate, open_auditor, ping};
pub(crate) use reader::Readers;
pub(crate) use writer::Writer;

use crate::error::Error;

/// The one place where the driver's errors become ours. Before the commit everything that fails
/// is rolled back: nothing happened.
pub(crate) fn classify(source: rusqlite::Error) -> Error {
    let reason = match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => "the disk is full",
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "the database is busy"
        }
        Some(rusqlite::ErrorCode::ConstraintViolation) => "a rule of the database was broken",
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            "the database file is damaged"
        }
        _ => "the database failed",
    };
    Error::Unavailable { reason, source: Some(Box::new(source)) }
}
