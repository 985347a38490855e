//! Outcomes that were not known when they were answered: each is an audit row with the key it was
//! asked under, so that who asked finds it on the page of today and sees what became of it.
//!
//! The database is often away at that moment, so the row is tried for a while behind the answer; a
//! server that dies meanwhile leaves none. Deliberately not here: asking again, which is the
//! client's (the key makes it safe).

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use ledger::{Actor, IdempotencyKey};
use store::AuditEvent;

use crate::app::Shared;
use crate::fields::Fields;
use crate::problem::{Kind, Problem};
use crate::route::Handled;

/// The action of the rows.
pub(crate) const ACTION: &str = "outcome.unknown";

/// A failover takes 8 s, a lost region 27 s.
const TRIES_MAX: u32 = 20;
const TRY_INTERVAL: Duration = Duration::from_secs(3);

/// Whether nobody knows what became of a request: told as a problem, or on a page.
pub(crate) fn is_unknown(handled: &Handled) -> bool {
    match handled {
        Ok(response) => response.status() == StatusCode::GATEWAY_TIMEOUT,
        Err(problem) => problem.word == Problem::new(Kind::Unknown).word,
    }
}

/// The key of a request: in its header, or in its form.
pub(crate) fn key(header: Option<&HeaderValue>, body: &[u8]) -> Option<IdempotencyKey> {
    match header {
        Some(value) => IdempotencyKey::parse(value.to_str().ok()?).ok(),
        None => IdempotencyKey::parse(Fields::parse(body).get("key")).ok(),
    }
}

/// Writes the row behind the answer.
pub(crate) fn note(server: &Shared, actor: &Actor, key: &IdempotencyKey, address: &str) {
    let event = AuditEvent {
        address: Some(address.to_owned()),
        ..AuditEvent::of(actor, ACTION, key.as_str().to_owned(), "failed")
    };
    let server = Shared::clone(server);
    tokio::spawn(async move {
        for _ in 0..TRIES_MAX {
            match server.store.record(event.clone()).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "an unknown outcome is not noted yet"),
            }
            tokio::time::sleep(TRY_INTERVAL).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};
    use ledger::{Role, UserId};
    use store::{NewSession, SessionKind, SessionOrigin, Staff};

    use super::*;
    use crate::app::Server;
    use crate::call::Call;
    use crate::route::{Access, Route, handler};

    async fn lose(_: Call) -> Handled {
        Err(Kind::Unknown.into())
    }

    static LOSES: Route = Route::post("/api/v1/lost", Access::SignedIn, handler!(lose));

    #[tokio::test]
    async fn what_is_not_known_is_noted_under_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let url = store::DatabaseUrl::file(folder.path().join("bank.db"));
        store::migrate(&url).await.unwrap();
        let store = store::Store::open(&url).unwrap();
        let user = UserId::parse("C00000003").unwrap();
        let staff = Staff {
            user: user.clone(),
            name: "A teller".into(),
            role: Role::Teller,
            password_hash: "none".into(),
            password_generated: false,
            disabled: false,
        };
        assert!(store.add_staff(staff).await.unwrap());
        let (token, token_hash) = crate::session::new_token();
        let session = NewSession {
            token_hash,
            user: user.clone(),
            kind: SessionKind::Client,
            expires_at: i64::MAX,
            origin: SessionOrigin::default(),
        };
        store.create_session(session).await.unwrap();
        let server = Server::new(store.clone(), crate::Config::default());
        let request = Request::builder().method(Method::POST).uri("/api/v1/lost");
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("idempotency-key", "lost-1").body(axum::body::Body::empty());
        let response = crate::dispatch::run(server, 0, &LOSES, request.unwrap()).await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        let row = loop {
            let rows = store.latest_events(ACTION, 1).await.unwrap();
            if let Some(row) = rows.into_iter().next() {
                break row;
            }
            assert!(std::time::Instant::now() < deadline, "no row");
            tokio::task::yield_now().await;
        };
        assert_eq!((row.user, &*row.subject, &*row.result), (Some(user), "lost-1", "failed"));
    }

    #[test]
    fn the_key_is_in_the_header_or_in_the_form() {
        let header = HeaderValue::from_static("k");
        assert_eq!(key(Some(&header), b"key=other").unwrap().as_str(), "k");
        assert_eq!(key(None, b"amount=1&key=form-7").unwrap().as_str(), "form-7");
        assert_eq!(key(None, b"amount=1"), None);
    }
}
