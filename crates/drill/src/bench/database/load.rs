//! Transfers at a steady rate, each under a key and asked again until it is answered: an open loop
//! that remembers what it was told.
//!
//! Guarantees: every receipt is kept before its transfer counts; each acknowledged transfer changes
//! the expected balances once, so one that is lost, done twice, or done although it was refused
//! shows in a balance.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::DatabaseOptions;
use crate::cents::Cents;
use crate::client::{Call, Client};
use crate::dice::Dice;
use crate::receipts::ReceiptFile;
use crate::target::Target;

/// Largest amount, in cents; small against what the accounts begin with.
const AMOUNT_MAX_CENTS: i64 = 1_000;

/// Transfers under way at once; past it they wait at the client, and their time runs.
const UNDER_WAY_MAX: usize = 128;

/// Of one try: longer than a server asks after an unknown outcome.
const TRY_TIMEOUT: Duration = Duration::from_secs(25);

/// Until an answer: a lost region, twice.
const PATIENCE: Duration = Duration::from_secs(90);

/// A load under way.
pub(super) struct Load {
    common: Arc<Common>,
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// When transfers were acknowledged, since the load began, in that order.
    pub(super) acknowledged: Vec<Duration>,
    /// By what each account must have changed, in cents.
    pub(super) changes: Vec<i64>,
    pub(super) unanswered: usize,
    pub(super) refused: usize,
}

struct Common {
    target: Target,
    began: Instant,
    accounts: Vec<String>,
    receipts: ReceiptFile,
    told: Mutex<Told>,
    idle: Mutex<VecDeque<Client>>,
}

struct Transfer {
    from: usize,
    to: usize,
    cents: i64,
    key: String,
}

impl Told {
    /// The longest time between two acknowledgements, from this moment on.
    pub(super) fn longest_gap(&self, from: Duration) -> Duration {
        longest_gap(&self.acknowledged, from)
    }
}

/// The longest time between two of these moments, from one on: it began with the last one before.
pub(super) fn longest_gap(moments: &[Duration], from: Duration) -> Duration {
    let before = moments.iter().rev().find(|at| **at <= from);
    let mut last = before.copied().unwrap_or(from);
    let mut longest = Duration::ZERO;
    for at in moments.iter().filter(|at| **at > from) {
        longest = longest.max(at.saturating_sub(last));
        last = *at;
    }
    longest
}

