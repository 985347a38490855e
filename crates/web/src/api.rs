//! The JSON API under `/api/v1`: strict in what it reads, fixed in what it writes.

pub(crate) mod accounts;
pub(crate) mod answer;
pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod cursor;
pub(crate) mod customers;
pub(crate) mod entries;
pub(crate) mod index;
pub(crate) mod logs;
pub(crate) mod money;
pub(crate) mod openings;
pub(crate) mod postings;
pub(crate) mod reversals;
pub(crate) mod sessions;
pub(crate) mod statements;
pub(crate) mod text;

use crate::route::Route;

/// The rows of the route table.
pub(crate) fn routes() -> [&'static [Route]; 11] {
    [
        index::ROUTES,
        sessions::ROUTES,
        customers::ROUTES,
        accounts::ROUTES,
        openings::ROUTES,
        postings::ROUTES,
        reversals::ROUTES,
        batch::ROUTES,
        entries::ROUTES,
        statements::ROUTES,
        logs::ROUTES,
    ]
}
