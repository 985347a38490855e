//! A deployment of fake children in a folder and on ports of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::data_folder::DataFolder;
use fleet::plan::{Plan, PlanOptions, PlannedProcess, Ports};
use fleet::process::Process;
use fleet::supervisor::ports::Held;
use fleet::supervisor::{Claim, Deployment, EVENTS_MAX, Event, EventKind};
use fleet::topology::Topology;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// The built-in topology as tests name its parts; the roles of that one may be swapped one day.
pub(crate) const TOPOLOGY: &str = include_str!("../../../../infra/tests/topology.json");

/// No condition of these tests takes longer on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A plan, and the folder it lives in.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) plan: Plan,
    pub(crate) ports: Vec<u16>,
    _held: Held,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::at(folder, &data)
    }

    pub(crate) fn at(folder: TempDir, data: &Path) -> Self {
        let topology = Topology::parse(TOPOLOGY, "fixed").unwrap();
        let held = Held::draw(topology.local_process_count()).unwrap();
        let ports = held.ports().to_vec();
        let options = PlanOptions {
            data_folder: DataFolder::at(data).unwrap(),
            database: "sqlite:none".to_owned(),
            database_readers: BTreeMap::new(),
            executable: fake_child(),
            ports: Ports::These(ports.clone()),
            tls: None,
        };
        let plan = Plan::try_new(&topology, &options).unwrap();
        Self { folder, plan, ports, _held: held }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.plan.data_folder.root().to_owned()
    }

    pub(crate) fn process_mut(&mut self, name: &str) -> &mut PlannedProcess {
        self.plan.processes.iter_mut().find(|process| process.name == name).unwrap()
    }

    /// Adds arguments to one process of the plan.
    pub(crate) fn with(mut self, name: &str, arguments: &[&str]) -> Self {
        let more = arguments.iter().map(|&argument| argument.to_owned());
        self.process_mut(name).arguments.extend(more);
        self
    }

    pub(crate) async fn start(&self) -> (Deployment, Events) {
        let claim = Claim::take(&self.plan).await.unwrap();
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        let deployment = Deployment::start(claim, self.plan.clone(), sender).await.unwrap();
        (deployment, Events(receiver))
    }
}

/// The events of a deployment.
pub(crate) struct Events(pub(crate) mpsc::Receiver<Event>);

impl Events {
    /// The next event of this process that fits.
    pub(crate) async fn of<T>(&mut self, name: &str, pick: impl Fn(EventKind) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.0.recv().await.expect("the deployment is gone");
                if event.name == name
                    && let Some(picked) = pick(event.kind)
                {
                    return picked;
                }
            }
        };
        timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("no such event of {name}"))
    }
}

/// Awaits a condition that nothing announces.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

pub(crate) fn row(processes: &[Process], name: &str) -> Process {
    processes.iter().find(|process| process.name == name).unwrap().clone()
}

pub(crate) fn pids(processes: &[Process]) -> Vec<u32> {
    processes.iter().filter_map(|process| process.pid).collect()
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

/// Gone, or dead and only not collected by its new parent yet.
pub(crate) fn is_gone(pid: u32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

/// The letter of proc(5), `/proc/PID/stat`.
pub(crate) fn state(pid: u32) -> Option<char> {
    stat(pid)?.chars().next()
}

/// 0 is that of most processes; who has more comes later.
pub(crate) fn niceness(pid: u32) -> i32 {
    // The 19th field of proc(5).
    stat(pid).unwrap().split(' ').nth(19 - FIELD_OF_STATE).unwrap().parse().unwrap()
}

const FIELD_OF_STATE: usize = 3;

/// What the kernel says of a process, from its state on.
fn stat(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.to_owned())
}

pub(crate) fn fake_child() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/fake_child");
    let build = "cargo build --release -p fleet --examples";
    assert!(path.exists(), "{} is missing; build it with `{build}`", path.display());
    path
}
