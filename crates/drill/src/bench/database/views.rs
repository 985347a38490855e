//! Views at a steady rate, each sent once: an open loop that remembers which were answered, and
//! when.
//!
//! Guarantees: what the bank, its balancers and the front door do not answer by themselves in
//! [`ANSWER_WITHIN`] is a view that failed; nothing is repeated here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use http::StatusCode;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::DatabaseOptions;
use super::load::longest_gap;
use crate::client::{Call, Client};
use crate::dice::Dice;
use crate::target::Target;

/// As long as people wait for a page.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Views under way.
pub(super) struct Viewing {
    stop: watch::Sender<bool>,
    task: JoinHandle<Viewed>,
}

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Viewed {
    /// When each was due, and when it was answered, since the beginning.
    views: Vec<(Duration, Option<Duration>)>,
}

impl Viewed {
    /// How many of those that were due in a time were answered, and how many there were.
    pub(super) fn within(&self, from: Duration, until: Duration) -> (usize, usize) {
        let due = || self.views.iter().filter(|(due, _)| (from..until).contains(due));
        (due().filter(|(_, at)| at.is_some()).count(), due().count())
    }

    /// The longest time between two answers, from this moment on.
    pub(super) fn longest_gap(&self, from: Duration) -> Duration {
        let mut answers: Vec<Duration> = self.views.iter().filter_map(|(_, at)| *at).collect();
        answers.sort_unstable();
        longest_gap(&answers, from)
    }
}

impl Viewing {
    /// Begins, unless the rate is zero.
    pub(super) fn start(target: &Target, options: &DatabaseOptions, accounts: Vec<String>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let dice = Dice::for_part(options.seed, 2);
        let task = tokio::spawn(dispatch(target.clone(), options.views, accounts, dice, stopped));
        Self { stop, task }
    }

    /// Sends no more and waits for what is under way.
    pub(super) async fn stop(self) -> anyhow::Result<Viewed> {
        self.stop.send_replace(true);
        self.task.await.context("the views ended early")
    }
}

async fn dispatch(
    target: Target,
    rate: u64,
    accounts: Vec<String>,
    mut dice: Dice,
    stopped: watch::Receiver<bool>,
) -> Viewed {
    let rate = u32::try_from(rate).unwrap_or(u32::MAX);
    let Some(gap) = Duration::from_secs(1).checked_div(rate) else { return Viewed::default() };
    let began = Instant::now();
    let idle: Arc<Mutex<Vec<Client>>> = Arc::default();
    let mut viewed = Viewed::default();
    let mut under_way = JoinSet::new();
    let mut due = began;
    while !*stopped.borrow() {
        sleep_until(due).await;
        let account = accounts.get(dice.position(accounts.len())).cloned().unwrap_or_default();
        let call = Call::get(format!("/api/v1/accounts/{account}"), &target.teller);
        let address = Arc::clone(&target.address);
        let (idle, was_due) = (Arc::clone(&idle), due.duration_since(began));
        under_way.spawn(async move {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut client = taken.unwrap_or_else(|| Client::new(address, ANSWER_WITHIN));
            let answer = client.send(&call).await;
            let is_good = answer.is_ok_and(|answer| answer.status == StatusCode::OK);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
            (was_due, is_good.then(|| began.elapsed()))
        });
        due += gap;
        while let Some(Ok(view)) = under_way.try_join_next() {
            viewed.views.push(view);
        }
    }
    while let Some(Ok(view)) = under_way.join_next().await {
        viewed.views.push(view);
    }
    viewed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_counts_by_when_it_was_due_and_a_gap_by_when_answers_came() {
        let at = Duration::from_secs;
        let views = vec![(at(1), Some(at(1))), (at(5), None), (at(6), Some(at(9))), (at(9), None)];
        let viewed = Viewed { views };
        assert_eq!(viewed.within(at(0), at(60)), (2, 4));
        assert_eq!(viewed.within(at(5), at(9)), (1, 2));
        assert_eq!(viewed.longest_gap(at(2)), at(8));
    }
}
