//! `ballast replay`: posts a file of transactions and compares every balance.
//!
//! One customer with a current account for each account of the file, every row in its order,
//! many accounts at once. Guarantees: nothing is posted from a file with a bad row; customers,
//! accounts and keys are derived from the file's content, so a second run, a resumed run, or a
//! run with a renamed copy moves no money again; every answer's balance is compared with the
//! file's. The same rows in a file with any other byte are another file with accounts of its own.

mod file;
mod identity;
mod opening;
mod posting;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

pub use self::file::{Direction, FileAccount, FileRefused, FileRow, ReplayFile, RowProblem};
use crate::{
    client::Client,
    rate::{per_second, rounded},
    receipts::ReceiptFile,
    target::Target,
};

/// Mismatches kept in words; the rest is only counted.
pub const MISMATCHES_LISTED_MAX: usize = 10;

/// How to replay.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Accounts posted at the same time, each over a connection of its own.
    pub concurrency: usize,
    /// How long one row may take in all tries; a bank that is away longer ends the run.
    pub patience: Duration,
    /// How long one try may take.
    pub timeout: Duration,
    /// Where to keep the receipts that come with the answers.
    pub receipts: Option<Arc<ReceiptFile>>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            concurrency: 32,
            patience: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            receipts: None,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Rows in the file.
    pub rows: u64,
    /// Rows whose answer carried the file's balance.
    pub matched: u64,
    /// Rows that were refused or answered with another balance.
    pub mismatched: u64,
    /// Rows the bank had booked before; their answers were compared all the same.
    pub replayed: u64,
    /// Time from the first request to the last answer.
    pub seconds: f64,
    /// Rows a second.
    pub rows_per_second: f64,
    /// Accounts in the file.
    pub accounts: u64,
    /// The first mismatches in words.
    #[serde(skip)]
    pub mismatches: Vec<Mismatch>,
}

impl Outcome {
    /// Whether the command must exit 1.
    pub fn found_a_problem(&self) -> bool {
        self.mismatched > 0 || self.matched != self.rows
    }
}

/// A row the bank answered otherwise than the file.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// The line in the file.
    pub line: u64,
    /// The account in the file.
    pub account: String,
    /// What the file says and what the bank said.
    pub difference: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, account, difference } = self;
        write!(formatter, "line {line}, account {account}: {difference}")
    }
}

/// What one worker, or all of them, has seen.
#[derive(Debug, Default)]
struct Tally {
    matched: u64,
    mismatched: u64,
    replayed: u64,
    mismatches: Vec<Mismatch>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.mismatched += other.mismatched;
        self.replayed += other.replayed;
        self.mismatches.extend(other.mismatches);
    }
}

/// What the workers share: accounts are taken from the front of `order`.
struct Job {
    file: ReplayFile,
    target: Target,
    options: ReplayOptions,
    order: Vec<usize>,
    next: AtomicUsize,
    progress: ProgressBar,
}

impl Job {
    /// Keeps a receipt, if there is one and somebody wants it.
    fn keep(&self, receipt: Option<&str>) -> anyhow::Result<()> {
        match (&self.options.receipts, receipt) {
            (Some(file), Some(receipt)) => file.keep(receipt),
            _ => Ok(()),
        }
    }
}

/// Posts the file.
///
/// # Errors
/// When the bank cannot be reached for longer than the patience, or refuses the tokens. What was
/// posted stays posted; the next run goes on from there.
pub async fn run(
    file: ReplayFile,
    target: Target,
    options: ReplayOptions,
    progress: ProgressBar,
) -> anyhow::Result<Outcome> {
    let (rows, accounts) = (file.rows, u64::try_from(file.accounts.len())?);
    progress.set_length(rows);
    let mut order: Vec<usize> = (0..file.accounts.len()).collect();
    // The longest first: rows of one account cannot run side by side, so a long account that
    // starts late would keep one worker busy while the others have nothing left.
    order.sort_by_key(|&index| {
        std::cmp::Reverse(file.accounts.get(index).map_or(0, |account| account.rows.len()))
    });
    let workers = options.concurrency.clamp(1, order.len().max(1));
    let job = Arc::new(Job { file, target, options, order, next: AtomicUsize::new(0), progress });

    let started = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..workers {
        running.spawn(work(Arc::clone(&job)));
    }
    let mut tally = Tally::default();
    while let Some(finished) = running.join_next().await {
        let seen = finished.context("a worker of the replay ended early")?.with_context(|| {
            format!(
                "stopped after {} of {rows} rows; the same command goes on from here, and no row \
                 is booked twice",
                job.progress.position()
            )
        })?;
        tally.add(seen);
    }
    let elapsed = started.elapsed();
    job.progress.finish_and_clear();

    tally.mismatches.sort_by_key(|mismatch| mismatch.line);
    tally.mismatches.truncate(MISMATCHES_LISTED_MAX);
    Ok(Outcome {
        rows,
        matched: tally.matched,
        mismatched: tally.mismatched,
        replayed: tally.replayed,
        seconds: rounded(elapsed.as_secs_f64(), 3),
        rows_per_second: rounded(per_second(rows, elapsed), 1),
        accounts,
        mismatches: tally.mismatches,
    })
}

async fn work(job: Arc<Job>) -> anyhow::Result<Tally> {
    let mut client = Client::new(Arc::clone(&job.target.address), job.options.timeout);
    let mut tally = Tally::default();
    loop {
        let turn = job.next.fetch_add(1, Ordering::Relaxed);
        let Some(account) = job.order.get(turn).and_then(|&index| job.file.accounts.get(index))
        else {
            return Ok(tally);
        };
        let number = opening::find_or_open(&job, account, &mut client)
            .await
            .with_context(|| format!("cannot open an account for {}", account.name))?;
        posting::post_rows(&job, account, &number, &mut client, &mut tally).await?;
    }
}
