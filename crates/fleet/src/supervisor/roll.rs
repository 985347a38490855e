//! Rolling replacement: every process by a new one from the same path, one at a time, without a
//! failed request.
//!
//! A server is drained in its balancer, finishes what it has, leaves, comes back, and is used again
//! before the next one is touched; its region keeps as many servers in use as the topology asks
//! for. A balancer or the front door is replaced by a second process that takes its sockets over.
//!
//! Guarantees: one roll at a time; it stops at the first process that cannot be replaced, with that
//! one back in its balancer's hands and all others running; asked to stop, it finishes the process
//! at hand.
//!
//! Deliberately not here: the take-over itself (`balancer`), undoing (roll again, with the old
//! program in its place).

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::keeper::Deed;
use super::operations::{Member, OperationError, Operations, rotation, written};
use crate::fault::Fault;
use crate::plan::Rollout;
use crate::process::{Process, Role, Rotation};
use crate::roll::{RollOnly, RollRequest, RollStage, RollStep, RollSummary, WARM_UP_MAX};

/// A start takes tens of milliseconds, and 20 s on a machine that is busy with other things.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Two checks of a server and some; a slow start counts as use.
const IN_USE_WITHIN: Duration = Duration::from_secs(30);

/// A server ends what it has within the drain time by itself; this much later it is killed.
const LEAVE_MARGIN: Duration = Duration::from_secs(2);

/// How often a balancer is asked while something is awaited from it.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Why a roll stopped, as a sentence.
type Stopped = String;

/// Who hears of the steps of a roll, and may ask it to stop.
pub(crate) struct Audience {
    pub(crate) steps: mpsc::UnboundedSender<RollStep>,
    pub(crate) is_asked_to_stop: watch::Receiver<bool>,
}

impl Operations {
    /// Replaces processes.
    ///
    /// # Errors
    /// When it does not begin; what happens later is in the summary.
    pub(crate) async fn roll(
        &self,
        request: &RollRequest,
        audience: &Audience,
    ) -> Result<RollSummary, OperationError> {
        let Ok(_turn) = self.rolling.try_lock() else {
            return Err(OperationError::Roll("a roll is under way already".to_owned()));
        };
        let mut left = self.to_replace(request)?;
        let begin = Instant::now();
        let (mut replaced, mut stopped) = (Vec::new(), None);
        while let Some(member) = left.first() {
            if audience.wants_no_more() {
                stopped = Some("it was asked to stop".to_owned());
                break;
            }
            let done = match member.role() {
                Role::Server => self.replace_server(member, request, audience).await,
                Role::Balancer | Role::FrontDoor => self.take_over(member, audience).await,
                // They are left out when the targets are found.
                Role::Etcd | Role::Database => Ok(()),
            };
            if let Err(why) = done {
                stopped = Some(why);
                break;
            }
            replaced.push(left.remove(0).name());
        }
        let left = left.into_iter().map(Member::name).collect();
        let took_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(RollSummary { replaced, left, stopped, took_ms })
    }

    /// Whom to replace, in order.
    fn to_replace(&self, request: &RollRequest) -> Result<Vec<&Member>, OperationError> {
        if Duration::from_millis(request.warm_up_ms) > WARM_UP_MAX {
            return Err(OperationError::Numbers("a warm-up lasts at most 10 minutes"));
        }
        let rows = self.rows();
        let broken = rows.iter().find_map(|row| Some((row, row.faults.first()?)));
        if let (Some((row, active)), false) = (broken, request.is_forced) {
            return Err(OperationError::Roll(format!(
                "{} is {}; end the faults first with `ballast fault heal`, or add --force",
                row.name, active.fault
            )));
        }
        let mut names = Vec::new();
        for target in &request.targets {
            names.extend(self.resolve_all(target)?.1.into_iter().map(Member::name));
        }
        let is_meant = |row: &Process| {
            let is_of_kind = match request.only {
                None => true,
                Some(RollOnly::Servers) => row.role == Role::Server,
                Some(RollOnly::Balancers) => row.role != Role::Server,
            };
            // The database has a switchover of its own, and is no program of ours.
            let is_of_kind = is_of_kind && !row.role.is_of_cluster();
            is_of_kind && (request.targets.is_empty() || names.contains(&row.name))
        };
        let ordered = in_order(&rows, &self.rollout).into_iter().filter(|row| is_meant(row));
        let members: Vec<&Member> = ordered.filter_map(|row| self.member(&row.name)).collect();
        if members.is_empty() {
            return Err(OperationError::Roll("there is nothing to replace".to_owned()));
        }
        Ok(members)
    }

    async fn replace_server(
        &self,
        member: &Member,
        request: &RollRequest,
        audience: &Audience,
    ) -> Result<(), Stopped> {
        let name = member.name();
        self.others_suffice(member).await?;
        let told = self.steering.drain(&name, true).await;
        let unconfirmed =
            told.into_iter().find_map(|told| Some((told.balancer, told.unconfirmed?)));
        if let Some((balancer, why)) = unconfirmed {
            self.use_again(member).await;
            return Err(format!("{balancer} was to drain {name}: {why}"));
        }
        audience.tell(&name, RollStage::Draining);
        let outstanding = self.drained(member).await;
        audience.tell(&name, RollStage::Drained { outstanding });
        let leave_within = self.rollout.drain + LEAVE_MARGIN;
        let replacing = member.orders.carry_out(Deed::Replace { leave_within });
        let replaced = timeout(leave_within + READY_WITHIN, replacing).await;
        // Come what may: its balancer decides by its checks whether to use it.
        self.use_again(member).await;
        match replaced {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(self.with_log(&name, &error.to_string())),
            Err(_) => {
                let why = format!("is not ready {} s after it was told to leave", {
                    (leave_within + READY_WITHIN).as_secs()
                });
                return Err(self.with_log(&name, &why));
            }
        }
        audience.tell(&name, RollStage::Ready { pid: member.pid() });
        self.in_use(member, audience).await?;
        sleep(Duration::from_millis(request.warm_up_ms)).await;
        Ok(())
    }

