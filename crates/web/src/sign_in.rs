//! Signing in: the gate, the password, the session, and the trace of failures.
//!
//! Guarantees: an unknown user and a wrong password take the same time, the same path and the
//! same words; a locked name answers the same whether or not it exists.

use ledger::UserId;
use store::{AuditEvent, SessionKind, SignInGate, Staff};

use crate::call::Call;
use crate::problem::{Kind, Problem};
use crate::session;

/// A started session and whose it is.
pub(crate) struct SignedIn {
    pub(crate) token: String,
    pub(crate) expires_at: i64,
    pub(crate) staff: Staff,
}

/// Signs a user in.
pub(crate) async fn sign_in(
    call: &Call,
    user: &str,
    password: &str,
    kind: SessionKind,
) -> Result<SignedIn, Problem> {
    let store = &call.server.store;
    let name: String = user.trim().chars().take(64).collect();
    let gate = store.sign_in_gate(name.clone(), call.address.clone()).await?;
    if let SignInGate::LockedForMs(wait_ms) = gate {
        let seconds = wait_ms.saturating_add(999).checked_div(1_000).unwrap_or(1);
        return Err(Problem::new(Kind::SignInLocked).retry_after(seconds));
    }
    let parsed = UserId::parse(&name);
    let known = match parsed.clone() {
        Some(user) => store.staff(user).await?,
        None => None,
    };
    let usable = known.as_ref().filter(|staff| !staff.disabled);
    let stored = usable.map(|staff| staff.password_hash.clone());
    let right = call.server.passwords.check(password.to_owned(), stored).await?;
    let address = call.address.clone();
    match known {
        Some(staff) if right && !staff.disabled => {
            // Both wait for the writer; asked together they share its turn.
            let (started, cleared) = tokio::join!(
                session::start(store, staff.user.clone(), kind),
                store.record_sign_in(name, address, true),
            );
            cleared?;
            let (token, expires_at) = started?;
            Ok(SignedIn { token, expires_at, staff })
        }
        known => {
            store.record_sign_in(name, address, false).await?;
            store
                .record(AuditEvent {
                    user: known.map(|staff| staff.user),
                    session: None,
                    server: call.server.name.clone(),
                    action: "sign-in",
                    // Only what has the form of a user id: people type passwords here.
                    subject: parsed.map_or_else(String::new, |user| user.as_str().to_owned()),
                    result: "denied",
                })
                .await?;
            Err(Kind::SignInWrong.into())
        }
    }
}
