//! All HTTP of the bank: one route table with an access rule for each route, the JSON API, the
//! staff pages, sessions and passwords, and the one place where errors get a status.
//!
//! Guarantees: a route without an access rule cannot be written down (I9); past the parsing of
//! a form or body only domain types travel; no secret, social security number or name reaches a
//! log or a metric (I12). Deliberately not here: SQL, the rules of posting, processes, the
//! environment, load balancing.

mod api;
mod app;
mod call;
mod config;
mod csv;
mod dispatch;
mod fields;
mod health;
mod meters;
mod openapi;
mod origin;
mod pages;
mod password;
mod peer;
mod position;
mod problem;
mod receipts;
mod route;
mod second_factor;
mod serve;
mod session;
mod sign_in;
mod statements;
mod totp;
mod touches;
mod unknown;

pub use app::app;
pub use config::Config;
pub use password::{generate_password, hash_password};
pub use receipts::Receipts;
pub use route::{Access, Route, Verb, table};
pub use serve::{ServeError, serve};
pub use session::new_token;
