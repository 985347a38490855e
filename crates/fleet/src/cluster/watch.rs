//! What the supervisor does while a cluster runs: the part of a fence that Patroni leaves to a
//! hardware watchdog.
//!
//! Guarantees: PostgreSQL whose agent has not answered for half of the time to live is killed. A
//! frozen agent cannot demote its primary, and the others elect a new one when that time is over.
//!
//! Deliberately not here: anything that Patroni does when it lives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::family::signal_part;
use super::{Cluster, configs};
use crate::fault::Part;
use crate::http;
use crate::process::{Process, State};

/// Half of the time to live.
const SILENCE_MAX: Duration = Duration::from_secs(configs::TTL_SECONDS.div_ceil(2));

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches every node until the set is dropped.
pub(crate) fn start(cluster: &Arc<Cluster>, rows: &[watch::Receiver<Process>]) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    for node in &cluster.nodes {
        let row = rows.iter().find(|row| row.borrow().name == node.name);
        if let Some(row) = row.cloned() {
            let data = cluster.home(&node.name).join("data");
            watching.spawn(async move { watch(row, &data).await });
        }
    }
    watching
}

async fn watch(row: watch::Receiver<Process>, data: &Path) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        ticks.tick().await;
        let (address, pid, state) = {
            let row = row.borrow();
            (row.address, row.pid, row.state)
        };
        let answer = timeout(LOOK_EVERY, http::get(address, None, "/liveness")).await;
        // Who starts has no PostgreSQL yet.
        if matches!(answer, Ok(Ok(_))) || state != State::Running {
            heard = Instant::now();
        }
        if heard.elapsed() >= SILENCE_MAX
            && let Some(guard) = pid
        {
            // There may be none any more.
            signal_part(data, guard, Part::Postgres, Signal::SIGKILL);
        }
    }
}
