//! JSON answers, and the small types they are made of.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use ledger::Balance;
use serde::{Serialize, Serializer};
use store::UnixMs;
use utoipa::ToSchema;

/// 200 with a body.
pub(crate) fn json(body: &impl Serialize) -> Response {
    with_status(StatusCode::OK, body)
}

/// A body under another status.
pub(crate) fn with_status(status: StatusCode, body: &impl Serialize) -> Response {
    // Our types have string keys and no failing parts, so this cannot fail.
    bytes(status, serde_json::to_vec(body).unwrap_or_default())
}

/// A body that is written already.
pub(crate) fn bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Marks the stored answer of an earlier request.
pub(crate) fn mark_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        const NAME: HeaderName = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(NAME, HeaderValue::from_static("true"));
    }
}

/// 204.
pub(crate) fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A number as a string: numbers of JavaScript lose digits above 2^53.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, example = "360110000")]
pub(crate) struct Digits(pub(crate) i64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// A point in time as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, example = "2026-11-23T19:30:00.123Z")]
pub(crate) struct Time(pub(crate) UnixMs);

impl std::fmt::Display for Time {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(out, "{at:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Money on its way out.
#[derive(Clone, Copy)]
pub(crate) struct Sum(pub(crate) Balance);

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Parts {
            amount: Decimal,
            currency: &'static str,
        }
        Parts { amount: Decimal(self.0), currency: self.0.currency().code() }.serialize(to)
    }
}

/// A balance as a decimal string, where the currency is known from elsewhere.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, example = "165.88")]
pub(crate) struct Decimal(pub(crate) Balance);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}
