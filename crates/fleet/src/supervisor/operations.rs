//! Faults and their healing, as the control socket asks for them.
//!
//! Guarantees: acts only on processes of this deployment, through their keepers; one request at a
//! time; a fault with an end heals by itself, whether the command that asked for it lives or not;
//! what cannot be done to one process of a target is done to the others and said.
//!
//! Deliberately not here: words for people.

mod part;
pub(crate) mod rotation;
mod switchover;
mod target;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

use super::keeper::{Context, Deed, OrderError, Orders};
use super::steering::{Steering, Told};
use crate::cluster::Cluster;
use crate::cluster::network::Network;
use crate::fault::{Action, ActionKind, ActiveFault, Fault, FaultReport, Skipped};
use crate::link::{Conditions, Link};
use crate::plan::Rollout;
use crate::process::{Process, Role};
use target::Scope;

/// A day: longer is not a drill.
const FAULT_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// A link listens on whatever port is free.
const FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Every process of the deployment, and what can be done to it.
#[derive(Debug)]
pub(crate) struct Operations {
    members: Vec<Member>,
    pub(super) steering: Steering,
    pub(super) context: Arc<Context>,
    pub(super) rollout: Rollout,
    /// Held by the one roll.
    pub(super) rolling: Mutex<()>,
    /// The links in use, by the name of their target. Locked while a fault begins or ends.
    links: Mutex<Links>,
    /// The database's cluster, if there is one.
    database: Option<Database>,
}

/// What can be done to the database's cluster.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) cluster: Arc<Cluster>,
    pub(super) network: Arc<Network>,
    pub(super) agents_password: String,
}

