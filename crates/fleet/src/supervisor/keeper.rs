//! One process and the task that keeps it: starts it, waits for it, starts it again, ends it, and
//! does to it what faults and rolling replacement ask for.
//!
//! Guarantees: the child is signalled and waited for in this task only, so a signal never meets a
//! process id that has been given to somebody else; the child's standard input stays open exactly
//! as long as the supervisor lives; the child is in a process group of its own, so Ctrl-C in the
//! terminal reaches the supervisor alone. The group is in the supervisor's session, so when the
//! supervisor dies it is orphaned, and the kernel sends SIGHUP and SIGCONT to what is frozen in it
//! (POSIX, `_exit`, "Consequences of Process Termination"): nobody stays frozen behind it.
//!
//! A freeze is over when its process dies; "kept down" outlives the process by its nature.
//!
//! Deliberately not here: the order between processes (`supervisor`), the pace (`backoff`).

mod attend;
mod order;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

pub(crate) use order::OrderError;
pub(super) use order::{Deed, Orders};

use super::backoff::{Backoff, CRASH_LOOP_DEATHS};
use super::{Event, EventKind, log_tail};
use crate::cluster::family;
use crate::data_folder::DataFolder;
use crate::fault::{ActiveFault, Fault};
use crate::plan::PlannedProcess;
use crate::process::{Process, Role, State};
use attend::End;
use order::{Order, Reply};

/// A guard leaves as soon as it has seen that everybody behind it is gone.
const GUARD_LEAVES_WITHIN: Duration = Duration::from_millis(300);

/// Orders that may wait; who sends them waits for the answer.
const ORDERS_MAX: usize = 16;

/// Niceness of the front door: whoever asks the bank comes before it, as if from a machine of its
/// own.
const FRONT_DOOR_NICENESS: i32 = 4;
/// Niceness of regional balancers: half of the front door's weight, where a core is fought for.
const BALANCER_NICENESS: i32 = 7;
/// Niceness of servers: a tenth of a balancer's weight.
const SERVER_NICENESS: i32 = 17;

/// What all keepers of a deployment share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) executable: PathBuf,
    pub(super) data_folder: DataFolder,
    pub(super) events: mpsc::Sender<Event>,
    /// Told at each change of a row.
    pub(super) changed: Notify,
}

/// The handle of the task.
#[derive(Debug)]
pub(super) struct Keeper {
    orders: Orders,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start(
        planned: PlannedProcess,
        row: watch::Sender<Process>,
        context: Arc<Context>,
    ) -> Self {
        let (orders, told) = mpsc::channel(ORDERS_MAX);
        let backoff = Backoff::default();
        let life =
            Life { planned, row, context, told, backoff, is_kept_down: false, replacing: None };
        Self { orders: Orders(orders), task: tokio::spawn(life.live()) }
    }

    /// Where to ask for more than the end.
    pub(super) fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Ends the process: politely, and by force at the given time. Returns when it is gone.
    pub(super) async fn stop(self, kill_at: Instant) {
        // When the task is gone already, so is its process.
        let _ = self.orders.0.send(Order::Stop(kill_at)).await;
        let _ = self.task.await;
    }
}

struct Life {
    planned: PlannedProcess,
    row: watch::Sender<Process>,
    context: Arc<Context>,
    told: mpsc::Receiver<Order>,
    backoff: Backoff,
    is_kept_down: bool,
    /// Who waits for the new process of a replacement.
    replacing: Option<Reply>,
}

/// A child and what keeps it alive.
struct Running {
    child: Child,
    /// Closing it tells the child that its supervisor is gone. Held here because
    /// [`Child::wait`] closes what it finds in the child.
    _lifeline: Option<ChildStdin>,
    born: Instant,
}

/// How the time between two processes ends.
enum Rest {
    Start,
    Stop,
}

impl Life {
    async fn live(mut self) {
        loop {
            let born = Instant::now();
            let end = match self.spawn(&[]) {
                Ok(running) => {
                    self.announce(running.child.id());
                    self.attend(running).await
                }
                Err(error) => {
                    let how = format!("it could not be started: {error}");
                    End::Died { how, service: Duration::ZERO }
                }
            };
            let wake = match end {
                End::Stopped => break,
                End::Replaced => Instant::now(),
                End::Died { how, service } => {
                    self.fail_replacement(&how);
                    Instant::now() + self.bury(how, born.elapsed(), service)
                }
            };
            if let Rest::Stop = self.rest(wake).await {
                break;
            }
        }
        self.change(|row| (row.pid, row.state) = (None, State::Stopped));
        self.tell(EventKind::Stopped);
    }

    fn spawn(&self, more: &[&str]) -> io::Result<Running> {
        let log = self.context.data_folder.log_file(&self.planned.name);
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut note = log.try_clone()?;
        let mut child = Command::new(&self.context.executable)
            .args(&self.planned.arguments)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .inspect_err(|error| {
                let program = self.context.executable.display();
                // The log is where people are sent; it cannot say it itself.
                let _ = writeln!(note, "could not start {program}: {error}");
            })?;
        match self.planned.role {
            Role::Server => give_way(&child, SERVER_NICENESS),
            Role::Balancer => give_way(&child, BALANCER_NICENESS),
            Role::FrontDoor => give_way(&child, FRONT_DOOR_NICENESS),
            Role::Etcd | Role::Database => {}
        }
        let lifeline = child.stdin.take();
        Ok(Running { child, _lifeline: lifeline, born: Instant::now() })
    }

