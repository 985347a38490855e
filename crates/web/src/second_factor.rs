//! The second step of signing in: a code of an authenticator app, or a recovery code.
//!
//! Guarantees: a code is good once, on whichever server (the store spends it); wrong ones count as
//! failed sign-ins do. Between the two steps nothing is stored: the page carries a sealed note that
//! the password was right, good for five minutes, on every server, and for that password alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::{Role, UserId};
use sha2::{Digest, Sha256};
use store::{AuditEvent, Factor, Session, Staff, Store, now_ms};

use crate::app::Server;
use crate::call::Call;
use crate::problem::Problem;
use crate::totp;

/// To find the telephone and wait for a fresh code.
const NOTE_LIFE_MS: i64 = 5 * 60 * 1_000;
const NOTE_PURPOSE: &str = "first step of a sign-in";

/// The note that a password was right.
pub(crate) fn note(store: &Store, staff: &Staff) -> Result<String, Problem> {
    let until = now_ms().saturating_add(NOTE_LIFE_MS);
    let plain = format!("{until} {} {}", fingerprint(staff), staff.user);
    Ok(URL_SAFE_NO_PAD.encode(store.keys()?.seal(NOTE_PURPOSE, plain.as_bytes())?))
}

/// Whose password was right, from a note; `None` if it is none of ours, too old, or the password
/// was changed or the user disabled meanwhile.
pub(crate) async fn read_note(store: &Store, note: &str) -> Result<Option<Staff>, Problem> {
    let Some((until, mark, user)) = parse_note(store, note)? else { return Ok(None) };
    if until < now_ms() {
        return Ok(None);
    }
    let staff = store.staff(user).await?;
    Ok(staff.filter(|staff| !staff.disabled && fingerprint(staff) == mark))
}

fn parse_note(store: &Store, note: &str) -> Result<Option<(i64, String, UserId)>, Problem> {
    let keys = store.keys()?;
    let Ok(sealed) = URL_SAFE_NO_PAD.decode(note) else { return Ok(None) };
    let Ok(plain) = keys.open(NOTE_PURPOSE, &sealed) else { return Ok(None) };
    let text = String::from_utf8(plain).unwrap_or_default();
    let mut parts = text.split(' ');
    let until = parts.next().and_then(|until| until.parse().ok());
    let mark = parts.next().map(str::to_owned);
    let user = parts.next().and_then(UserId::parse);
    Ok(until.zip(mark).zip(user).map(|((until, mark), user)| (until, mark, user)))
}

fn fingerprint(staff: &Staff) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(&staff.password_hash))
}

/// A user's factor, if it counts.
pub(crate) async fn confirmed(store: &Store, user: UserId) -> Result<Option<Factor>, Problem> {
    Ok(store.second_factor(user).await?.filter(|factor| factor.confirmed))
}

/// Spends a code: of the app, or a recovery code, which leaves a row of its own.
pub(crate) async fn spend(
    call: &Call,
    user: &UserId,
    factor: &Factor,
    typed: &str,
) -> Result<bool, Problem> {
    let store = &call.store;
    let secret = store.factor_secret(user, factor)?;
    if let Some(step) = totp::matching_step(&secret, typed, now_ms()) {
        return Ok(store.accept_step(user.clone(), step).await?);
    }
    let plain = totp::plain_recovery_code(typed);
    let code = store.recovery_code_hash(user, &plain)?;
    let event = AuditEvent {
        user: Some(user.clone()),
        session: call.caller.as_ref().map(|caller| caller.session.id),
        server: call.server.name.clone(),
        action: "factor.recovery",
        subject: user.to_string(),
        result: "done",
        address: Some(call.address.clone()),
    };
    Ok(store.spend_recovery_code(user.clone(), code, event).await?)
}

/// Whether somebody must set up a second factor before anything else.
pub(crate) fn is_due(server: &Server, session: &Session) -> bool {
    server.config.administrators_need_second_factor
        && session.role == Role::Administrator
        && !session.has_second_factor
}
