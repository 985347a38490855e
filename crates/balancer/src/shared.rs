//! What the data path, the checks and the own endpoints share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::access_log::AccessLog;
use crate::config::{Config, Limits, Role};
use crate::error::Error;
use crate::policy::{Moment, Policy, ServerSettings, Settings};
use crate::proxy::Queue;
use crate::stats::Stats;
use crate::upstream::Upstream;

/// Quantiles in `/status.json` are over the last 10 to 20 seconds: two of these windows.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// The state of one process.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) stats: Stats,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) draining: AtomicBool,
    /// Bytes of bodies that are kept for a repeat.
    pub(crate) replay_bytes: AtomicU64,
    /// Requests that wait for a server with a free slot.
    pub(crate) queue: Queue,
    policy: Mutex<Policy>,
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
            draining: AtomicBool::new(false),
            replay_bytes: AtomicU64::new(0),
            queue: Queue::default(),
            policy: Mutex::new(policy),
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

    /// Begins a new window of the latency quantiles, and closes what was idle for too long.
    pub(crate) fn turn_windows(&self) {
        let now = self.now();
        for upstream in &self.upstreams {
            upstream.close_idle(now);
            let mut windows = upstream.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.swap(0, 1);
            if let Some(current) = windows.get_mut(1) {
                *current = upstream.stats.latency.snapshot();
            }
        }
    }
}
