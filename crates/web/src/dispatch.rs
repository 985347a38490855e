//! The path of every request: count, identify, allow, check the origin, read, answer.
//!
//! Guarantees: the access rule is asked before the body is read; a handler that panics is a 500
//! and not a dead connection; every answer carries the security headers; what failed is logged
//! here or in `problem`, once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{CACHE_CONTROL, CONNECTION, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Limited};
use ledger::Actor;
use store::{AuditEvent, Purpose, Store, UnixMs, Visit, now_ms};

use crate::api::answer::Time;
use crate::app::{Server, Shared};
use crate::call::Call;
use crate::problem::{Kind, Problem};
use crate::route::{Access, Handled, Route, is_api_path};
use crate::session::Caller;
use crate::{origin, pages, peer, position, second_factor, session, unknown};

/// A body must arrive within this; 8 MiB at 1 MiB/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// After this a client is told that the outcome is unknown; balancers wait longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// What is older is shown with its time.
const STALE_AFTER_MS: i64 = 1_000;

/// Answers a request of a route.
pub(crate) async fn run(
    server: Shared,
    index: usize,
    route: &'static Route,
    request: Request,
) -> Response {
    let started = Instant::now();
    server.meters.begin();
    let (parts, body) = request.into_parts();
    let asked = Asked {
        route: route.path(),
        reads: !route.verb().changes_state(),
        path: parts.uri.path().into(),
        query: parts.uri.query().map(Into::into),
    };
    let headers = parts.headers.clone();
    let purpose = if asked.reads { Purpose::Looks } else { Purpose::Changes };
    let visit = Arc::new(Visit::new(purpose, position::read(&server.config, &headers)));
    let work = AssertUnwindSafe(answer(&server, route, &visit, parts, body)).catch_unwind();
    let handled = match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
        Ok(Ok(handled)) => handled,
        Ok(Err(_)) => {
            tracing::error!(http.route = route.path(), "a handler panicked");
            Err(Kind::Internal.into())
        }
        Err(_) => {
            tracing::error!(http.route = route.path(), "a handler took too long");
            let kind = if route.verb().changes_state() { Kind::Unknown } else { Kind::Unavailable };
            Err(Problem::new(kind).retry_after(1))
        }
    };
    let mut response = match handled {
        Ok(response) => response,
        Err(problem) if route.is_api() => problem.document(),
        Err(problem) => pages::error::answer(&server, &problem, &asked),
    };
    mark(&server, &visit, &headers, &mut response);
    protect(&server, &mut response);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    server.meters.end(index, status, took);
    tracing::debug!(http.route = route.path(), http.status = status, ?took, "answered");
    response
}

/// What an error page needs to know of the request.
pub(crate) struct Asked {
    /// The path of the route; empty if there is none.
    pub(crate) route: &'static str,
    /// Whether the request only reads.
    pub(crate) reads: bool,
    pub(crate) path: Box<str>,
    pub(crate) query: Option<Box<str>>,
}

async fn answer(
    server: &Shared,
    route: &'static Route,
    visit: &Arc<Visit>,
    parts: Parts,
    body: axum::body::Body,
) -> Handled {
    let address = peer::client(&parts.headers, &parts.extensions, server.config.proxy_hops);
    let books = server.store.near(visit);
    let caller = allow(server, route, &books, &parts, &address).await?;
    let actor = caller.as_ref().map(|caller| caller.actor(&server.name));
    let body = read(body, route.body_bytes_max).await?;
    let Parts { uri, headers, .. } = parts;
    let (key, kept) = (headers.get("idempotency-key").cloned(), body.clone());
    let call = Call {
        server: Shared::clone(server),
        visit: Arc::clone(visit),
        store: server.store.on(visit),
        books,
        route,
        uri,
        headers,
        body,
        caller,
        address: address.clone(),
    };
    let handled = (route.handler)(call).await;
    if let Some(actor) = &actor
        && unknown::is_unknown(&handled)
        && let Some(key) = unknown::key(key.as_ref(), &kept)
    {
        unknown::note(server, actor, &key, &address);
    }
    if let (Err(problem), Some(actor)) = (&handled, &actor)
        && problem.word == "form-token-wrong"
    {
        deny(server, route, actor, "access.form", &address).await;
    }
    handled
}

