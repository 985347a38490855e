//! The time of a process between its start and its end.
//!
//! Guarantees: whatever is under way (a replacement, a take-over), the order to stop is obeyed at
//! once, and the death of the process is noticed.
//!
//! Deliberately not here: the time without a process (`keeper`).

use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::order::{Deed, Order, OrderError, Reply};
use super::{Life, Running, describe, end, signal};
use crate::cluster::family;
use crate::fault::{ActiveFault, Fault, Part};
use crate::plan::PlannedProcess;
use crate::process::State;
use crate::supervisor::{EventKind, ready};

/// A thread that waits for a device stops no sooner than that comes back.
const STOPS_WITHIN: Duration = Duration::from_secs(1);

/// How often a process is looked at while its threads stop.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How the time with a process ended.
pub(super) enum End {
    /// It was told to leave for good.
    Stopped,
    /// It was told to leave for a new one.
    Replaced,
    /// It left by itself, after having been ready for this long.
    Died { how: String, service: Duration },
}

/// What happened next.
enum Step {
    Left(std::io::Result<ExitStatus>),
    SuccessorLeft(std::io::Result<ExitStatus>),
    Ready,
    Late,
    Told(Option<Order>),
}

/// A process while it is attended.
struct Shift {
    running: Running,
    ready_at: Option<Instant>,
    is_frozen: bool,
    /// It has been told to leave for a new one, and is ended by force then.
    leaving: Option<(Instant, Reply)>,
    successor: Option<Successor>,
}

/// The process that takes over.
struct Successor {
    running: Running,
    deadline: Instant,
    within: Duration,
    reply: Reply,
}

impl Life {
    /// Waits for its readiness, its death, or the word to end it, and carries out orders.
    pub(super) async fn attend(&mut self, running: Running) -> End {
        let (leaving, successor) = (None, None);
        let mut shift = Shift { running, ready_at: None, is_frozen: false, leaving, successor };
        let PlannedProcess { address, certificate, ready_path, .. } = self.planned.clone();
        let asking = || ready::wait(address, certificate.as_deref(), &ready_path);
        let mut readiness = pin!(asking());
        loop {
            let deadline = shift.deadline();
            let step = tokio::select! {
                status = shift.running.child.wait() => Step::Left(status),
                status = wait(shift.successor.as_mut()) => Step::SuccessorLeft(status),
                () = &mut readiness, if shift.ready_at.is_none() => Step::Ready,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    Step::Late
                }
                told = self.told.recv() => Step::Told(told),
            };
            match step {
                Step::Left(status) => {
                    let Some(successor) = shift.successor.take() else {
                        return self.left(shift, status);
                    };
                    // Its successor has the sockets; it counts when it says that it is ready.
                    self.replacing = Some(successor.reply);
                    self.announce(successor.running.child.id());
                    (shift.running, shift.ready_at) = (successor.running, None);
                    shift.is_frozen = false;
                    readiness.set(asking());
                }
                Step::SuccessorLeft(status) => {
                    if let Some(successor) = shift.successor.take() {
                        let how = status.map_or_else(|error| error.to_string(), describe);
                        let _ = successor.reply.send(Err(OrderError::NotTakenOver { how }));
                    }
                }
                Step::Ready => self.ready(&mut shift),
                Step::Late => late(&mut shift).await,
                Step::Told(Some(Order::Do(deed, reply))) => {
                    self.obey(&mut shift, deed, reply).await;
                }
                Step::Told(Some(Order::Stop(kill_at))) => {
                    return stop(shift, self.is_guarded(), kill_at).await;
                }
                // The deployment was dropped without a stop.
                Step::Told(None) => return stop(shift, self.is_guarded(), Instant::now()).await,
            }
        }
    }

    fn left(&mut self, shift: Shift, status: std::io::Result<ExitStatus>) -> End {
        if let Some((_, reply)) = shift.leaving {
            self.replacing = Some(reply);
            self.end_fault(|fault| *fault == Fault::Freeze);
            return End::Replaced;
        }
        let how = status.map_or_else(|error| error.to_string(), describe);
        let service = shift.ready_at.map_or(Duration::ZERO, |at| at.elapsed());
        End::Died { how, service }
    }

    fn ready(&mut self, shift: &mut Shift) {
        shift.ready_at = Some(Instant::now());
        self.change(|row| row.state = State::Running);
        self.tell(EventKind::Ready { after: shift.running.born.elapsed() });
        if let Some(reply) = self.replacing.take() {
            let _ = reply.send(Ok(Timestamp::now()));
        }
    }

    async fn obey(&mut self, shift: &mut Shift, deed: Deed, reply: Reply) {
        if shift.leaving.is_some() || shift.successor.is_some() {
            let _ = reply.send(Err(OrderError::Replacing));
            return;
        }
        let answer = match deed {
            Deed::Kill(fault) => Ok(self.kill(shift, fault)),
            Deed::Freeze(fault) => self.freeze(shift, fault).await,
            Deed::KillPart(part) => self.signal_part(shift, part, Signal::SIGKILL),
            Deed::Thaw(None) => self.thaw(shift),
            Deed::Thaw(Some(part)) => self.thaw_part(shift, part),
            Deed::Revive => Err(OrderError::NotKeptDown),
            Deed::Replace { leave_within } => {
                signal(&shift.running.child, self.is_guarded(), Signal::SIGTERM);
                signal(&shift.running.child, self.is_guarded(), Signal::SIGCONT);
                shift.leaving = Some((Instant::now() + leave_within, reply));
                return;
            }
            Deed::TakeOver { within } => match self.spawn(&["--take-over"]) {
                Ok(running) => {
                    let deadline = Instant::now() + within;
                    shift.successor = Some(Successor { running, deadline, within, reply });
                    return;
                }
                Err(error) => Err(OrderError::NotTakenOver { how: error.to_string() }),
            },
        };
        // Who asked may have hung up; the deed is done all the same.
        let _ = reply.send(answer);
    }

    fn kill(&mut self, shift: &Shift, fault: Option<ActiveFault>) -> Timestamp {
        if let Some(fault) = fault {
            self.keep_down(fault);
        }
        let at = Timestamp::now();
        signal(&shift.running.child, self.is_guarded(), Signal::SIGKILL);
        at
    }

    fn signal_part(
        &self,
        shift: &Shift,
        part: Part,
        signal: Signal,
    ) -> Result<Timestamp, OrderError> {
        let guard = shift.running.child.id().ok_or(OrderError::NotRunning)?;
        let data = self.context.data_folder.cluster_folder().join(&self.planned.name);
        let at = Timestamp::now();
        let is_there = family::signal_part(&data.join("data"), guard, part, signal);
        if is_there { Ok(at) } else { Err(OrderError::NoSuchPart) }
    }

    fn thaw_part(&self, shift: &Shift, part: Part) -> Result<Timestamp, OrderError> {
        let at = self.signal_part(shift, part, Signal::SIGCONT);
        let is_it = |active: &ActiveFault| active.part == Some(part);
        self.change(|row| row.faults.retain(|active| !is_it(active)));
        at
    }

    async fn freeze(
        &mut self,
        shift: &mut Shift,
        fault: ActiveFault,
    ) -> Result<Timestamp, OrderError> {
        if let Some(part) = fault.part {
            let at = self.signal_part(shift, part, Signal::SIGSTOP)?;
            self.change(|row| row.faults.push(fault));
            return Ok(at);
        }
        if shift.is_frozen {
            return Err(OrderError::Frozen);
        }
        let at = Timestamp::now();
        signal(&shift.running.child, self.is_guarded(), Signal::SIGSTOP);
        shift.is_frozen = true;
        if !self.is_guarded() {
            stopped(&shift.running.child).await;
        }
        self.change(|row| row.faults.push(fault));
        Ok(at)
    }

    fn thaw(&mut self, shift: &mut Shift) -> Result<Timestamp, OrderError> {
        if !shift.is_frozen {
            return Err(OrderError::NotFrozen);
        }
        let at = Timestamp::now();
        signal(&shift.running.child, self.is_guarded(), Signal::SIGCONT);
        shift.is_frozen = false;
        self.end_fault(|fault| *fault == Fault::Freeze);
        Ok(at)
    }
}

