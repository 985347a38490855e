//! What the balancers say of the processes behind them (`/status.json`).
//!
//! Guarantees: asks all of them at once and none of them for long; silence is no answer, not an
//! error.
//!
//! Deliberately not here: the balancer's own types; this crate may not know them. A test of the
//! binary holds the two together.

use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http;
use crate::process::{Process, Role, Rotation};

/// A balancer answers from memory. A frozen one must not hold `ps` up for long.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// Of `/status.json`, what is needed here.
#[derive(Debug, Deserialize)]
struct Status {
    upstreams: Vec<Upstream>,
}

#[derive(Debug, Deserialize)]
struct Upstream {
    name: String,
    state: String,
    why: String,
    outstanding: u32,
}

/// What one balancer says of everything behind it; nothing when it does not answer.
pub(crate) async fn ask(balancer: &Process) -> Vec<(String, Rotation)> {
    let Process { name: balancer, address, certificate, .. } = balancer;
    let asking = http::get(*address, certificate.as_deref(), "/status.json");
    let asked = timeout(ANSWER_WITHIN, asking).await;
    let Ok(Ok(answer)) = asked else { return Vec::new() };
    let Ok(status) = serde_json::from_slice::<Status>(&answer.body) else { return Vec::new() };
    let row = |Upstream { name, state, why, outstanding }| {
        let in_use = matches!(state.as_str(), "healthy" | "slow_start");
        (name, Rotation { balancer: balancer.clone(), in_use, state, why, outstanding })
    };
    status.upstreams.into_iter().map(row).collect()
}

/// Adds to every process what the balancer before it says.
pub(crate) async fn fill(processes: &mut [Process]) {
    let mut asking = JoinSet::new();
    for balancer in processes
        .iter()
        .filter(|it| it.role == Role::Balancer || it.role == Role::FrontDoor)
        .cloned()
    {
        asking.spawn(async move {
            let said = ask(&balancer).await;
            (balancer, said)
        });
    }
    while let Some(joined) = asking.join_next().await {
        // A task that only asks does not panic; if it did, there is no answer.
        let Ok((balancer, said)) = joined else { continue };
        for (name, rotation) in said {
            let process = processes.iter_mut().find(|process| process.name == name);
            if let Some(process) = process.filter(|process| is_before(&balancer, process)) {
                process.rotation = Some(rotation);
            }
        }
    }
}

/// The front door stands before the balancers, a balancer before the servers of its region. The
/// balancers of other regions, to which it may spill, are not behind it in this sense.
pub(crate) fn is_before(balancer: &Process, process: &Process) -> bool {
    match (balancer.role, process.role) {
        (Role::FrontDoor, Role::Balancer) => true,
        (Role::Balancer, Role::Server) => balancer.region == process.region,
        _ => false,
    }
}
