//! The audit: proves the books from one snapshot, rule by rule, and names the first bad row.
//!
//! What is checked is [`ledger::audit::Rule`]; how rows are walked is the database's matter.

pub(crate) mod accounts;
pub(crate) mod operations;

use std::collections::BTreeMap;

use ledger::audit::Rule;

use crate::error::Error;
use crate::url::{DatabaseUrl, Place};
use crate::{postgres, sqlite};

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows looked at.
    pub done: u64,
    /// Rows to look at.
    pub total: u64,
}

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How many rows break it.
    pub rows: u64,
    /// The first of them, in words.
    pub first: String,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Customers' accounts and house accounts.
    pub accounts: u64,
    /// Operations.
    pub operations: u64,
    /// Transfers.
    pub transfers: u64,
    /// Entries.
    pub entries: u64,
    findings: BTreeMap<&'static str, Finding>,
}

impl Report {
    /// Whether every rule holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The broken rules in the order of [`Rule::ALL`].
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        Rule::ALL.iter().filter_map(|rule| self.findings.get(rule.name()))
    }

    /// The finding of one rule.
    #[must_use]
    pub fn finding(&self, rule: Rule) -> Option<&Finding> {
        self.findings.get(rule.name())
    }

    pub(crate) fn found(&mut self, rule: Rule, what: impl FnOnce() -> String) {
        self.findings
            .entry(rule.name())
            .and_modify(|finding| finding.rows += 1)
            .or_insert_with(|| Finding { rule, rows: 1, first: what() });
    }
}

/// Audits a database. Postings go on meanwhile; they are not seen.
///
/// # Errors
/// [`Error::Unavailable`] if the books cannot be read. Broken rules are not errors.
pub fn run(url: &DatabaseUrl, mut on_progress: impl FnMut(Progress)) -> Result<Report, Error> {
    match &url.0 {
        Place::File(path) => sqlite::audit::run(path, &mut on_progress),
        Place::Server(server) => postgres::audit::run(server, &mut on_progress),
    }
}

/// How many rows are looked at between two reports of progress.
const PROGRESS_ROWS: u64 = 10_000;

/// Counts rows and tells now and then.
pub(crate) struct Meter<'a> {
    progress: Progress,
    on_progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Meter<'a> {
    pub(crate) fn new(total: u64, on_progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self { progress: Progress { done: 0, total }, on_progress }
    }

    pub(crate) fn row(&mut self) {
        self.progress.done += 1;
        if self.progress.done.is_multiple_of(PROGRESS_ROWS) {
            (self.on_progress)(self.progress);
        }
    }

    pub(crate) fn finish(&mut self) {
        self.progress.done = self.progress.total;
        (self.on_progress)(self.progress);
    }
}
