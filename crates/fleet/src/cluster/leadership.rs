//! Keeps the leader of etcd out of the primary's region.
//!
//! Why: only the leader counts how long a right is still good. When it is lost, the next one begins
//! every count anew (etcd, `Lessor.Promote`). A region that took both with it would be failed over
//! from after an election and a whole time to live, instead of what was left of one.
//!
//! Deliberately not here: who is primary. While there is none, or two, nothing is moved.
//!
//! Sources: etcd's "API reference" (`/v3/cluster/member/list`,
//! `/v3/maintenance/transfer-leadership`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Cluster, Voter, WITNESS, view};
use crate::http;
use crate::process::{Process, Role};
use crate::tls::{Identity, Trust};

const LOOK_EVERY: Duration = Duration::from_secs(3);

/// For a move: an election's time is 1.5 s.
const WITHIN: Duration = Duration::from_secs(2);

/// Looks and moves until it is dropped.
pub(crate) async fn keep_away(cluster: Arc<Cluster>, rows: Vec<watch::Receiver<Process>>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut processes: Vec<Process> = rows.iter().map(|row| row.borrow().clone()).collect();
        processes.retain(|process| matches!(process.role, Role::Etcd | Role::Database));
        view::fill(&mut processes).await;
        let Some((from, to)) = wanted_move(&processes) else { continue };
        let voter = |name: &str| cluster.voters.iter().find(|voter| voter.name == name);
        let Some(leader) = voter(from) else { continue };
        // `ballast ps` shows who leads. What failed is tried again at the next look.
        let _ = timeout(WITHIN, hand_over(&cluster, leader, to)).await;
    }
}

/// From the leader beside the primary to a member elsewhere: the witness, where it can.
fn wanted_move(processes: &[Process]) -> Option<(&str, &str)> {
    let in_role = |role: &'static str| {
        let is_in = move |it: &&Process| it.member.as_ref().is_some_and(|it| it.role == role);
        processes.iter().filter(is_in)
    };
    let only = |role: &'static str| {
        let mut found = in_role(role);
        found.next().filter(|_| found.next().is_none())
    };
    let (primary, leader) = (only("primary")?, only("leader")?);
    if leader.region != primary.region {
        return None;
    }
    let elsewhere = in_role("follower").filter(|it| it.region != primary.region);
    let to = elsewhere.max_by_key(|it| it.region.as_deref() == Some(WITNESS))?;
    Some((&leader.name, &to.name))
}

async fn hand_over(cluster: &Cluster, leader: &Voter, to: &str) -> io::Result<()> {
    let members = ask(cluster, leader, "/v3/cluster/member/list", &json!({})).await?;
    let mut members = members.get("members").and_then(Value::as_array).into_iter().flatten();
    let member = members.find(|it| it.get("name").is_some_and(|name| name == to));
    let id = member
        .and_then(|it| it.get("ID"))
        .ok_or_else(|| io::Error::other("it knows no such member"))?;
    let order = json!({ "targetID": id });
    ask(cluster, leader, "/v3/maintenance/transfer-leadership", &order).await.map(drop)
}

async fn ask(cluster: &Cluster, voter: &Voter, path: &str, body: &Value) -> io::Result<Value> {
    let home = cluster.home(&voter.name);
    let own = Identity { certificate: &home.join("own.pem"), key: &home.join("own.key") };
    let trust = Trust::in_file_as(&cluster.authority_file(), &own)?;
    let answer = http::post_over_tls(voter.client.listen, &trust, path, &body.to_string()).await?;
    if answer.status != 200 {
        return Err(io::Error::other(String::from_utf8_lossy(&answer.body).into_owned()));
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

#[cfg(test)]
mod tests {
    use super::super::view::Member;
    use super::*;

    fn member((name, role): (&str, &str)) -> Process {
        let region = name.rsplit('-').next().unwrap();
        let of = if name.starts_with("etcd") { Role::Etcd } else { Role::Database };
        Process {
            region: Some(region.to_owned()),
            member: Some(Member::in_role(role)),
            ..Process::new(name.to_owned(), of, "127.0.0.1:1".parse().unwrap())
        }
    }

    #[track_caller]
    fn check(members: &[(&str, &str)], expected: Option<(&str, &str)>) {
        let members: Vec<Process> = members.iter().copied().map(member).collect();
        assert_eq!(wanted_move(&members), expected);
    }

    #[test]
    fn the_leader_leaves_the_region_of_the_primary() {
        let (primary, leader) = (("database01-east", "primary"), ("etcd-east", "leader"));
        let (west, witness) = (("etcd-west", "follower"), ("etcd-witness", "follower"));
        check(&[primary, leader, west, witness], Some(("etcd-east", "etcd-witness")));
        check(&[primary, leader, witness, west], Some(("etcd-east", "etcd-witness")));
        check(&[primary, leader, west], Some(("etcd-east", "etcd-west")));
        check(&[primary, leader], None);
        check(&[primary, ("etcd-west", "leader"), ("etcd-east", "follower"), witness], None);
    }

    #[test]
    fn nothing_is_moved_while_it_is_not_known_who_leads() {
        let (leader, witness) = (("etcd-east", "leader"), ("etcd-witness", "follower"));
        check(&[("database01-east", "standby"), leader, witness], None);
        let two = [("database01-east", "primary"), ("database01-west", "primary")];
        check(&[two[0], two[1], leader, witness], None);
        check(&[two[0], leader, ("etcd-west", "leader"), witness], None);
    }
}
