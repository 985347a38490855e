//! The API's index as a page.

use askama::Template;
use http::StatusCode;

use super::layout::Layout;
use super::page;
use crate::api::index::Row;
use crate::call::Call;
use crate::route::Handled;

#[derive(Template)]
#[template(path = "api_index.html")]
struct ApiIndexPage {
    layout: Layout,
    rows: Vec<Row>,
}

/// The page.
pub(crate) fn answer(call: &Call, rows: Vec<Row>) -> Handled {
    page(StatusCode::OK, &ApiIndexPage { layout: Layout::of(call), rows })
}
