//! Failed sign-ins make the next one wait: the rule is in [`crate::sign_in`].

use ledger::UserId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{SignInGate, UnixMs};
use crate::sign_in::{
    FORGET_AFTER_MS, FREE_FAILURES_OF_ADDRESS, FREE_FAILURES_OF_USER, subject, wait_ms,
};
use crate::sqlite::classify;

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

/// Of some names, those that must wait, and until when.
pub(crate) fn locked(db: &Connection, users: &[UserId]) -> Result<Vec<(UserId, UnixMs)>, Error> {
    let now = now_ms();
    let read = || -> Result<Vec<(UserId, UnixMs)>, rusqlite::Error> {
        let mut statement = db.prepare_cached(LOCKED_UNTIL)?;
        let mut locked = Vec::new();
        for user in users {
            let hash = subject("user", user.as_str());
            let until: Option<UnixMs> = statement.query_row([hash, hash], |row| row.get(0))?;
            locked.extend(until.filter(|until| *until > now).map(|until| (user.clone(), until)));
        }
        Ok(locked)
    };
    read().map_err(classify)
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
