//! Requests at a steady rate, whatever the bank does: an open loop.
//!
//! Each request has the moment at which it was due, and its time counts from there, so a bank that
//! stalls is charged for everybody who would have come meanwhile. 70 % of the requests look at an
//! account, 30 % are transfers with a key. One in twenty opens a connection of its own. Nothing is
//! repeated: a failed request is a failed request.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context;
use http::StatusCode;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    bench::{
        Workload,
        source::{Source, SourcePlan},
    },
    client::{Answer, Client, SendError},
    dice::Dice,
    target::Target,
};

/// Of a hundred requests, how many are transfers.
const TRANSFERS_PERCENT: u64 = 30;
/// Of a hundred requests, how many open a connection of their own.
const FRESH_PERCENT: u64 = 5;
/// Connections at the beginning of an open loop.
const WORKERS_FIRST: usize = 32;
/// Most connections; past it requests wait at the client, and their time runs.
const WORKERS_MAX: usize = 1_000;
/// The shortest pause between two looks at what is due.
const TICK: Duration = Duration::from_millis(1);
/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(35);

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The answer that was asked for.
    Done,
    /// 503 with `Retry-After`.
    Refused,
    /// Anything else, in words.
    Failed(String),
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// When it was due, since the load began.
    pub(super) due: Duration,
    /// From then to the last byte of its answer.
    pub(super) took: Duration,
    /// The part of it in which no connection of the client was free to send it.
    pub(super) waited: Duration,
    pub(super) outcome: Outcome,
    pub(super) keyed: bool,
    pub(super) server: Option<String>,
}

/// How requests are spaced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many a second, come what may.
    PerSecond(u64),
    /// So many connections, each as fast as it is answered.
    Closed(usize),
}

/// A load under way.
pub(super) struct Load {
    common: Arc<Common>,
    dispatcher: tokio::task::JoinHandle<anyhow::Result<Vec<Sample>>>,
}

struct Common {
    target: Target,
    plan: SourcePlan,
    began: Instant,
    rate: AtomicU64,
    stop: AtomicBool,
    due: Mutex<VecDeque<Instant>>,
    waiting: Semaphore,
    closed: bool,
}

impl Load {
    /// Begins. The accounts of the plan must be there.
    pub(super) fn start(target: &Target, plan: SourcePlan, pace: Pace) -> Self {
        let (rate, workers, closed) = match pace {
            Pace::PerSecond(rate) => (rate, WORKERS_FIRST, false),
            Pace::Closed(workers) => (0, workers, true),
        };
        let common = Arc::new(Common {
            target: target.clone(),
            plan,
            began: Instant::now(),
            rate: AtomicU64::new(rate),
            stop: AtomicBool::new(false),
            due: Mutex::new(VecDeque::new()),
            waiting: Semaphore::new(0),
            closed,
        });
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&common), workers));
        Self { common, dispatcher }
    }

    /// Time since it began.
    pub(super) fn elapsed(&self) -> Duration {
        self.common.began.elapsed()
    }

    /// Another rate from now on.
    pub(super) fn set_rate(&self, per_second: u64) {
        self.common.rate.store(per_second, Relaxed);
    }

    /// Waits for what is under way; everything that was asked, in the order of its answers.
    pub(super) async fn stop(self) -> anyhow::Result<Vec<Sample>> {
        self.common.stop.store(true, Relaxed);
        self.dispatcher.await.context("the load ended early")?
    }
}

async fn dispatch(common: Arc<Common>, first: usize) -> anyhow::Result<Vec<Sample>> {
    let mut workers = JoinSet::new();
    for number in 0..first {
        workers.spawn(work(Arc::clone(&common), number));
    }
    let (mut next, mut last_rate) = (common.began, common.rate.load(Relaxed));
    while !common.stop.load(Relaxed) {
        if common.closed {
            tokio::time::sleep(TICK).await;
            continue;
        }
        let rate = common.rate.load(Relaxed);
        let gap = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX);
        let now = Instant::now();
        if rate != last_rate {
            (next, last_rate) = (now, rate);
        }
        let mut released = 0;
        while next <= now {
            common.due.lock().unwrap_or_else(PoisonError::into_inner).push_back(next);
            released += 1;
            next += gap;
        }
        // Whoever still waits to be taken found nobody idle at the last look.
        let behind = common.waiting.available_permits();
        common.waiting.add_permits(released);
        let missing = behind.min(WORKERS_MAX.saturating_sub(workers.len()));
        for _ in 0..missing {
            workers.spawn(work(Arc::clone(&common), workers.len()));
        }
        tokio::time::sleep(gap.max(TICK)).await;
    }
    common.waiting.close();
    let mut samples = Vec::new();
    while let Some(finished) = workers.join_next().await {
        samples.extend(finished.context("a connection of the load ended early")?);
    }
    Ok(samples)
}

async fn work(common: Arc<Common>, number: usize) -> Vec<Sample> {
    let mut client = Client::new(Arc::clone(&common.target.address), TIMEOUT);
    let mut views = Source::new(&common.plan, Workload::Views, number);
    let mut transfers = Source::new(&common.plan, Workload::Transfers, number);
    let mut dice = Dice::for_part(common.began.elapsed().subsec_nanos().into(), 1);
    let mut samples = Vec::new();
    loop {
        let Some(due) = common.next_due().await else { return samples };
        let keyed = dice.chance(TRANSFERS_PERCENT);
        if dice.chance(FRESH_PERCENT) {
            client.hang_up();
        }
        let source = if keyed { &mut transfers } else { &mut views };
        let call = source.next_call();
        let waited = due.elapsed();
        let answer = client.send(&call).await;
        let took = due.elapsed();
        let server = answer.as_ref().ok().and_then(|answer| {
            Some(String::from_utf8_lossy(answer.server.as_ref()?.as_bytes()).into_owned())
        });
        let outcome = judge(source, answer);
        let due = due - common.began;
        samples.push(Sample { due, took, waited, outcome, keyed, server });
    }
}

impl Common {
    async fn next_due(&self) -> Option<Instant> {
        if self.closed {
            return (!self.stop.load(Relaxed)).then(Instant::now);
        }
        self.waiting.acquire().await.ok()?.forget();
        self.due.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

fn judge(source: &Source, answer: Result<Answer, SendError>) -> Outcome {
    match answer {
        Err(error) => Outcome::Failed(error.reason().to_owned()),
        Ok(answer) => {
            let status = answer.status;
            if status == StatusCode::SERVICE_UNAVAILABLE && answer.retry_after.is_some() {
                return Outcome::Refused;
            }
            source.judge(&answer).map_or_else(Outcome::Failed, |_| Outcome::Done)
        }
    }
}