    async fn take_over(&self, member: &Member, audience: &Audience) -> Result<(), Stopped> {
        let name = member.name();
        audience.tell(&name, RollStage::TakingOver);
        // The old process drains in this time too.
        let within = READY_WITHIN + self.rollout.drain;
        let done = timeout(within * 2, member.orders.carry_out(Deed::TakeOver { within })).await;
        match done {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(self.with_log(&name, &error.to_string())),
            Err(_) => return Err(self.with_log(&name, "is not ready after it was taken over")),
        }
        audience.tell(&name, RollStage::Ready { pid: member.pid() });
        self.in_use(member, audience).await
    }

    /// Waits until its region can do without it.
    async fn others_suffice(&self, member: &Member) -> Result<(), Stopped> {
        let row = member.row.borrow().clone();
        let is_other = |other: &Process| {
            other.role == Role::Server && other.region == row.region && other.name != row.name
        };
        let others: Vec<String> =
            self.rows().into_iter().filter(is_other).map(|other| other.name).collect();
        let Some(balancer) = self.before(&row) else { return Ok(()) };
        let deadline = Instant::now() + IN_USE_WITHIN;
        loop {
            let said = rotation::ask(&balancer).await;
            let in_use = said.iter().filter(|(name, it)| it.in_use && others.contains(name));
            let in_use = u32::try_from(in_use.count()).unwrap_or(u32::MAX);
            if in_use >= self.rollout.healthy_minimum {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "without {} only {in_use} servers of region {} would be in use; the topology \
                     asks for {}",
                    row.name,
                    row.region.unwrap_or_default(),
                    self.rollout.healthy_minimum
                ));
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Waits until its balancer has no request with it any more; gives the number of those that
    /// took too long.
    async fn drained(&self, member: &Member) -> u32 {
        let deadline = Instant::now() + self.rollout.drain;
        loop {
            let outstanding = self.rotation_of(member).await.map_or(0, |it| it.outstanding);
            if outstanding == 0 || Instant::now() >= deadline {
                return outstanding;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Waits until the balancer before it uses it. Nobody stands before the front door.
    async fn in_use(&self, member: &Member, audience: &Audience) -> Result<(), Stopped> {
        let deadline = Instant::now() + IN_USE_WITHIN;
        while member.role() != Role::FrontDoor {
            let said = self.rotation_of(member).await;
            if said.as_ref().is_some_and(|said| said.in_use) {
                break;
            }
            if Instant::now() >= deadline {
                let said = said.map_or_else(
                    || "does not answer".to_owned(),
                    |it| format!("calls it {} ({})", it.state, it.why),
                );
                let why = format!("is ready and not in use: its balancer {said}");
                return Err(self.with_log(&member.name(), &why));
            }
            sleep(ASK_EVERY).await;
        }
        audience.tell(&member.name(), RollStage::InUse);
        Ok(())
    }

    async fn rotation_of(&self, member: &Member) -> Option<Rotation> {
        let row = member.row.borrow().clone();
        let balancer = self.before(&row)?;
        let said = rotation::ask(&balancer).await;
        said.into_iter().find(|(name, _)| *name == row.name).map(|(_, rotation)| rotation)
    }

    fn before(&self, row: &Process) -> Option<Process> {
        self.rows().into_iter().find(|other| rotation::is_before(other, row))
    }

    /// Ends its draining, unless a fault keeps it.
    async fn use_again(&self, member: &Member) {
        let is_kept = member.row.borrow().faults.iter().any(|it| it.fault == Fault::Drain);
        self.steering.drain(&member.name(), is_kept).await;
    }

    fn with_log(&self, name: &str, why: &str) -> String {
        format!("{name} {why}; see {}", self.context.data_folder.log_file(name).display())
    }
}

impl Audience {
    /// It asked to stop, or is gone.
    fn wants_no_more(&self) -> bool {
        *self.is_asked_to_stop.borrow() || self.is_asked_to_stop.has_changed().is_err()
    }

    fn tell(&self, process: &str, stage: RollStage) {
        let process = process.to_owned();
        // Who does not listen any more has hung up; the roll ends after this process then.
        let _ = self.steps.send(RollStep { process, stage, at: written(Timestamp::now()) });
    }
}

/// Region by region as the topology says, servers before their balancer; the front door last.
fn in_order<'a>(rows: &'a [Process], rollout: &Rollout) -> Vec<&'a Process> {
    let mut ordered: Vec<&Process> = rows.iter().collect();
    ordered.sort_by_key(|row| {
        let region = row.region.as_ref();
        let turn = rollout.regions.iter().position(|other| Some(other) == region);
        (turn.unwrap_or(usize::MAX), row.role != Role::Server)
    });
    ordered
}