/// One process of the deployment.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) row: watch::Sender<Process>,
    pub(super) orders: Orders,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperationError {
    /// Not everything has been started yet.
    #[error("the deployment is still starting")]
    Starting,
    /// Nobody or several are meant; the sentence says who could be.
    #[error("{0}")]
    Target(String),
    /// The numbers make no sense.
    #[error("{0}")]
    Numbers(&'static str),
    /// There will be no roll.
    #[error("{0}")]
    Roll(String),
    /// There was no switchover.
    #[error("{0}")]
    Switchover(String),
    /// It could be done to no process of the target.
    #[error("{}", join(.0))]
    NothingDone(Vec<Skipped>),
}

/// The links in use, by the name of their target.
type Links = BTreeMap<String, Link>;

/// Why a fault could not begin, as the end of a sentence that begins with the process.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error("cannot be put behind a link: {0}")]
    Link(#[from] io::Error),
    #[error("belongs to the database; it can be killed, frozen and isolated")]
    NotOfCluster,
    #[error("is no node of the database; only those have parts")]
    NoParts,
    #[error("has parts that can be killed and frozen, and kept down only together")]
    NotOfParts,
}

impl Operations {
    pub(super) fn new(
        members: Vec<Member>,
        steering: Steering,
        context: Arc<Context>,
        rollout: Rollout,
        database: Option<Database>,
    ) -> Self {
        let (links, rolling) = (Mutex::default(), Mutex::default());
        Self { members, steering, context, rollout, rolling, links, database }
    }

    /// Begins a fault on every process of the target.
    pub(crate) async fn fault(
        self: &Arc<Self>,
        fault: Fault,
        target: &str,
        for_ms: Option<u64>,
    ) -> Result<FaultReport, OperationError> {
        check_numbers(fault, for_ms)?;
        let (target, part) = part::split(target)?;
        let mut links = self.links.lock().await;
        let mut report = FaultReport::default();
        let scope = self.resolve_all(target)?.0;
        for member in self.resolve(target, fault)? {
            let process = member.row.borrow().clone();
            let active = ActiveFault { part, ..activate(fault, for_ms) };
            let skip = |why: String| Skipped { process: process.name.clone(), why };
            let is_same = |it: &&ActiveFault| it.part == part && it.fault.is_same_kind(&fault);
            if let Some(same) = process.faults.iter().find(is_same) {
                let why = format!("is already {same} (since {})", same.since);
                report.skipped.push(skip(why));
                continue;
            }
            let place = if scope == Scope::Region { process.region.as_ref() } else { None };
            let place = place.unwrap_or(&process.name);
            match self.begin(member, &active, place, &mut links).await {
                Ok(mut actions) => {
                    report.actions.append(&mut actions);
                    if let Some(for_ms) = for_ms {
                        self.heal_later(process.name, active, Duration::from_millis(for_ms));
                    }
                }
                Err(error) => report.skipped.push(skip(error.to_string())),
            }
        }
        if report.actions.is_empty() {
            return Err(OperationError::NothingDone(report.skipped));
        }
        Ok(report)
    }

    /// Ends every fault of the target, or of everything.
    pub(crate) async fn heal(&self, target: Option<&str>) -> Result<FaultReport, OperationError> {
        let mut links = self.links.lock().await;
        let (members, part) = match target {
            Some(target) => {
                let (target, part) = part::split(target)?;
                (self.resolve_all(target)?.1, part)
            }
            None => (self.members.iter().collect(), None),
        };
        let faults = members.into_iter().flat_map(|member| {
            let mut faults = member.row.borrow().faults.clone();
            faults.retain(|active| part.is_none() || active.part == part);
            faults.into_iter().map(move |active| (member, active))
        });
        let mut faults: Vec<(&Member, ActiveFault)> = faults.collect();
        // A balancer that is thawed first can be told the rest.
        faults.sort_by_key(|(_, active)| active.fault != Fault::Freeze);
        let mut report = FaultReport::default();
        for (member, active) in faults {
            self.end(member, &active, &mut links, &mut report).await;
        }
        Ok(report)
    }

    async fn begin(
        &self,
        member: &Member,
        active: &ActiveFault,
        place: &str,
        links: &mut Links,
    ) -> Result<Vec<Action>, BeginError> {
        if let Some(part) = active.part {
            return self.begin_on_part(member, part, active).await;
        }
        let (deed, what) = match active.fault {
            Fault::Kill { stay_down } => {
                (Deed::Kill(stay_down.then(|| active.clone())), ActionKind::Killed)
            }
            Fault::Freeze => (Deed::Freeze(active.clone()), ActionKind::Frozen),
            Fault::Drain | Fault::Slow { .. } if member.role().is_of_cluster() => {
                return Err(BeginError::NotOfCluster);
            }
            Fault::Isolate if member.role().is_of_cluster() => {
                self.cut_off(place, true);
                self.note(member, |faults| faults.push(active.clone()));
                return Ok(vec![member.action(ActionKind::Held, Timestamp::now())]);
            }
            Fault::Drain => {
                self.note(member, |faults| faults.push(active.clone()));
                let told = self.steering.drain(&member.name(), true).await;
                return Ok(member.told(ActionKind::Drained, told));
            }
            Fault::Slow { by_ms } => {
                let delay_from_target = Duration::from_millis(by_ms);
                let slow = |now: Conditions| Conditions { delay_from_target, ..now };
                return self.through_link(member, active, links, ActionKind::Slowed, slow).await;
            }
            Fault::Isolate => {
                let hold = |now: Conditions| Conditions { is_held: true, ..now };
                if member.role() == Role::Server {
                    // Its way to the database too.
                    self.cut_off(place, true);
                }
                return self.through_link(member, active, links, ActionKind::Held, hold).await;
            }
        };
        let at = member.orders.carry_out(deed).await?;
        Ok(vec![member.action(what, at)])
    }

    /// Puts a link in front of a process unless there is one, and changes its conditions.
    async fn through_link(
        &self,
        member: &Member,
        active: &ActiveFault,
        links: &mut Links,
        what: ActionKind,
        change: impl Fn(Conditions) -> Conditions,
    ) -> Result<Vec<Action>, BeginError> {
        let name = member.name();
        let mut actions = Vec::new();
        if let Some(link) = links.get(&name) {
            link.set(change(link.conditions()));
            actions.push(member.action(what, Timestamp::now()));
        } else {
            let target = member.row.borrow().address;
            let conditions = change(Conditions::default());
            let link = Link::start(FREE_PORT, target, conditions).await?;
            actions.push(member.action(what, Timestamp::now()));
            let told = self.steering.reach(&name, Some(link.address())).await;
            actions.append(&mut member.told(ActionKind::ThroughLink, told));
            links.insert(name, link);
        }
        self.note(member, |faults| faults.push(active.clone()));
        Ok(actions)
    }

    async fn end(
        &self,
        member: &Member,
        active: &ActiveFault,
        links: &mut Links,
        report: &mut FaultReport,
    ) {
        let (deed, what) = match active.fault {
            Fault::Kill { .. } => (Deed::Revive, ActionKind::Started),
            Fault::Freeze => (Deed::Thaw(active.part), ActionKind::Thawed),
            Fault::Isolate if member.role().is_of_cluster() => {
                self.note(member, |faults| faults.retain(|other| other != active));
                self.reconnect(member);
                report.actions.push(member.action(ActionKind::Released, Timestamp::now()));
                return;
            }
            Fault::Drain => {
                self.note(member, |faults| faults.retain(|other| other != active));
                let told = self.steering.drain(&member.name(), false).await;
                report.actions.append(&mut member.told(ActionKind::Undrained, told));
                return;
            }
            Fault::Slow { .. } => {
                let quick = |now| Conditions { delay_from_target: Duration::ZERO, ..now };
                let what = ActionKind::Unslowed;
                return self.without_link(member, active, links, (what, report), quick).await;
            }
            Fault::Isolate => {
                let release = |now| Conditions { is_held: false, ..now };
                self.cut_off(&member.name(), false);
                let what = ActionKind::Released;
                return self.without_link(member, active, links, (what, report), release).await;
            }
        };
        match member.orders.carry_out(deed).await {
            Ok(at) => report.actions.push(member.action(what, at)),
            Err(error) => {
                let skipped = Skipped { process: member.name(), why: error.to_string() };
                report.skipped.push(skipped);
            }
        }
    }

    /// Changes the conditions of a link; one that does nothing any more is taken away.
    async fn without_link(
        &self,
        member: &Member,
        active: &ActiveFault,
        links: &mut Links,
        (what, report): (ActionKind, &mut FaultReport),
        change: impl Fn(Conditions) -> Conditions,
    ) {
        let name = member.name();
        self.note(member, |faults| faults.retain(|other| other != active));
        let Some(link) = links.get(&name) else { return };
        let conditions = change(link.conditions());
        link.set(conditions);
        report.actions.push(member.action(what, Timestamp::now()));
        if conditions == Conditions::default()
            && let Some(link) = links.remove(&name)
        {
            let told = self.steering.reach(&name, None).await;
            report.actions.append(&mut member.told(ActionKind::Direct, told));
            // Its connections are used until the balancers let go of them.
            tokio::spawn(link.retire());
        }
    }

    fn cut_off(&self, place: &str, is_cut_off: bool) {
        if let Some(database) = &self.database {
            database.network.cut_off(place, is_cut_off);
        }
    }

    /// Ends the isolation of a process, and of its region when it was the last one there.
    fn reconnect(&self, member: &Member) {
        self.cut_off(&member.name(), false);
        let region = member.row.borrow().region.clone();
        let is_isolated = |other: &&Member| {
            let row = other.row.borrow();
            row.role.is_of_cluster()
                && row.region == region
                && row.faults.iter().any(|active| active.fault == Fault::Isolate)
        };
        if let Some(region) = &region
            && !self.members.iter().any(|other| is_isolated(&other))
        {
            self.cut_off(region, false);
        }
    }

    fn note(&self, member: &Member, change: impl FnOnce(&mut Vec<ActiveFault>)) {
        member.row.send_modify(|row| change(&mut row.faults));
        self.context.changed.notify_one();
    }

    /// Heals when the time is up, unless somebody was quicker.
    fn heal_later(self: &Arc<Self>, name: String, active: ActiveFault, after: Duration) {
        let operations = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            let mut links = operations.links.lock().await;
            let Some(member) = operations.member(&name) else { return };
            if member.row.borrow().faults.contains(&active) {
                // There is nobody left to report to; `ps` shows what became of it.
                let mut unread = FaultReport::default();
                operations.end(member, &active, &mut links, &mut unread).await;
            }
        });
    }

    /// The processes of a target to which this fault can be done.
    fn resolve(&self, target: &str, fault: Fault) -> Result<Vec<&Member>, OperationError> {
        let (scope, members) = self.resolve_all(target)?;
        let is_at_the_edge = matches!(fault, Fault::Slow { .. } | Fault::Drain | Fault::Isolate);
        if is_at_the_edge && members.iter().any(|member| member.role() == Role::FrontDoor) {
            let sentence = "nothing stands before the front door, so it cannot be slowed, drained \
                            or isolated; it can be killed and frozen";
            return Err(OperationError::Target(sentence.to_owned()));
        }
        // What reaches a region goes through its balancer; inside, the region goes on.
        let keep = |member: &&Member| {
            let is_edge = member.role() == Role::Balancer || member.role().is_of_cluster();
            !is_at_the_edge || scope != Scope::Region || is_edge
        };
        Ok(members.into_iter().filter(keep).collect())
    }

    pub(super) fn resolve_all(
        &self,
        target: &str,
    ) -> Result<(Scope, Vec<&Member>), OperationError> {
        let rows = self.rows();
        let (scope, found) = target::resolve(target, &rows).map_err(OperationError::Target)?;
        let is_found =
            |member: &&Member| found.iter().any(|row| row.name == member.row.borrow().name);
        Ok((scope, self.members.iter().filter(is_found).collect()))
    }

    pub(super) fn rows(&self) -> Vec<Process> {
        self.members.iter().map(|member| member.row.borrow().clone()).collect()
    }

    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.row.borrow().name == name)
    }
}

