//! The deployment as processes: starts what a plan says, restarts what dies, stops everything.
//!
//! Guarantees
//! - One supervisor a data folder (`deployment.lock`); ports are known to be free before the first
//!   process is started.
//! - Each process has one keeper, the only one that holds and signals it: a process id is never
//!   signalled after its process was waited for, so never that of a stranger.
//! - Every child reads the end of its standard input when the supervisor dies, however it dies.
//! - A stop ends within the plan's limit: front door, balancers, servers; whoever is not gone in
//!   time is killed. Then the control socket and `deployment.json` are gone and the lock is free.
//!
//! Deliberately not here: what to start (`plan`), printing.

mod backoff;
mod claim;
mod database;
mod error;
mod event;
mod keeper;
mod log_tail;
pub(crate) mod operations;
pub mod ports;
mod ready;
mod recorder;
pub(crate) mod roll;
mod steering;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

pub use claim::{Claim, ClaimError};
pub use error::StartError;
pub use event::{Event, EventKind};

use crate::control::{server, socket};
use crate::data_folder::DataFolder;
use crate::plan::{Plan, PlannedProcess, START_ORDER};
use crate::process::{Process, Role, State};
use database::Wires;
use keeper::{Context, Keeper};
use operations::{Member, Operations};
use recorder::Recorder;
use steering::{Helm, Steering};

/// How many events may wait for a reader. They are for people: more than this at once would
/// scroll away, and `ps` has the state.
pub const EVENTS_MAX: usize = 256;

/// What is kept for the later groups of a stop when an earlier one uses up its time.
const STOP_RESERVE: Duration = Duration::from_millis(500);

/// A deployment whose processes live as long as this value and its runtime.
#[derive(Debug)]
pub struct Deployment {
    plan: Plan,
    claim: Claim,
    places: Vec<Place>,
    control: server::Server,
    board: server::Board,
    context: Arc<Context>,
    recorder: Option<JoinHandle<()>>,
    wires: Option<Wires>,
}

/// One process of the plan, before and after it is started.
#[derive(Debug)]
struct Place {
    role: Role,
    /// The processes behind it.
    upstreams: Vec<String>,
    row: watch::Receiver<Process>,
    /// For the faults that the keeper does not know of.
    notes: watch::Sender<Process>,
    waiting: Option<(PlannedProcess, watch::Sender<Process>)>,
    keeper: Option<Keeper>,
}

