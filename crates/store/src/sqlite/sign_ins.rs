//! Failed sign-ins make the next one wait, per name and per address, growing with each failure.
//!
//! Names are counted whether or not such a user exists, so that a lock tells nobody which do.
//! What is kept is a hash: people type passwords into the wrong field.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{SignInGate, UnixMs};
use crate::sqlite::classify;

/// Failures that cost nothing: a person who mistypes (OWASP's guidance is 3 to 5).
const FREE_FAILURES_OF_USER: u32 = 5;
/// A whole branch sits behind one address.
const FREE_FAILURES_OF_ADDRESS: u32 = 50;
/// The first wait; each further failure doubles it.
const WAIT_FIRST_MS: i64 = 1_000;
/// The longest wait.
const WAIT_MAX_MS: i64 = 15 * 60 * 1_000;
/// Failures are forgotten after a day without one.
const FORGET_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

const LOCKED_UNTIL: &str = "select max(locked_until) from sign_in_failures \
     where subject in (?1, ?2)";
const FAILURES: &str =
    "select failures from sign_in_failures where subject = ?1 and updated_at > ?2";
const NOTE_FAILURE: &str = "insert into sign_in_failures \
     (subject, failures, locked_until, updated_at) values (?1, ?2, ?3, ?4) \
     on conflict (subject) do update set failures = excluded.failures, \
         locked_until = excluded.locked_until, updated_at = excluded.updated_at";
const CLEAR: &str = "delete from sign_in_failures where subject = ?1 or updated_at <= ?2";

pub(crate) fn gate(db: &Connection, user: &str, address: &str) -> Result<SignInGate, Error> {
    let locked_until: Option<UnixMs> = db
        .prepare_cached(LOCKED_UNTIL)
        .and_then(|mut statement| {
            statement
                .query_row(params![subject("user", user), subject("address", address)], |row| {
                    row.get(0)
                })
        })
        .map_err(classify)?;
    let wait_ms = locked_until.unwrap_or(0).saturating_sub(now_ms());
    Ok(if wait_ms > 0 { SignInGate::LockedForMs(wait_ms) } else { SignInGate::Open })
}

pub(crate) fn record(
    db: &Connection,
    user: &str,
    address: &str,
    success: bool,
) -> Result<(), Error> {
    let now = now_ms();
    let write = || -> Result<(), rusqlite::Error> {
        let user = subject("user", user);
        if success {
            db.execute(CLEAR, params![user, now.saturating_sub(FORGET_AFTER_MS)])?;
            return Ok(());
        }
        note_failure(db, user, FREE_FAILURES_OF_USER, now)?;
        note_failure(db, subject("address", address), FREE_FAILURES_OF_ADDRESS, now)
    };
    write().map_err(classify)
}

fn note_failure(
    db: &Connection,
    subject: [u8; 32],
    free: u32,
    now: UnixMs,
) -> Result<(), rusqlite::Error> {
    let before: Option<u32> = db
        .query_row(FAILURES, params![subject, now.saturating_sub(FORGET_AFTER_MS)], |row| {
            row.get(0)
        })
        .optional()?;
    let failures = before.unwrap_or(0).saturating_add(1);
    let locked_until = now.saturating_add(wait_ms(failures, free));
    db.execute(NOTE_FAILURE, params![subject, failures, locked_until, now])?;
    Ok(())
}

/// How long the next try must wait after so many failures.
fn wait_ms(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(beyond) => WAIT_FIRST_MS.saturating_mul(1 << beyond.min(20)).min(WAIT_MAX_MS),
    }
}

fn subject(kind: &str, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update([0]);
    hash.update(text.to_ascii_uppercase());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let cases = [(1, 0), (4, 0), (5, 1_000), (6, 2_000), (9, 16_000), (40, WAIT_MAX_MS)];
        for (failures, expect) in cases {
            assert_eq!(wait_ms(failures, FREE_FAILURES_OF_USER), expect, "{failures}");
        }
    }
}
