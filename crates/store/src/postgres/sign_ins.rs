//! Failed sign-ins make the next one wait: the rule is in [`crate::sign_in`].

use ledger::UserId;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{SignInGate, UnixMs};
use crate::postgres::row::get;
use crate::postgres::{Database, Params};
use crate::sign_in::{
    FORGET_AFTER_MS, FREE_FAILURES_OF_ADDRESS, FREE_FAILURES_OF_USER, WAIT_FIRST_MS, WAIT_MAX_MS,
    subject,
};

const LOCKED_UNTIL: &str = "select coalesce(max(locked_until), 0) from sign_in_failures \
     where subject in ($1, $2)";
const LOCKED: &str = "select subject, locked_until from sign_in_failures \
     where subject = any($1) and locked_until > $2";
/// Parameters: subject, now, failures that cost nothing, first wait, longest wait, forgotten at.
/// The wait is [`crate::sign_in::wait_ms`]; the first failure is always free.
const NOTE_FAILURE: &str = "insert into sign_in_failures as f \
     (subject, failures, locked_until, updated_at) values ($1, 1, $2, $2) \
     on conflict (subject) do update set \
         failures = case when f.updated_at > $6 then f.failures + 1 else 1 end, \
         locked_until = $2 + case when f.updated_at > $6 and f.failures + 1 >= $3 \
             then least($4 * (1::bigint << least(f.failures + 1 - $3, 20)::int), $5) else 0 end, \
         updated_at = $2";
const CLEAR: &str = "delete from sign_in_failures where subject = $1 or updated_at <= $2";

pub(crate) async fn gate(db: &Database, user: &str, address: &str) -> Result<SignInGate, Error> {
    let (user, address) = (subject("user", user), subject("address", address));
    let rows = db.read(LOCKED_UNTIL, &[&user.as_slice(), &address.as_slice()]).await?;
    let locked_until: i64 = rows.first().map_or(Ok(0), |row| get(row, 0))?;
    let wait_ms = locked_until.saturating_sub(now_ms());
    Ok(if wait_ms > 0 { SignInGate::LockedForMs(wait_ms) } else { SignInGate::Open })
}

/// Of some names, those that must wait, and until when.
pub(crate) async fn locked(
    db: &Database,
    users: &[UserId],
) -> Result<Vec<(UserId, UnixMs)>, Error> {
    let subjects: Vec<_> = users.iter().map(|user| subject("user", user.as_str())).collect();
    let hashes: Vec<&[u8]> = subjects.iter().map(<[u8; 32]>::as_slice).collect();
    let mut locked = Vec::new();
    for row in &db.read(LOCKED, &[&hashes, &now_ms()]).await? {
        let hash = get::<&[u8]>(row, 0)?;
        let place = subjects.iter().position(|subject| subject == hash);
        if let Some(user) = place.and_then(|place| users.get(place)) {
            locked.push((user.clone(), get(row, 1)?));
        }
    }
    Ok(locked)
}

pub(crate) async fn record(
    db: &Database,
    user: &str,
    address: &str,
    success: bool,
) -> Result<(), Error> {
    let now = now_ms();
    let forgotten = now.saturating_sub(FORGET_AFTER_MS);
    let user = subject("user", user);
    if success {
        return db.write(CLEAR, &[&user.as_slice(), &forgotten]).await.map(|_| ());
    }
    let address = subject("address", address);
    for (subject, free) in [(user, FREE_FAILURES_OF_USER), (address, FREE_FAILURES_OF_ADDRESS)] {
        let (subject, free) = (subject.as_slice(), i64::from(free));
        let params: Params<'_> = &[&subject, &now, &free, &WAIT_FIRST_MS, &WAIT_MAX_MS, &forgotten];
        db.write(NOTE_FAILURE, params).await?;
    }
    Ok(())
}
