//! What the data path, the checks and the own endpoints share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crate::access_log::AccessLog;
use crate::client::{Connections, RequestRate};
use crate::config::{Config, Limits, Role};
use crate::error::Error;
use crate::history::History;
use crate::policy::{Moment, Policy, ServerSettings, Settings};
use crate::proxy::Queue;
use crate::stats::Stats;
use crate::status::Cache;
use crate::tls::Tls;
use crate::upstream::Upstream;

/// The state of one process.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) stats: Stats,
    pub(crate) access_log: Option<AccessLog>,
    /// `None` speaks plain HTTP to clients.
    pub(crate) tls: Option<Tls>,
    pub(crate) draining: AtomicBool,
    /// Bytes of bodies that are kept for a repeat.
    pub(crate) replay_bytes: AtomicU64,
    /// Requests that wait for a server with a free slot.
    pub(crate) queue: Queue,
    /// What the balancers behind this front door last said of themselves.
    pub(crate) cache: Cache,
    pub(crate) started_at: SystemTime,
    /// The connections of clients.
    pub(crate) connections: Arc<Connections>,
    /// The rate of requests of each client.
    pub(crate) request_rate: RequestRate,
    policy: Mutex<Policy>,
    history: Mutex<History>,
    started: Instant,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let access_log = match config.access_log.as_deref() {
            None => None,
            Some(path) => Some(
                AccessLog::open(path)
                    .map_err(|source| Error::AccessLog { path: path.to_owned(), source })?,
            ),
        };
        let policy =
            Policy::new(Settings::from_config(&config), &ServerSettings::from_config(&config));
        Ok(Self {
            upstreams: config
                .upstreams
                .iter()
                .map(|up| Upstream::new(up, &config.limits, config.upstreams.len()))
                .collect(),
            stats: Stats::new(),
            access_log,
            tls: config.tls.as_ref().map(Tls::open).transpose()?,
            draining: AtomicBool::new(false),
            replay_bytes: AtomicU64::new(0),
            queue: Queue::default(),
            cache: Cache::default(),
            started_at: SystemTime::now(),
            connections: Arc::new(Connections::new(&config)),
            request_rate: RequestRate::new(&config),
            policy: Mutex::new(policy),
            history: Mutex::new(History::new()),
            started: Instant::now(),
            config,
        })
    }

    /// The policy. The lock is held for some tens of nanoseconds and never across an await.
    pub(crate) fn policy(&self) -> MutexGuard<'_, Policy> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the process began.
    pub(crate) fn now(&self) -> Moment {
        self.started.elapsed()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    pub(crate) fn is_front_door(&self) -> bool {
        self.config.role == Role::FrontDoor
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ready when a server is usable and this process is not leaving. For a balancer it must be
    /// one of its own region: a balancer that only forwards to another region says no, so that the
    /// front door goes there itself.
    pub(crate) fn is_ready(&self) -> bool {
        if self.is_draining() {
            return false;
        }
        let policy = self.policy();
        match self.config.role {
            Role::FrontDoor => !policy.usable().is_empty(),
            Role::Balancer => !policy.usable_at_home().is_empty(),
        }
    }

    /// Takes a server out of the choice (or back in); false when no server has that name.
    pub(crate) fn set_draining(&self, name: &str, draining: bool) -> bool {
        let Some(server) = self.position(name) else { return false };
        self.policy().set_draining(server, self.now(), draining);
        true
    }

    /// Reaches a server at another address; false when no server has that name.
    pub(crate) fn move_server(&self, name: &str, address: SocketAddr) -> bool {
        let found = self.position(name).and_then(|server| self.upstreams.get(server));
        let Some(upstream) = found else { return false };
        upstream.move_to(address);
        true
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.upstreams.iter().position(|upstream| upstream.name == name)
    }

    /// The last minute of the process.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
