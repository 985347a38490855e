//! The wires between the processes of a cluster: a relay before each of its sockets.
//!
//! Guarantees: a connection between two regions is delayed in both directions by the distance; one
//! inside a region is not. A place that is cut off reaches nobody outside it and is reached by
//! nobody; inside it the wires work. That holds for open connections too, at once.
//!
//! What somebody outside the deployment connects (a person's `psql`) has no distance.
//!
//! Deliberately not here: who is cut off when (`supervisor`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use super::traffic::{Traffic, Turns};
use super::{Cluster, ClusterError, Durability, caller};
use crate::link::Conditions;
use crate::link::relay::{self, Wire};
use crate::process::Process;

/// Long enough for another connection to end, when descriptors ran out.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The relays, open as long as this value lives.
#[derive(Debug)]
pub struct Network {
    shared: Arc<Shared>,
    _relays: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    distance: Duration,
    durability: Durability,
    /// Where everybody is, and which process it is now.
    rows: Vec<watch::Receiver<Process>>,
    state: Mutex<State>,
    /// Never sent: nothing cuts these links.
    cuts: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// Processes and regions that are cut off.
    islands: BTreeSet<String>,
    /// What is between two processes, made when the first connects to the second.
    pairs: BTreeMap<(Option<String>, String), Between>,
}

#[derive(Debug)]
struct Between {
    conditions: watch::Sender<Conditions>,
    turns: Arc<AtomicU64>,
}

impl Network {
    /// Opens the relays.
    ///
    /// # Errors
    /// [`ClusterError::Link`].
    pub async fn open(
        cluster: &Cluster,
        rows: Vec<watch::Receiver<Process>>,
    ) -> Result<Self, ClusterError> {
        let shared = Arc::new(Shared {
            distance: cluster.options.distance,
            durability: cluster.options.durability,
            rows,
            state: Mutex::default(),
            cuts: watch::Sender::new(0),
        });
        let mut relays = JoinSet::new();
        let shared_by_all = cluster.endpoints().map(|(to, it)| (it.link, it.listen, to, None));
        let ways = cluster.ways.iter();
        let of_servers = ways.map(|way| (way.link, way.target, &*way.node, Some(&*way.server)));
        for (address, target, to, from) in shared_by_all.chain(of_servers) {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|source| ClusterError::Link { address, source })?;
            let way = Way { from: from.map(str::to_owned), to: to.to_owned(), target };
            relays.spawn(accept(listener, way, shared.clone()));
        }
        Ok(Self { shared, _relays: relays })
    }

    /// Cuts a process or a region off from everybody else, or connects it again.
    pub fn cut_off(&self, place: &str, is_cut_off: bool) {
        let mut state = self.shared.lock();
        if is_cut_off {
            state.islands.insert(place.to_owned());
        } else {
            state.islands.remove(place);
        }
        let State { islands, pairs } = &*state;
        for ((from, to), between) in pairs {
            between.conditions.send_replace(self.shared.conditions(islands, from.as_deref(), to));
        }
    }

    /// How far it is, and what was asked so far.
    pub(crate) fn traffic(&self) -> Traffic {
        let state = self.shared.lock();
        let turns = state.pairs.iter().map(|((from, to), between)| Turns {
            from: from.clone(),
            to: to.clone(),
            count: between.turns.load(Ordering::Relaxed),
        });
        let link_ms = u64::try_from(self.shared.distance.as_millis()).unwrap_or(u64::MAX);
        Traffic { link_ms, durability: self.shared.durability, turns: turns.collect() }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Whoever panicked left whole sets behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn conditions(&self, islands: &BTreeSet<String>, from: Option<&str>, to: &str) -> Conditions {
        let region = |name: &str| {
            let row = self.rows.iter().find(|row| row.borrow().name == name)?;
            row.borrow().region.clone()
        };
        let there = region(to);
        // A stranger stands beside whom it calls.
        let here = from.map_or_else(|| there.clone(), region);
        let island = |name: Option<&str>, region: Option<String>| {
            let own = name.filter(|name| islands.contains(*name)).map(str::to_owned);
            own.or_else(|| region.filter(|region| islands.contains(region)))
        };
        let is_held = island(from, here.clone().filter(|_| from.is_some()))
            != island(Some(to), there.clone());
        let delay = if here == there { Duration::ZERO } else { self.distance };
        Conditions { delay_to_target: delay, delay_from_target: delay, is_held }
    }

    /// The way between two processes, under the conditions as they are and as they will be.
    fn wire(&self, from: Option<String>, to: &str, target: SocketAddr) -> Wire {
        let mut state = self.lock();
        let now = self.conditions(&state.islands, from.as_deref(), to);
        let fresh = || Between { conditions: watch::Sender::new(now), turns: Arc::default() };
        let between = state.pairs.entry((from, to.to_owned())).or_insert_with(fresh);
        let (conditions, turns) = (between.conditions.subscribe(), between.turns.clone());
        Wire { target, conditions, cuts: self.cuts.subscribe(), turns }
    }

    fn roots(&self) -> Vec<(String, u32)> {
        let rows = self.rows.iter().map(|row| row.borrow());
        rows.filter_map(|row| Some((row.name.clone(), row.pid?))).collect()
    }
}

/// Where a relay leads, and who comes; whoever it is when nobody is named.
#[derive(Debug, Clone)]
struct Way {
    from: Option<String>,
    to: String,
    target: SocketAddr,
}

async fn accept(listener: TcpListener, way: Way, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, from)) => {
                    connections.spawn(carry(client, from, way.clone(), shared.clone()));
                }
                Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(client: TcpStream, from: SocketAddr, way: Way, shared: Arc<Shared>) {
    let Way { from: named, to, target } = way;
    let caller = match named {
        Some(name) => Some(name),
        None => {
            let Ok(at) = client.local_addr() else { return };
            let roots = shared.roots();
            let found = spawn_blocking(move || caller::find(from, at, &roots)).await;
            found.unwrap_or_default()
        }
    };
    let wire = shared.wire(caller, &to, target);
    relay::relay(client, Arc::new(wire)).await;
}
