//! Sessions: secrets, cookies, who is calling, and the token in forms.
//!
//! Guarantees: the secret is 32 random bytes and only its SHA-256 is stored, so the database
//! gives nobody a session; every request asks the database. Browser sessions end after a while
//! without work, programs' do not.
//!
//! A session that has ended is dead on every server when its end is answered (I8). With one
//! database that is so at once. With replicas near the servers, a server takes a replica's word
//! that a session is live only if it can prove that what the replica shows is at most one second
//! old: it asks the primary four times a second where it is, and a replica that has reached an
//! answer shows everything that was acknowledged before the question. Whoever ends a session,
//! disables a member of staff or changes a role or password is answered a second after the commit,
//! so no server lets the session in after the answer. This needs clocks that run at about the same
//! speed, and nothing of what they show. That a session does not exist is never a replica's word.
//!
//! The exception: a server that cannot reach the primary goes on showing pages, and changes
//! nothing, for two minutes. While there is no primary nobody can end a session either; but while a
//! region is cut off from a primary that goes on elsewhere, a session that was ended there can
//! still look around in the cut-off region for that long.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use ledger::{Actor, Role, UserId};
use rand::RngCore as _;
use sha2::{Digest, Sha256};
use store::{Session, SessionKind, SessionOrigin, Store, TokenHash, now_ms};
use subtle::ConstantTimeEq as _;

use crate::app::Server;
use crate::call::Call;
use crate::config::Config;
use crate::problem::Problem;

/// How often work is noted: a write for each page would cost more than the page.
const TOUCH_MS: i64 = 60 * 1_000;
/// 32 bytes as base64url without padding.
const TOKEN_LENGTH: usize = 43;

/// A new secret and the hash that is stored.
#[must_use]
pub fn new_token() -> (String, TokenHash) {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash(&token);
    (token, hash)
}

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

/// A live session and how it was shown.
pub(crate) struct Caller {
    pub(crate) session: Session,
    /// By cookie: the browser sends it by itself, so changes need proof of where they come from.
    pub(crate) by_cookie: bool,
    secret: Box<str>,
}

impl Caller {
    pub(crate) fn role(&self) -> Role {
        self.session.role
    }

    pub(crate) fn actor(&self, server: &Arc<str>) -> Actor {
        Actor {
            user: self.session.user.clone(),
            session: self.session.id,
            server: Arc::clone(server),
        }
    }

    /// What this session's forms carry: derived from the secret, so nothing needs to be stored
    /// and no other site can know it.
    pub(crate) fn form_token(&self) -> String {
        let mut hash = Sha256::new();
        hash.update("ballast form token 1:");
        hash.update(&*self.secret);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    /// Whether a form came from this session.
    pub(crate) fn owns_form(&self, token: &str) -> bool {
        self.form_token().as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// Who is calling, if anybody; a bearer token goes before a cookie. `books` are those of the visit,
/// which a copy near here may answer.
pub(crate) async fn identify(
    server: &Server,
    books: &Store,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Problem> {
    let config = &server.config;
    let (secret, by_cookie) = match headers.get(AUTHORIZATION) {
        Some(value) => (bearer(value), false),
        None => (cookie(headers, cookie_name(config)), true),
    };
    let Some(secret) = secret.filter(|secret| secret.len() == TOKEN_LENGTH) else {
        return Ok(None);
    };
    let Some(session) = books.session(hash(secret)).await? else { return Ok(None) };
    let idle_ms = now_ms().saturating_sub(session.seen_at);
    if session.kind == SessionKind::Browser {
        if idle_ms >= milliseconds(config.idle) {
            return Ok(None);
        }
        if idle_ms >= TOUCH_MS {
            server.touches.note(&server.store, session.id);
        }
    }
    Ok(Some(Caller { session, by_cookie, secret: secret.into() }))
}

/// Starts a session; gives the secret and when it ends.
pub(crate) async fn start(
    call: &Call,
    user: UserId,
    kind: SessionKind,
    origin: SessionOrigin,
) -> Result<(String, i64), Problem> {
    let (token, token_hash) = new_token();
    let expires_at = now_ms().saturating_add(milliseconds(call.server.config.session_life));
    let session = store::NewSession { token_hash, user, kind, expires_at, origin };
    call.store.create_session(session).await?;
    Ok((token, expires_at))
}

/// The `Set-Cookie` that gives a browser its session.
pub(crate) fn set_cookie(config: &Config, token: &str) -> Option<HeaderValue> {
    cookie_header(config, token, config.session_life.as_secs())
}

/// The `Set-Cookie` that takes it away.
pub(crate) fn clear_cookie(config: &Config) -> Option<HeaderValue> {
    cookie_header(config, "", 0)
}

fn cookie_header(config: &Config, token: &str, seconds: u64) -> Option<HeaderValue> {
    let name = cookie_name(config);
    let secure = if config.secure_cookies { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    ))
    .ok()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `__Host-`: the browser itself refuses it without TLS, or from a neighbouring host (RFC 6265bis).
const fn cookie_name(config: &Config) -> &'static str {
    if config.secure_cookies { "__Host-ballast" } else { "ballast" }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(each, _)| *each == name)
        .map(|(_, token)| token)
}
