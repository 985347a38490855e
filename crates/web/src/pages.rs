//! The staff's pages: askama templates, one layout, forms that work without JavaScript.
//!
//! Guarantees: every form that changes something carries the session's form token; every form
//! that moves money carries the idempotency key it was born with, through validation errors and
//! the confirmation step, so that a double click, a refresh, the back button and a second tab
//! never move money twice; what was typed is kept, and each error names its field.

pub(crate) mod accounts;
pub(crate) mod api_index;
mod assets;
mod audit;
mod cash;
mod customer_forms;
mod customers;
mod dashboard;
pub(crate) mod error;
pub(crate) mod factor;
mod form;
mod layout;
pub(crate) mod me;
mod openings;
mod operations;
mod receipt;
mod reversals;
mod search;
pub(crate) mod show;
mod sign_in;
mod staff;
mod statement;
mod today;
mod transfers;
mod verify;

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};

use crate::problem::{Kind, Problem};
use crate::route::{Handled, Route};

/// The rows of the route table.
pub(crate) fn routes() -> [&'static [Route]; 19] {
    [
        assets::ROUTES,
        sign_in::ROUTES,
        dashboard::ROUTES,
        today::ROUTES,
        search::ROUTES,
        customers::ROUTES,
        customer_forms::ROUTES,
        openings::ROUTES,
        accounts::ROUTES,
        cash::ROUTES,
        receipt::ROUTES,
        transfers::ROUTES,
        reversals::ROUTES,
        me::ROUTES,
        factor::ROUTES,
        staff::ROUTES,
        audit::ROUTES,
        operations::ROUTES,
        verify::ROUTES,
    ]
}

/// A page.
fn page(status: StatusCode, template: &impl Template) -> Handled {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        Problem::new(Kind::Internal)
    })?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

/// 303: what was done is done, look there; a refresh looks again and does nothing again.
fn see_other(path: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let place = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, place);
    response
}
