//! One server as the data path sees it: its address, its idle connections, what is counted for it.
//!
//! Guarantees: HTTP/1.1 only towards servers, because over HTTP/2 a server that closes a
//! connection while a request is on its way makes a double POST possible; a connection is used by
//! one request at a time; [`Upstream::sever`] ends every connection at once, with the requests on
//! it. Not here: which server (`policy`), what is sent (`proxy`).

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::config::Limits;
use crate::history::{History, Mark};
use crate::policy::Moment;
use crate::proxy::UploadBody;
use crate::stats::{Snapshot, UpstreamStats};

/// Idle connections that are looked at for one that is ready; the youngest come first.
const LOOK_AT: usize = 8;

/// One server.
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) name_value: HeaderValue,
    pub(crate) region: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) stats: UpstreamStats,
    past: Mutex<Past>,
    address: Mutex<SocketAddr>,
    connect_timeout: Duration,
    idle_time: Duration,
    idle_max: usize,
    idle: Mutex<Vec<Idle>>,
    /// Counts the severings; connections of an earlier count are not used again.
    severed: watch::Sender<u64>,
    generation: AtomicU64,
}

/// What is remembered of the counters of one server.
pub(crate) struct Past {
    pub(crate) history: History,
    /// The latency at the beginnings of the last and the current window.
    windows: [Snapshot; 2],
}

/// A connection for one request at a time.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<UploadBody>,
    /// It carried a request before, so the server may have closed it in the meantime.
    pub(crate) reused: bool,
    generation: u64,
}

struct Idle {
    connection: Connection,
    since: Moment,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Timeout,
    System(io::Error),
}

impl Upstream {
    /// `servers` share the idle connections that the limits allow.
    pub(crate) fn new(upstream: &crate::config::Upstream, limits: &Limits, servers: usize) -> Self {
        let stats = UpstreamStats::new();
        let empty = stats.latency.snapshot();
        Self {
            name: upstream.name.clone(),
            name_value: HeaderValue::from_str(&upstream.name)
                .unwrap_or_else(|_| HeaderValue::from_static("unnamed")),
            region: upstream.region.clone(),
            zone: upstream.zone.clone(),
            stats,
            past: Mutex::new(Past { history: History::new(), windows: [empty.clone(), empty] }),
            address: Mutex::new(upstream.address),
            connect_timeout: Duration::from_millis(limits.connect_timeout_ms),
            idle_time: Duration::from_millis(limits.upstream_idle_ms),
            idle_max: (limits.upstream_idle_max / servers.max(1)).max(1),
            idle: Mutex::new(Vec::new()),
            severed: watch::Sender::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// Where it is reached now.
    pub(crate) fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is reached at another address. Requests in flight finish where they are;
    /// connections made before are not used again.
    pub(crate) fn move_to(&self, address: SocketAddr) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
        self.generation.fetch_add(1, Relaxed);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// An idle connection that is ready, if there is one.
    pub(crate) fn idle_connection(&self, now: Moment) -> Option<Connection> {
        let generation = self.generation.load(Relaxed);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut position = idle.len();
        for _ in 0..LOOK_AT {
            position = position.checked_sub(1)?;
            let found = idle.get(position)?;
            if found.is_over(now, self.idle_time, generation) {
                idle.swap_remove(position);
            } else if found.connection.sender.is_ready() {
                return Some(idle.swap_remove(position).connection);
            }
        }
        None
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Connection, ConnectError> {
        let generation = self.generation.load(Relaxed);
        let mut severed = self.severed.subscribe();
        let stream = tokio::time::timeout(self.connect_timeout, TcpStream::connect(self.address()))
            .await
            .map_err(|_| ConnectError::Timeout)?
            .map_err(ConnectError::System)?;
        stream.set_nodelay(true).map_err(ConnectError::System)?;
        let (sender, connection) = Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ConnectError::System(io::Error::other(error)))?;
        tokio::spawn(async move {
            tokio::select! {
                // How it ended is told to the request that was on it.
                _ = connection => {}
                _ = severed.changed() => {}
            }
        });
        Ok(Connection { sender, reused: false, generation })
    }

    /// Takes a connection back whose answer was read to its end.
    pub(crate) fn give_back(&self, mut connection: Connection, now: Moment) {
        connection.reused = true;
        if connection.sender.is_closed() || connection.generation != self.generation.load(Relaxed) {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max {
            idle.push(Idle { connection, since: now });
        }
    }

    /// Ends every connection, with the requests on it: what hangs on a frozen server goes to
    /// another one now and not when its time is up.
    pub(crate) fn sever(&self) {
        self.generation.fetch_add(1, Relaxed);
        self.severed.send_modify(|count| *count += 1);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Closes the connections that were idle for too long.
    pub(crate) fn close_idle(&self, now: Moment) {
        let generation = self.generation.load(Relaxed);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| !idle.is_over(now, self.idle_time, generation));
    }

    /// Answer times of the last 10 to 20 seconds.
    pub(crate) fn recent_latency(&self) -> Snapshot {
        let [earlier, _] = &self.past().windows;
        self.stats.latency.snapshot().since(earlier)
    }

    /// The last minute of this server.
    pub(crate) fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the counters of a second.
    pub(crate) fn mark(&self, now: Moment) {
        let mark = Mark { requests: self.stats.attempts(), errors: self.stats.errors() };
        self.past().history.mark(now, mark);
    }

    /// Begins a new window of the latency quantiles.
    pub(crate) fn turn_window(&self) {
        let mut past = self.past();
        past.windows.swap(0, 1);
        if let Some(current) = past.windows.get_mut(1) {
            *current = self.stats.latency.snapshot();
        }
    }
}

impl Idle {
    fn is_over(&self, now: Moment, idle_time: Duration, generation: u64) -> bool {
        self.connection.sender.is_closed()
            || self.connection.generation != generation
            || now.saturating_sub(self.since) > idle_time
    }
}
