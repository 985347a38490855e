//! The store from outside: each test owns its database.

mod audit;
mod bank;
mod posting;
mod sessions;
