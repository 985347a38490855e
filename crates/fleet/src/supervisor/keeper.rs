//! One process and the task that keeps it: starts it, waits for it, starts it again, ends it.
//!
//! Guarantees: the child is signalled and waited for in this task only, so a signal never meets a
//! process id that has been given to somebody else; the child's standard input stays open exactly
//! as long as the supervisor lives; the child is in a process group of its own, so Ctrl-C in the
//! terminal reaches the supervisor alone.
//!
//! Deliberately not here: the order between processes (`supervisor`), the pace (`backoff`).

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::backoff::{Backoff, CRASH_LOOP_DEATHS};
use super::{Event, EventKind, log_tail, ready};
use crate::data_folder::DataFolder;
use crate::plan::PlannedProcess;
use crate::process::{Process, State};

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
    stop: oneshot::Sender<Instant>,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start(
        planned: PlannedProcess,
        row: watch::Sender<Process>,
        context: Arc<Context>,
    ) -> Self {
        let (stop, told) = oneshot::channel();
        let life = Life { planned, row, context, told, backoff: Backoff::default() };
        Self { stop, task: tokio::spawn(life.live()) }
    }

    /// Ends the process: politely, and by force at the given time. Returns when it is gone.
    pub(super) async fn stop(self, kill_at: Instant) {
        // When the task is gone already, so is its process.
        let _ = self.stop.send(kill_at);
        let _ = self.task.await;
    }
}

struct Life {
    planned: PlannedProcess,
    row: watch::Sender<Process>,
    context: Arc<Context>,
    told: oneshot::Receiver<Instant>,
    backoff: Backoff,
}

/// A child and what keeps it alive.
struct Running {
    child: Child,
    /// Closing it tells the child that its supervisor is gone. Held here because
    /// [`Child::wait`] closes what it finds in the child.
    _lifeline: Option<ChildStdin>,
    born: Instant,
}

enum End {
    /// It was told to leave.
    Stopped,
    /// It left by itself, after having been ready for this long.
    Died { how: String, service: Duration },
}

impl Life {
    async fn live(mut self) {
        loop {
            let born = Instant::now();
            let end = match self.spawn() {
                Ok(running) => self.attend(running).await,
                Err(error) => {
                    let how = format!("it could not be started: {error}");
                    End::Died { how, service: Duration::ZERO }
                }
            };
            let End::Died { how, service } = end else { break };
            let delay = self.bury(how, born.elapsed(), service);
            tokio::select! {
                () = sleep(delay) => {}
                _ = &mut self.told => break,
            }
        }
        self.change(|row| (row.pid, row.state) = (None, State::Stopped));
        self.tell(EventKind::Stopped);
    }

    fn spawn(&self) -> io::Result<Running> {
        let log = self.context.data_folder.log_file(&self.planned.name);
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut note = log.try_clone()?;
        let mut child = Command::new(&self.context.executable)
            .args(&self.planned.arguments)
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
        let lifeline = child.stdin.take();
        self.announce(child.id());
        Ok(Running { child, _lifeline: lifeline, born: Instant::now() })
    }

    fn announce(&self, pid: Option<u32>) {
        let is_first = self.row.borrow().started_at.is_none();
        self.change(|row| {
            row.pid = pid;
            row.started_at = Some(format!("{:.3}", jiff::Timestamp::now()));
            if !is_first {
                row.restarts = row.restarts.saturating_add(1);
            }
            // A process in a crash loop is called so until it is ready.
            if row.state != State::CrashLooping {
                row.state = State::Starting;
            }
        });
        let pid = pid.unwrap_or_default();
        let restarts = self.row.borrow().restarts;
        self.tell(match is_first {
            true => EventKind::Started { pid },
            false => EventKind::Restarted { pid, restarts },
        });
    }

    /// Waits for its readiness, its death, or the word to end it.
    async fn attend(&mut self, mut running: Running) -> End {
        let mut ready_at = None;
        let ready_path = self.planned.ready_path.clone();
        let mut readiness = pin!(ready::wait(self.planned.address, &ready_path));
        loop {
            tokio::select! {
                status = running.child.wait() => {
                    let how = status.map_or_else(|error| error.to_string(), describe);
                    let service = ready_at.map_or(Duration::ZERO, |at: Instant| at.elapsed());
                    return End::Died { how, service };
                }
                () = &mut readiness, if ready_at.is_none() => {
                    ready_at = Some(Instant::now());
                    self.change(|row| row.state = State::Running);
                    self.tell(EventKind::Ready { after: running.born.elapsed() });
                }
                told = &mut self.told => {
                    // An error means that the deployment was dropped without a stop.
                    end(running.child, told.unwrap_or_else(|_| Instant::now())).await;
                    return End::Stopped;
                }
            }
        }
    }

    fn bury(&mut self, how: String, life: Duration, service: Duration) -> Duration {
        let step = self.backoff.died(life, service);
        let state = if step.is_crash_loop { State::CrashLooping } else { State::Restarting };
        self.change(|row| (row.pid, row.state) = (None, state));
        self.tell(EventKind::Died { how, restart_in: step.delay });
        if step.deaths == CRASH_LOOP_DEATHS {
            let log = self.context.data_folder.log_file(&self.planned.name);
            let log_tail = log_tail::read(&log);
            self.tell(EventKind::CrashLooping { deaths: step.deaths, log_tail });
        }
        step.delay
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
async fn end(mut child: Child, kill_at: Instant) {
    signal(&child, Signal::SIGTERM);
    signal(&child, Signal::SIGCONT);
    if timeout_at(kill_at, child.wait()).await.is_err() {
        // SIGKILL acts on frozen processes too, and cannot be refused.
        let _ = child.kill().await;
    }
}

fn signal(child: &Child, signal: Signal) {
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