/// The access rule, and for changes the origin.
async fn allow(
    server: &Server,
    route: &Route,
    books: &Store,
    parts: &Parts,
    address: &str,
) -> Result<Option<Caller>, Problem> {
    let headers = &parts.headers;
    let foreign = route.verb().changes_state() && origin::is_cross_site(headers);
    match route.access() {
        Access::Public if foreign => return Err(Kind::CrossSite.into()),
        Access::Public => return Ok(None),
        Access::Operator if peer::is_operator(headers, &parts.extensions) => return Ok(None),
        Access::Operator => return Err(Kind::NotFound.into()),
        Access::SignedIn | Access::Roles(_) => {}
    }
    let caller = session::identify(server, books, headers).await?;
    let caller = caller.ok_or(Kind::NotSignedIn)?;
    let denial = if !route.access().allows(caller.role()) {
        Some(("access.role", Kind::RoleMissing))
    } else if caller.by_cookie && foreign {
        Some(("access.cross-site", Kind::CrossSite))
    } else {
        None
    };
    if let Some((action, kind)) = denial {
        deny(server, route, &caller.actor(&server.name), action, address).await;
        return Err(kind.into());
    }
    if caller.session.password_due && !route.before_password {
        return Err(Kind::PasswordDue.into());
    }
    if second_factor::is_due(server, &caller.session) && !route.before_factor {
        return Err(Kind::FactorDue.into());
    }
    Ok(Some(caller))
}

/// A denial is an audit row too.
async fn deny(server: &Server, route: &Route, actor: &Actor, action: &'static str, address: &str) {
    let subject = format!("{} {}", route.verb().method(), route.path());
    let event = AuditEvent {
        address: Some(address.to_owned()),
        ..AuditEvent::of(actor, action, subject, "denied")
    };
    if let Err(error) = server.store.record(event).await {
        tracing::error!(%error, "a denial could not be recorded");
    }
}

/// Tells the client how far the books are after its change, and when what it sees was so if that
/// is a while ago.
fn mark(server: &Server, visit: &Visit, asked: &HeaderMap, response: &mut Response) {
    if let Some(position) = visit.wrote() {
        position::give(&server.config, asked, response.headers_mut(), position);
    }
    if let Some(as_of) = stale_as_of(visit)
        && let Ok(value) = HeaderValue::try_from(Time(as_of).to_string())
    {
        response.headers_mut().insert(position::AS_OF, value);
    }
}

/// When what a visit was shown was so, if that is more than a second ago.
pub(crate) fn stale_as_of(visit: &Visit) -> Option<UnixMs> {
    visit.as_of().filter(|as_of| now_ms().saturating_sub(*as_of) > STALE_AFTER_MS)
}

async fn read(body: axum::body::Body, bytes_max: usize) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let whole = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Kind::BodyTooLarge.into())
        }
        Ok(Err(_)) => Err(Kind::Malformed.into()),
        Err(_) => Err(Kind::TooSlow.into()),
    }
}

/// Answers a path that no route has.
pub(crate) async fn not_found(State(server): State<Shared>, request: Request) -> Response {
    unmatched(&server, &request, Kind::NotFound)
}

/// Answers a method that the path does not have; axum adds `Allow`.
pub(crate) async fn method_not_allowed(State(server): State<Shared>, request: Request) -> Response {
    unmatched(&server, &request, Kind::MethodNotAllowed)
}

fn unmatched(server: &Server, request: &Request, kind: Kind) -> Response {
    let started = Instant::now();
    server.meters.begin();
    let asked = Asked { route: "", reads: true, path: request.uri().path().into(), query: None };
    let problem = Problem::new(kind);
    let mut response = if is_api_path(&asked.path) {
        problem.document()
    } else {
        pages::error::answer(server, &problem, &asked)
    };
    protect(server, &mut response);
    server.meters.end(usize::MAX, response.status().as_u16(), started.elapsed());
    response
}

/// Nothing from elsewhere, nothing inline, no frames; personal data is not kept by any cache.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static(
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             object-src 'none'",
        ),
    ),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

fn protect(server: &Server, response: &mut Response) {
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.extend(HEADERS);
    if server.config.secure_cookies {
        add(headers, "strict-transport-security", "max-age=31536000; includeSubDomains");
    }
    if server.is_draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
}