impl Load {
    /// Begins.
    pub(super) fn start(
        target: &Target,
        options: &DatabaseOptions,
        accounts: Vec<String>,
    ) -> anyhow::Result<Self> {
        ensure!(options.rate > 0, "a load needs a rate");
        let told = Told { changes: vec![0; accounts.len()], ..Told::default() };
        let common = Arc::new(Common {
            target: target.clone(),
            began: Instant::now(),
            accounts,
            receipts: ReceiptFile::open(&options.receipts)?,
            told: Mutex::new(told),
            idle: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let dice = Dice::for_part(options.seed, 0);
        let task = tokio::spawn(dispatch(Arc::clone(&common), options.rate, dice, stopped));
        Ok(Self { common, stop, task })
    }

    /// Time since it began.
    pub(super) fn elapsed(&self) -> Duration {
        self.common.began.elapsed()
    }

    /// Waits for an acknowledgement after this moment.
    pub(super) async fn until_acknowledged(
        &self,
        after: Duration,
        within: Duration,
    ) -> anyhow::Result<()> {
        let wait = async {
            let mut look = tokio::time::interval(Duration::from_millis(50));
            loop {
                look.tick().await;
                if lock(&self.common.told).acknowledged.last().is_some_and(|at| *at > after) {
                    return;
                }
            }
        };
        let waited = timeout(within, wait).await;
        waited.ok().with_context(|| format!("no write succeeded within {} s", within.as_secs()))
    }

    /// Sends no more and waits for what is under way.
    pub(super) async fn stop(self) -> anyhow::Result<Told> {
        self.stop.send_replace(true);
        self.task.await.context("the load ended early")??;
        Ok(std::mem::take(&mut *lock(&self.common.told)))
    }
}

async fn dispatch(
    common: Arc<Common>,
    rate: u64,
    mut dice: Dice,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let gap = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX);
    let run: u64 = rand::random();
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut under_way = JoinSet::new();
    let mut due = common.began;
    let mut count = 0_u64;
    while !*stopped.borrow() {
        sleep_until(due).await;
        due += gap;
        count += 1;
        let place = Arc::clone(&room).acquire_owned().await.context("no room")?;
        let from = dice.position(common.accounts.len());
        let to = (from + 1 + dice.position(common.accounts.len() - 1)) % common.accounts.len();
        let cents = dice.between(1, AMOUNT_MAX_CENTS);
        let transfer = Transfer { from, to, cents, key: format!("drill-{run:016x}-{count}") };
        let common = Arc::clone(&common);
        under_way.spawn(async move {
            let done = common.transfer(transfer).await;
            drop(place);
            done
        });
        while let Some(done) = under_way.try_join_next() {
            done.context("a transfer ended early")??;
        }
    }
    while let Some(done) = under_way.join_next().await {
        done.context("a transfer ended early")??;
    }
    Ok(())
}

impl Common {
    async fn transfer(&self, transfer: Transfer) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Posted {
            receipt: String,
        }
        let Transfer { from, to, cents, key } = transfer;
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let body = json!({
            "from": self.accounts.get(from), "to": self.accounts.get(to),
            "amount": { "amount": amount, "currency": "USD" },
        });
        let call = Call::keyed("/api/v1/transfers", &self.target.teller, key, body.to_string());
        let idle = lock(&self.idle).pop_front();
        let fresh = || Client::new(Arc::clone(&self.target.address), TRY_TIMEOUT);
        let mut client = idle.unwrap_or_else(fresh);
        let answer = client.send_until_answered(&call, PATIENCE).await;
        lock(&self.idle).push_back(client);
        match answer {
            Err(_) => lock(&self.told).unanswered += 1,
            Ok(answer) if answer.status == StatusCode::CREATED => {
                self.receipts.keep(&answer.json::<Posted>()?.receipt)?;
                let at = self.began.elapsed();
                let mut told = lock(&self.told);
                told.acknowledged.push(at);
                for (account, change) in [(from, -cents), (to, cents)] {
                    if let Some(sum) = told.changes.get_mut(account) {
                        *sum = sum.saturating_add(change);
                    }
                }
            }
            Ok(answer) if answer.status.is_client_error() => lock(&self.told).refused += 1,
            Ok(answer) => bail!("the bank answered {}", answer.excerpt()),
        }
        Ok(())
    }
}

/// What the accounts hold now, in cents.
pub(super) async fn balances(target: &Target, accounts: &[String]) -> anyhow::Result<Vec<i64>> {
    #[derive(Deserialize)]
    struct Account {
        balance: Money,
    }
    #[derive(Deserialize)]
    struct Money {
        amount: String,
    }
    let mut client = Client::new(Arc::clone(&target.address), TRY_TIMEOUT);
    let mut balances = Vec::with_capacity(accounts.len());
    for account in accounts {
        let call = Call::get(format!("/api/v1/accounts/{account}"), &target.teller);
        let answer = client.send_until_answered(&call, PATIENCE).await?;
        let found: Account = answer.json()?;
        let cents = Cents::parse_balance(&found.balance.amount);
        balances.push(cents.map_err(anyhow::Error::msg)?.get());
    }
    Ok(balances)
}

/// Every change to these is one step, so a panic elsewhere cannot have damaged them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_begins_with_the_last_acknowledgement_before_the_fault() {
        let seconds = |list: &[u64]| list.iter().map(|at| Duration::from_secs(*at)).collect();
        let told = Told { acknowledged: seconds(&[1, 5, 9, 10, 17, 18]), ..Told::default() };
        assert_eq!(told.longest_gap(Duration::from_secs(11)), Duration::from_secs(7));
        assert_eq!(told.longest_gap(Duration::from_secs(4)), Duration::from_secs(7));
        assert_eq!(told.longest_gap(Duration::from_secs(17)), Duration::from_secs(1));
        assert_eq!(told.longest_gap(Duration::from_secs(30)), Duration::ZERO);
    }
}
