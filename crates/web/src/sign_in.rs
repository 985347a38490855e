//! Signing in: the gate, the password, the code, the session, and the trace of failures.
//!
//! Guarantees: an unknown user and a wrong password take the same time, the same path and the
//! same words; a locked name answers the same whether or not it exists.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::USER_AGENT;
use ledger::UserId;
use store::{AuditEvent, Factor, SessionKind, SessionOrigin, SignInGate, Staff, now_ms};

use crate::call::Call;
use crate::problem::{Kind, Problem};
use crate::{second_factor, session};

/// Browsers' are below 200 characters.
const AGENT_LENGTH_MAX: usize = 200;
const LOCKED_NOTED_EVERY_MS: i64 = 1_000;

/// A started session and whose it is.
pub(crate) struct SignedIn {
    pub(crate) token: String,
    pub(crate) expires_at: i64,
    pub(crate) staff: Staff,
}

/// Checks user and password; what is wrong is counted and noted. Nobody is signed in by it.
pub(crate) async fn check_password(
    call: &Call,
    user: &str,
    password: &str,
) -> Result<Staff, Problem> {
    let store = &call.store;
    let name: String = user.trim().chars().take(64).collect();
    pass_gate(call, &name).await?;
    let parsed = UserId::parse(&name);
    let known = match parsed.clone() {
        Some(user) => store.staff(user).await?,
        None => None,
    };
    let usable = known.as_ref().filter(|staff| !staff.disabled);
    let stored = usable.map(|staff| staff.password_hash.clone());
    let right = call.server.passwords.check(password.to_owned(), stored).await?;
    match known {
        Some(staff) if right && !staff.disabled => Ok(staff),
        known => {
            store.record_sign_in(name, call.address.clone(), false).await?;
            // Only what has the form of a user id: people type passwords here.
            let subject = parsed.map_or_else(String::new, |user| user.as_str().to_owned());
            let user = known.map(|staff| staff.user);
            store.record(denial(call, user, "sign-in", subject)).await?;
            Err(Kind::SignInWrong.into())
        }
    }
}

/// Checks and spends the code of a second factor; a wrong one is counted and noted.
pub(crate) async fn check_code(
    call: &Call,
    staff: &Staff,
    factor: &Factor,
    typed: &str,
) -> Result<(), Problem> {
    let (store, name) = (&call.store, staff.user.to_string());
    pass_gate(call, &name).await?;
    if second_factor::spend(call, &staff.user, factor, typed).await? {
        return Ok(());
    }
    store.record_sign_in(name.clone(), call.address.clone(), false).await?;
    store.record(denial(call, Some(staff.user.clone()), "sign-in.factor", name)).await?;
    Err(Kind::CodeWrong.into())
}

/// Starts the session of somebody who has shown all that they must.
pub(crate) async fn finish(
    call: &Call,
    staff: Staff,
    kind: SessionKind,
) -> Result<SignedIn, Problem> {
    let user = staff.user.clone();
    // Both wait for the writer; asked together they share its turn.
    let (started, cleared) = tokio::join!(
        session::start(call, user, kind, origin(call, &staff)),
        call.store.record_sign_in(staff.user.to_string(), call.address.clone(), true),
    );
    cleared?;
    let (token, expires_at) = started?;
    Ok(SignedIn { token, expires_at, staff })
}

/// Whether this name may be tried now from this address.
pub(crate) async fn pass_gate(call: &Call, name: &str) -> Result<(), Problem> {
    let gate = call.store.sign_in_gate(name.to_owned(), call.address.clone()).await?;
    let SignInGate::LockedForMs(wait_ms) = gate else { return Ok(()) };
    note_locked(call).await?;
    let seconds = wait_ms.saturating_add(999).checked_div(1_000).unwrap_or(1);
    Err(Problem::new(Kind::SignInLocked).retry_after(seconds))
}

/// Where a session of this call comes from.
pub(crate) fn origin(call: &Call, staff: &Staff) -> SessionOrigin {
    let agent = call.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    SessionOrigin {
        server: Some(Arc::clone(&call.server.name)),
        address: call.address.clone(),
        agent: agent.unwrap_or_default().chars().take(AGENT_LENGTH_MAX).collect(),
        password_due: staff.password_generated,
    }
}

/// A row for tries under a lock: one a second and server, however many there are. They cost no
/// hash, so a row for each would let anybody fill the books' disk.
async fn note_locked(call: &Call) -> Result<(), Problem> {
    let (now, last) = (now_ms(), &call.server.locked_noted_at);
    let before = last.load(Ordering::Relaxed);
    let due = now.saturating_sub(before) >= LOCKED_NOTED_EVERY_MS;
    if due && last.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        let row = denial(call, None, "sign-in.locked", String::new());
        call.store.record(row).await?;
    }
    Ok(())
}

fn denial(call: &Call, user: Option<UserId>, action: &'static str, subject: String) -> AuditEvent {
    AuditEvent {
        user,
        session: None,
        server: Arc::clone(&call.server.name),
        action,
        subject,
        result: "denied",
        address: Some(call.address.clone()),
    }
}