impl Deployment {
    /// Writes the configurations and opens the control socket; starts nothing yet.
    ///
    /// Call [`Deployment::database_ready`] and [`Deployment::ready`] next, and
    /// [`Deployment::stop`] whatever comes of it.
    ///
    /// # Errors
    /// [`StartError`]; the claim is given back then.
    pub fn prepare(
        claim: Claim,
        plan: Plan,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, StartError> {
        for process in &plan.processes {
            write_config(&plan.data_folder, process)?;
        }
        // What a killed supervisor left behind must not be read as ours.
        remove(&plan.data_folder.deployment_file())?;
        let listener = socket::listen(&plan.data_folder).map_err(|source| {
            StartError::NoControl { path: plan.data_folder.control_socket(), source }
        })?;
        let context = Arc::new(Context {
            executable: plan.executable.clone(),
            data_folder: plan.data_folder.clone(),
            events,
            changed: Notify::new(),
        });
        let places: Vec<Place> = plan.processes.iter().cloned().map(Place::new).collect();
        let rows = places.iter().map(|place| place.row.clone()).collect();
        let board = server::Board {
            url: plan.url.clone(),
            rows,
            down: Arc::new(Notify::new()),
            operations: Arc::default(),
        };
        let control = server::Server::start(listener, board.clone());
        Ok(Self { plan, claim, places, control, board, context, recorder: None, wires: None })
    }

    /// Prepares, starts, and waits until everything is ready. What was started is stopped again
    /// when that fails.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        claim: Claim,
        plan: Plan,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, StartError> {
        let mut deployment = Self::prepare(claim, plan, events)?;
        let ready = async {
            deployment.database_ready().await?;
            deployment.ready().await
        };
        match ready.await {
            Ok(()) => Ok(deployment),
            Err(error) => {
                deployment.stop().await;
                Err(error)
            }
        }
    }

    /// Starts the database's cluster, if there is one, and waits until it can be used: its database
    /// and roles are there, tables need not be. May be dropped halfway; then [`Deployment::stop`].
    ///
    /// # Errors
    /// [`StartError`], as soon as one process leaves, or when the plan's time is up.
    pub async fn database_ready(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + self.plan.ready_within;
        self.prepare_cluster().await?;
        for role in START_ORDER.into_iter().filter(|role| role.is_of_cluster()) {
            if role == Role::Database {
                self.found_database(deadline).await?;
            }
            self.start_group(role, deadline).await?;
        }
        self.provision(deadline).await
    }

    /// Starts servers, balancers and front door, each group when the one before is ready, and
    /// writes `deployment.json`. Call it after [`Deployment::database_ready`]. May be dropped
    /// halfway; then [`Deployment::stop`].
    ///
    /// # Errors
    /// [`StartError`], as soon as one process leaves, or when the plan's time is up.
    pub async fn ready(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + self.plan.ready_within;
        for role in START_ORDER.into_iter().filter(|role| !role.is_of_cluster()) {
            self.start_group(role, deadline).await?;
        }
        let record = Recorder {
            folder: self.plan.data_folder.clone(),
            database: self.plan.database.clone(),
            board: self.board.clone(),
        };
        record.write().map_err(|source| StartError::Unwritable {
            path: self.plan.data_folder.deployment_file(),
            source,
        })?;
        self.recorder = Some(tokio::spawn(record.keep(self.context.clone())));
        let members = self.places.iter().filter_map(Place::member).collect();
        let steering = Steering::start(self.helms());
        let operations = Operations::new(
            members,
            steering,
            self.context.clone(),
            self.plan.rollout.clone(),
            self.wires.as_ref().map(Wires::operated),
        );
        // It is set here only, and this is called once.
        let _ = self.board.operations.set(Arc::new(operations));
        Ok(())
    }

    /// Every process as it is now, in start order.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        self.board.processes()
    }