    fn announce(&self, pid: Option<u32>) {
        let is_first = self.row.borrow().started_at.is_none();
        let is_replacement = self.replacing.is_some();
        self.change(|row| {
            row.pid = pid;
            row.started_at = Some(format!("{:.3}", jiff::Timestamp::now()));
            if !is_first && !is_replacement {
                row.restarts = row.restarts.saturating_add(1);
            }
            // A process in a crash loop is called so until it is ready.
            if row.state != State::CrashLooping {
                row.state = State::Starting;
            }
        });
        let pid = pid.unwrap_or_default();
        let restarts = self.row.borrow().restarts;
        self.tell(match (is_first, is_replacement) {
            (true, _) => EventKind::Started { pid },
            (false, true) => EventKind::Replaced { pid },
            (false, false) => EventKind::Restarted { pid, restarts },
        });
    }

    /// The time without a process: until `wake`, or until it is revived.
    async fn rest(&mut self, wake: Instant) -> Rest {
        loop {
            let order = tokio::select! {
                () = sleep_until(wake), if !self.is_kept_down => return Rest::Start,
                order = self.told.recv() => order,
            };
            let Some(Order::Do(deed, reply)) = order else { return Rest::Stop };
            let answer = match deed {
                Deed::Kill(Some(_)) if self.is_kept_down => Err(OrderError::KeptDown),
                Deed::Kill(Some(fault)) => {
                    self.keep_down(fault);
                    Ok(jiff::Timestamp::now())
                }
                Deed::Revive if self.is_kept_down => {
                    self.revive();
                    Ok(jiff::Timestamp::now())
                }
                _ => Err(OrderError::NotRunning),
            };
            // Who asked may have hung up; the deed is done all the same.
            let _ = reply.send(answer);
            if self.is_kept_down {
                self.change(|row| row.state = State::Down);
            }
        }
    }

    fn keep_down(&mut self, fault: ActiveFault) {
        self.is_kept_down = true;
        self.change(|row| row.faults.push(fault));
    }

    fn revive(&mut self) {
        self.is_kept_down = false;
        self.end_fault(|fault| matches!(fault, Fault::Kill { .. }));
        self.change(|row| row.state = State::Restarting);
    }

    fn end_fault(&self, is_over: impl Fn(&Fault) -> bool) {
        self.change(|row| row.faults.retain(|active| !is_over(&active.fault)));
    }

    fn bury(&mut self, how: String, life: Duration, service: Duration) -> Duration {
        let step = self.backoff.died(life, service);
        let state = match (self.is_kept_down, step.is_crash_loop) {
            (true, _) => State::Down,
            (false, true) => State::CrashLooping,
            (false, false) => State::Restarting,
        };
        self.change(|row| (row.pid, row.state) = (None, state));
        self.end_fault(|fault| *fault == Fault::Freeze);
        let restart_in = (!self.is_kept_down).then_some(step.delay);
        self.tell(EventKind::Died { how, restart_in });
        if step.deaths == CRASH_LOOP_DEATHS {
            let log = self.context.data_folder.log_file(&self.planned.name);
            let log_tail = log_tail::read(&log);
            self.tell(EventKind::CrashLooping { deaths: step.deaths, log_tail });
        }
        step.delay
    }

    fn is_guarded(&self) -> bool {
        self.planned.role.is_of_cluster()
    }

    fn fail_replacement(&mut self, how: &str) {
        if let Some(reply) = self.replacing.take() {
            let _ = reply.send(Err(OrderError::NewDied { how: how.to_owned() }));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Process)) {
        self.row.send_modify(change);
        self.context.changed.notify_one();
    }

    fn tell(&self, kind: EventKind) {
        // A reader that is behind or gone misses it; the row has the state.
        let _ = self.context.events.try_send(Event { name: self.planned.name.clone(), kind });
    }
}

/// SIGTERM, and SIGCONT for one that is frozen, else the first would wait for the thaw.
async fn end(mut child: Child, is_guarded: bool, kill_at: Instant) {
    signal(&child, is_guarded, Signal::SIGTERM);
    signal(&child, is_guarded, Signal::SIGCONT);
    if timeout_at(kill_at, child.wait()).await.is_err() {
        // SIGKILL acts on frozen processes too, and cannot be refused.
        signal(&child, is_guarded, Signal::SIGKILL);
        if timeout(GUARD_LEAVES_WITHIN, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

/// Servers come after balancers on cores that all of them share, and those after the front door:
/// elsewhere each has cores of its own, and refuses in time what those behind it cannot take.
/// Threads inherit it, and the child has none yet but its first.
fn give_way(child: &Child, niceness: i32) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        // Without it an overload is refused more slowly, nothing else.
        let _ = rustix::process::setpriority_process(Some(pid), niceness);
    }
}

/// What stops and ends acts on the program behind a guard, and the guard sees its end.
fn signal(child: &Child, is_guarded: bool, signal: Signal) {
    if is_guarded
        && matches!(signal, Signal::SIGKILL | Signal::SIGSTOP | Signal::SIGCONT)
        && let Some(guard) = child.id()
    {
        family::signal_descendants(guard, signal);
        return;
    }
    // The id is there exactly until the child has been waited for.
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid {
        // It may have died a moment ago; then the wait that follows returns at once.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

fn describe(status: ExitStatus) -> String {
    let name = status.signal().map(|number| {
        Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |it| it.to_string())
    });
    match (name, status.code()) {
        (Some(name), _) => format!("killed by {name}"),
        (None, Some(code)) => format!("exit status {code}"),
        (None, None) => status.to_string(),
    }
}
