//! The bank through HTTP: the router is called in the process, over a real database of its own.

mod access;
mod bank;
mod concurrency;
mod errors;
mod health;
mod pages;
mod postings;
mod reading;
mod sessions;
