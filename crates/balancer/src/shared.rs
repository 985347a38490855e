//! What the data path, the checks and the own endpoints share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::v1::Connector;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

use crate::access_log::AccessLog;
use crate::config::{Config, Limits, Role};
use crate::error::Error;
use crate::policy::{Moment, Policy, ServerSettings, Settings};
use crate::stats::{Snapshot, Stats, UpstreamStats};

/// Quantiles in `/status.json` are over the last 10 to 20 seconds: two of these windows.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// One server as the data path needs it.
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) name_value: HeaderValue,
    pub(crate) region: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) peer: HttpPeer,
    pub(crate) stats: UpstreamStats,
    /// The latency at the beginnings of the last and the current window.
    pub(crate) windows: Mutex<[Snapshot; 2]>,
}

/// The state of one process.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) stats: Stats,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) draining: AtomicBool,
    /// Bytes of bodies that are kept for a repeat.
    pub(crate) replay_bytes: AtomicU64,
    policy: Mutex<Policy>,
    started: Instant,
    replay_connector: OnceLock<Connector>,
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
                .map(|up| Upstream::new(up, &config.limits))
                .collect(),
            stats: Stats::new(),
            access_log,
            draining: AtomicBool::new(false),
            replay_bytes: AtomicU64::new(0),
            policy: Mutex::new(policy),
            started: Instant::now(),
            replay_connector: OnceLock::new(),
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

    /// Connections for repeats of large bodies; made when first needed.
    pub(crate) fn replay_connector(&self) -> &Connector {
        self.replay_connector.get_or_init(|| Connector::new(Some(ConnectorOptions::new(8))))
    }

    /// Begins a new window of the latency quantiles.
    pub(crate) fn turn_windows(&self) {
        for upstream in &self.upstreams {
            let mut windows = upstream.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.swap(0, 1);
            if let Some(current) = windows.get_mut(1) {
                *current = upstream.stats.latency.snapshot();
            }
        }
    }
}

impl Upstream {
    fn new(upstream: &crate::config::Upstream, limits: &Limits) -> Self {
        let stats = UpstreamStats::new();
        let empty = stats.latency.snapshot();
        Self {
            name: upstream.name.clone(),
            name_value: HeaderValue::from_str(&upstream.name)
                .unwrap_or_else(|_| HeaderValue::from_static("unnamed")),
            region: upstream.region.clone(),
            zone: upstream.zone.clone(),
            peer: peer(upstream, limits),
            stats,
            windows: Mutex::new([empty.clone(), empty]),
        }
    }

    /// Answer times of the last 10 to 20 seconds.
    pub(crate) fn recent_latency(&self) -> Snapshot {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let [earlier, _] = &*windows;
        self.stats.latency.snapshot().since(earlier)
    }
}

/// HTTP/1.1 only towards servers: a double POST is possible over HTTP/2 connections that the
/// server closes while a request is on its way.
fn peer(upstream: &crate::config::Upstream, limits: &Limits) -> HttpPeer {
    let mut peer = HttpPeer::new(upstream.address, false, String::new());
    let connect = Duration::from_millis(limits.connect_timeout_ms);
    let response = Duration::from_millis(limits.response_timeout_ms);
    peer.options.connection_timeout = Some(connect);
    peer.options.total_connection_timeout = Some(connect);
    peer.options.read_timeout = Some(response);
    peer.options.write_timeout = Some(response);
    peer.options.idle_timeout = Some(Duration::from_millis(limits.upstream_idle_ms));
    peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    peer
}