    /// The one address to open.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.plan.url
    }

    /// Returns when `ballast down` asks for the end. [`Deployment::stop`] answers it.
    pub async fn down_requested(&self) {
        self.board.down.notified().await;
    }

    /// Stops everything, within the plan's limit.
    pub async fn stop(mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.abort();
            // Its end is what matters: from here on nobody writes `deployment.json`.
            let _ = recorder.await;
        }
        let end = Instant::now() + self.plan.stop_within;
        // The last group takes what is left.
        let mut groups_left: u32 = if self.plan.cluster.is_some() { 4 } else { 2 };
        // Nobody may take a stopping node for a silent one.
        if let Some(wires) = &mut self.wires {
            wires.watching.abort_all();
        }
        let has_cluster = self.plan.cluster.is_some();
        let roles = START_ORDER.into_iter().rev();
        for role in roles.filter(|role| has_cluster || !role.is_of_cluster()) {
            let kill_at = end - STOP_RESERVE * groups_left;
            self.stop_group(role, kill_at).await;
            groups_left = groups_left.saturating_sub(1);
        }
        self.control.close();
        let folder = &self.plan.data_folder;
        // A file that cannot be removed is stale, and the next `up` replaces it.
        let _ = fs::remove_file(folder.deployment_file());
        let _ = socket::remove(folder);
        drop(self.claim);
        self.control.announce_stopped().await;
    }

    /// The processes that have others behind them.
    fn helms(&self) -> Vec<Helm> {
        let address = |name: &String| {
            let process = self.plan.processes.iter().find(|process| process.name == *name);
            process.map(|process| (name.clone(), process.address))
        };
        let balancers = self.places.iter().filter(|place| !place.upstreams.is_empty());
        let helm = |place: &Place| Helm {
            control_socket: self.plan.data_folder.balancer_socket(&place.row.borrow().name),
            row: place.row.clone(),
            behind: place.upstreams.iter().filter_map(address).collect(),
            wanted: Default::default(),
            told: Default::default(),
            unheard: Notify::new(),
        };
        balancers.map(helm).collect()
    }

    async fn start_group(&mut self, role: Role, deadline: Instant) -> Result<(), StartError> {
        for place in self.places.iter_mut().filter(|place| place.role == role) {
            place.launch(&self.context);
        }
        self.group_ready(role, deadline).await
    }

    async fn group_ready(&self, role: Role, deadline: Instant) -> Result<(), StartError> {
        let mut waiting = JoinSet::new();
        for place in self.places.iter().filter(|place| place.role == role) {
            waiting.spawn(settled(place.row.clone(), deadline));
        }
        while let Some(joined) = waiting.join_next().await {
            // A task that only waits does not panic; if it did, its process would not be ready.
            let Ok((process, in_time)) = joined else { continue };
            self.judge(process, in_time)?;
        }
        Ok(())
    }

    fn judge(&self, process: Process, in_time: bool) -> Result<(), StartError> {
        let Process { name, state, .. } = process;
        if state == State::Running {
            return Ok(());
        }
        let log = self.plan.data_folder.log_file(&name);
        let log_tail = log_tail::read(&log);
        if in_time {
            return Err(StartError::Died { name, log, log_tail });
        }
        let within = self.plan.ready_within;
        Err(StartError::NotReady { name, within, log, log_tail })
    }

    async fn stop_group(&mut self, role: Role, kill_at: Instant) {
        let mut leaving = JoinSet::new();
        for place in self.places.iter_mut().filter(|place| place.role == role) {
            if let Some(keeper) = place.keeper.take() {
                leaving.spawn(keeper.stop(kill_at));
            }
        }
        leaving.join_all().await;
    }
}

impl Place {
    fn new(planned: PlannedProcess) -> Self {
        let process = Process {
            region: planned.region.clone(),
            zone: planned.zone.clone(),
            certificate: planned.certificate.clone(),
            ..Process::new(planned.name.clone(), planned.role, planned.address)
        };
        let (sender, row) = watch::channel(process);
        let notes = sender.clone();
        Self {
            role: planned.role,
            upstreams: planned.upstreams.clone(),
            row,
            notes,
            waiting: Some((planned, sender)),
            keeper: None,
        }
    }

    fn member(&self) -> Option<Member> {
        let orders = self.keeper.as_ref()?.orders();
        Some(Member { row: self.notes.clone(), orders })
    }

    fn launch(&mut self, context: &Arc<Context>) {
        if let Some((planned, row)) = self.waiting.take() {
            self.keeper = Some(Keeper::start(planned, row, context.clone()));
        }
    }
}

/// Waits until a process is ready or has died once; says whether that was in time.
async fn settled(mut row: watch::Receiver<Process>, deadline: Instant) -> (Process, bool) {
    // A quick restart may hide the state between; the count does not.
    let is_settled = |row: &Process| row.state != State::Starting || row.restarts > 0;
    let in_time = timeout_at(deadline, row.wait_for(is_settled)).await.is_ok();
    let process = row.borrow().clone();
    (process, in_time)
}

fn write_config(folder: &DataFolder, process: &PlannedProcess) -> Result<(), StartError> {
    let path = folder.config_file(&process.name);
    let text = format!("{:#}\n", process.config);
    fs::write(&path, text).map_err(|source| StartError::Unwritable { path, source })
}

fn remove(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StartError::Unwritable { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