impl Shift {
    fn deadline(&self) -> Option<Instant> {
        let successor = self.successor.as_ref().map(|successor| successor.deadline);
        self.leaving.as_ref().map(|(kill_at, _)| *kill_at).or(successor)
    }
}

/// Waits for the end of a successor, and for ever when there is none.
async fn wait(successor: Option<&mut Successor>) -> std::io::Result<ExitStatus> {
    match successor {
        Some(successor) => successor.running.child.wait().await,
        None => std::future::pending().await,
    }
}

/// A process that does not leave is killed; a successor that does not take over too: the old one
/// lets go of its sockets only when the new one is ready, and then leaves by its own limit.
async fn late(shift: &mut Shift) {
    if shift.leaving.is_some() {
        // It cannot be refused, and the wait for the child sees its end.
        let _ = shift.running.child.kill().await;
    } else if let Some(mut successor) = shift.successor.take() {
        let _ = successor.running.child.kill().await;
        let within = successor.within;
        let _ = successor.reply.send(Err(OrderError::TakeOverLate { within }));
    }
}

/// Waits until all threads have stopped. A process of which some still run is not thawed by the
/// kernel when we die, and would stop for good behind us.
async fn stopped(child: &Child) {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else {
        return;
    };
    let look = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let all = async {
        while matches!(waitid(Id::Pid(Pid::from_raw(pid)), look), Ok(WaitStatus::StillAlive)) {
            sleep(LOOK_EVERY).await;
        }
    };
    // It is as good as frozen then.
    let _ = timeout(STOPS_WITHIN, all).await;
}

async fn stop(shift: Shift, is_guarded: bool, kill_at: Instant) -> End {
    match shift.successor {
        Some(successor) => {
            tokio::join!(
                end(shift.running.child, is_guarded, kill_at),
                end(successor.running.child, is_guarded, kill_at)
            );
        }
        None => end(shift.running.child, is_guarded, kill_at).await,
    }
    End::Stopped
}
