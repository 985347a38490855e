//! What a member of the cluster says about itself, for `ballast ps`.
//!
//! Guarantees: nothing is asked for longer than a moment; who does not answer is shown as such.
//!
//! Sources: Patroni's "REST API" (`GET /patroni`), etcd's metrics (`etcd_server_is_leader`).

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http;
use crate::process::{Process, Role};

/// An agent answers from memory.
const WITHIN: Duration = Duration::from_millis(500);

/// A database node or a member of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// `primary`, `quorum standby`, `sync standby`, `standby`, `leader`, `follower`; what the agent
    /// says of one that is not running.
    pub role: String,
    /// Counted up by each change of the primary; members of etcd have none.
    pub timeline: Option<u64>,
    /// Bytes of log that the primary has written and this node has not replayed.
    pub lag_bytes: Option<u64>,
    /// How far its log is: bytes since the beginning.
    #[serde(skip)]
    position: Option<u64>,
}

impl Member {
    /// One that says no more than this.
    pub(super) fn in_role(role: &str) -> Self {
        Self { role: role.to_owned(), timeline: None, lag_bytes: None, position: None }
    }
}

/// Asks every member, and writes down what they say.
pub(crate) async fn fill(processes: &mut [Process]) {
    let mut asked = JoinSet::new();
    for (at, process) in processes.iter().enumerate() {
        let (role, address) = (process.role, process.address);
        if matches!(role, Role::Etcd | Role::Database) && process.pid.is_some() {
            asked.spawn(async move { (at, timeout(WITHIN, ask(role, address)).await) });
        }
    }
    while let Some(answer) = asked.join_next().await {
        if let Ok((at, Ok(member))) = answer
            && let Some(process) = processes.get_mut(at)
        {
            process.member = member;
        }
    }
    let members = || processes.iter().filter_map(|process| process.member.as_ref());
    let primary = members().filter(|it| it.role == "primary").max_by_key(|it| it.timeline);
    let Some(written) = primary.and_then(|it| it.position) else { return };
    for member in processes.iter_mut().filter_map(|process| process.member.as_mut()) {
        member.lag_bytes = member.position.map(|it| written.saturating_sub(it));
    }
}

async fn ask(role: Role, address: SocketAddr) -> Option<Member> {
    if role == Role::Etcd {
        let answer = http::get(address, None, "/metrics").await.ok()?;
        let text = String::from_utf8(answer.body).ok()?;
        return etcd(&text);
    }
    let answer = http::get(address, None, "/patroni").await.ok()?;
    patroni(&serde_json::from_slice(&answer.body).ok()?)
}

/// The timeline of a node that holds the lock and takes writes; `None` when it does not.
pub(crate) async fn primary(agent: SocketAddr) -> Option<u64> {
    let answer = http::get(agent, None, "/primary").await.ok().filter(|it| it.status == 200)?;
    patroni(&serde_json::from_slice(&answer.body).ok()?)?.timeline
}

fn etcd(metrics: &str) -> Option<Member> {
    let value =
        |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let role = match (value("etcd_server_is_leader")?, value("etcd_server_has_leader")?) {
        ("1", _) => "leader",
        (_, "1") => "follower",
        _ => "without leader",
    };
    Some(Member::in_role(role))
}

fn patroni(said: &Value) -> Option<Member> {
    let is = |field: &str| said.get(field).and_then(Value::as_bool) == Some(true);
    let state = said.get("state")?.as_str()?;
    let role = match said.get("role").and_then(Value::as_str) {
        _ if state != "running" && state != "streaming" => state,
        Some("primary" | "master") => "primary",
        _ if is("quorum_standby") => "quorum standby",
        _ if is("sync_standby") => "sync standby",
        _ => "standby",
    };
    let number = |field: &str| said.get("xlog")?.get(field)?.as_u64();
    Some(Member {
        role: role.to_owned(),
        timeline: said.get("timeline").and_then(Value::as_u64),
        lag_bytes: None,
        position: number("location").or_else(|| number("replayed_location")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(said: &Value, role: &str, position: Option<u64>) {
        let member = patroni(said).unwrap();
        assert_eq!((&*member.role, member.position), (role, position), "{said}");
    }

    #[test]
    fn roles_are_read_as_agents_say_them() {
        let primary = json!({"state": "running", "role": "primary", "xlog": {"location": 70}});
        check(&primary, "primary", Some(70));
        let standby = json!({"state": "running", "role": "replica", "quorum_standby": true,
                             "xlog": {"received_location": 60, "replayed_location": 50}});
        check(&standby, "quorum standby", Some(50));
        check(&json!({"state": "starting", "role": "replica"}), "starting", None);
    }

    #[test]
    fn the_leader_of_etcd_is_read_from_its_metrics() {
        let leader = etcd("# HELP x\netcd_server_has_leader 1\netcd_server_is_leader 1\n");
        assert_eq!(leader.unwrap().role, "leader");
        let alone = etcd("etcd_server_has_leader 0\netcd_server_is_leader 0\n");
        assert_eq!(alone.unwrap().role, "without leader");
        assert_eq!(etcd("process_start_time_seconds 1\n"), None);
    }
}
