//! What is done with the database's cluster as a whole: a planned change of the primary, and
//! counting what passes.
//!
//! Guarantees: Patroni does it, so the old primary has stopped before the new one begins and
//! nothing acknowledged is missing; what Patroni refuses is said in its own words.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{Database, OperationError, Operations};
use crate::cluster::traffic::Traffic;
use crate::cluster::{Durability, Node, view};
use crate::control::Switchover;
use crate::http;

/// The bar is 5 s; Patroni itself gives up after some 20.
const WITHIN: Duration = Duration::from_secs(40);

/// How often the nodes are asked who is primary.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// An agent answers from memory.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

impl Operations {
    /// Makes another node the primary: the one that is named, or one of the same region.
    pub(crate) async fn switchover(&self, to: Option<&str>) -> Result<Switchover, OperationError> {
        let refuse = |sentence: String| OperationError::Switchover(sentence);
        let database = self.of_cluster()?;
        let nodes = &database.cluster.nodes;
        let names = || nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
        if let Some(to) = to
            && !nodes.iter().any(|node| node.name == to)
        {
            return Err(refuse(format!("there is no node `{to}`; there are {}", names())));
        }
        let from = primary(nodes, 0).await;
        let (from, old) = from.ok_or_else(|| refuse("there is no primary now".to_owned()))?;
        if to == Some(from.name.as_str()) {
            return Err(refuse(format!("{} is the primary already", from.name)));
        }
        let is_elsewhere = |node: &Node| node.region != from.region && to == Some(&node.name);
        if database.cluster.options.durability == Durability::Zone && nodes.iter().any(is_elsewhere)
        {
            return Err(refuse(format!(
                "in profile zone commits do not wait for other regions than {}, so a node there \
                 may miss some and is not promoted",
                from.region
            )));
        }
        // As in a failover: near, when there is somebody; for Patroni to choose, when not.
        let near = nodes.iter().find(|it| it.region == from.region && it.name != from.name);
        let to = to.or(near.map(|node| node.name.as_str()));
        let began = Instant::now();
        let login = BASE64_STANDARD.encode(format!("fleet:{}", database.agents_password));
        let order = json!({ "leader": from.name, "candidate": to }).to_string();
        let asked = timeout(WITHIN, ask(from.agent.listen, &login, &order));
        let mut asked = std::pin::pin!(asked);
        let mut is_answered = false;
        loop {
            tokio::select! {
                answer = &mut asked, if !is_answered => {
                    is_answered = true;
                    // Who agreed may have lost its connection by doing it: what counts is below.
                    if let Ok(Ok(Some(reason))) = answer {
                        return Err(refuse(format!("the agent of {}: {reason}", from.name)));
                    }
                }
                found = primary(nodes, old + 1) => if let Some((node, timeline)) = found {
                    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let (from, to) = (from.name.clone(), node.name.clone());
                    return Ok(Switchover { from, to, timeline, took_ms });
                },
            }
            if began.elapsed() >= WITHIN {
                let seconds = WITHIN.as_secs();
                return Err(refuse(format!("no other node was primary within {seconds} s")));
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// What has passed between the processes.
    pub(crate) fn traffic(&self) -> Result<Traffic, OperationError> {
        Ok(self.of_cluster()?.network.traffic())
    }

    fn of_cluster(&self) -> Result<&Database, OperationError> {
        let sentence = "this deployment has no cluster of its own (`--database cluster`)";
        let missing = || OperationError::Switchover(sentence.to_owned());
        self.database.as_ref().ok_or_else(missing)
    }
}

/// The node that holds the lock and takes writes, on this timeline or a later one: each change of
/// the primary begins a timeline.
async fn primary(nodes: &[Node], timeline_min: u64) -> Option<(&Node, u64)> {
    for node in nodes {
        let asked = timeout(ANSWER_WITHIN, view::primary(node.agent.listen)).await;
        if let Ok(Some(timeline)) = asked
            && timeline >= timeline_min
        {
            return Some((node, timeline));
        }
    }
    None
}

/// The agent's reason, when it refuses.
async fn ask(agent: SocketAddr, login: &str, order: &str) -> std::io::Result<Option<String>> {
    let answer = http::post(agent, "/switchover", login, order).await?;
    let said = String::from_utf8_lossy(&answer.body).trim().to_owned();
    Ok((answer.status != 200).then_some(said))
}