impl Member {
    pub(super) fn role(&self) -> Role {
        self.row.borrow().role
    }

    pub(super) fn name(&self) -> String {
        self.row.borrow().name.clone()
    }

    /// Zero while it has none.
    pub(super) fn pid(&self) -> u32 {
        self.row.borrow().pid.unwrap_or_default()
    }

    fn action(&self, what: ActionKind, at: Timestamp) -> Action {
        Action { process: self.name(), what, balancer: None, at: written(at), unconfirmed: None }
    }

    fn told(&self, what: ActionKind, told: Vec<Told>) -> Vec<Action> {
        let action = |Told { balancer, at, unconfirmed }| Action {
            process: self.name(),
            what,
            balancer: Some(balancer),
            at: written(at),
            unconfirmed,
        };
        told.into_iter().map(action).collect()
    }
}

fn check_numbers(fault: Fault, for_ms: Option<u64>) -> Result<(), OperationError> {
    let refuse = |sentence| Err(OperationError::Numbers(sentence));
    match (fault, for_ms) {
        (_, Some(0)) => refuse("a fault must last longer than 0 ms"),
        (_, Some(FAULT_MS_MAX..)) => refuse("a fault that ends by itself lasts less than 24 h"),
        (Fault::Kill { stay_down: false }, Some(_)) => {
            refuse("a killed process is started again at once; to keep it down add --stay-down")
        }
        (Fault::Slow { by_ms: 0 | 60_001.. }, _) => {
            refuse("a process can be slowed by 1 ms to 60 s")
        }
        _ => Ok(()),
    }
}

fn activate(fault: Fault, for_ms: Option<u64>) -> ActiveFault {
    let now = Timestamp::now();
    let until = for_ms
        .and_then(|ms| i64::try_from(ms).ok())
        .and_then(|ms| now.checked_add(SignedDuration::from_millis(ms)).ok());
    ActiveFault { fault, part: None, since: written(now), until: until.map(written) }
}

/// RFC 3339, UTC, microseconds.
pub(super) fn written(at: Timestamp) -> String {
    format!("{at:.6}")
}

fn join(skipped: &[Skipped]) -> String {
    let sentences = skipped.iter().map(|skipped| format!("{} {}", skipped.process, skipped.why));
    sentences.collect::<Vec<_>>().join("; ")
}
