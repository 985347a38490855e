//! All client connections: how many there may be, and how long each may take for what.
//!
//! A sweep looks at every connection four times a second, so that no read needs a timer; times
//! are exact to that quarter second. Guarantees: a connection with a request under way is never
//! closed for being idle; at the limit it is the connection that has waited longest that goes, so
//! that clients who hold connections without asking for anything lock nobody out; time in which
//! this process itself stood still counts against no client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::connection::{Connection, Seen};
use crate::config::{Config, Role};
use crate::reason::Reason;
use crate::shared::Shared;

/// Time between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// How long a connection that is done lingers. 2 s: the answer has crossed any network by then.
const LINGER_MS: u64 = 2_000;
/// One in so many goes at once when the limit is met, so that looking for them costs little.
const EVICTED_SHARE: usize = 128;

/// The limits, from the configuration.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    connections: usize,
    per_client: usize,
    idle_ms: u64,
    head_ms: u64,
    body_ms: u64,
    body_bytes: u64,
    write_ms: u64,
    write_bytes: u64,
}

/// A connection, and what the sweep noted of it.
#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    /// Told to close, and as good as gone.
    leaves: bool,
    requests: u64,
    /// How long the body under way was waited for in this window.
    body_ms: u64,
    body_bytes: u64,
    /// How long the client did not take what was there for it in this window.
    blocked_ms: u64,
    written: u64,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    entries: HashMap<u64, Entry>,
    leaving: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// All client connections of one process.
#[derive(Debug)]
pub(crate) struct Connections {
    clock_ms: Arc<AtomicU64>,
    allowed: Allowed,
    table: Mutex<Table>,
    evicted: AtomicU64,
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    id: u64,
}

impl Place {
    /// The state of the connection.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        let Some(entry) = table.entries.remove(&self.id) else { return };
        table.leaving -= usize::from(entry.leaves);
        let client = entry.connection.client();
        if let Some(count) = table.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                table.by_client.remove(&client);
            }
        }
    }
}

impl Connections {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            clock_ms: Arc::new(AtomicU64::new(0)),
            allowed: Allowed {
                connections: limits.connections_max,
                // A balancer's clients are front doors, of which one may hold any number.
                per_client: match config.role {
                    Role::FrontDoor => limits.connections_per_client_max,
                    Role::Balancer => usize::MAX,
                },
                idle_ms: limits.client_idle_seconds.saturating_mul(1_000),
                head_ms: limits.client_header_timeout_ms,
                body_ms: limits.client_read_timeout_ms,
                body_bytes: limits
                    .client_body_bytes_per_second_min
                    .saturating_mul(limits.client_read_timeout_ms)
                    / 1_000,
                write_ms: limits.client_write_timeout_ms,
                write_bytes: limits
                    .client_answer_bytes_per_second_min
                    .saturating_mul(limits.client_write_timeout_ms)
                    / 1_000,
            },
            table: Mutex::new(Table::default()),
            evicted: AtomicU64::new(0),
        }
    }

    /// Connections that were closed to make room for others.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// A place for a new connection, if need be that of one that only waits.
    ///
    /// # Errors
    /// The word for why there is none: this client has too many, or all of them are busy.
    pub(crate) fn open(self: &Arc<Self>, client: IpAddr) -> Result<Place, Reason> {
        let client = client.to_canonical();
        let mut table = self.table();
        let of_client = table.by_client.get(&client).copied().unwrap_or(0);
        if of_client >= self.allowed.per_client {
            return Err(Reason::TooManyConnections);
        }
        if table.entries.len() - table.leaving >= self.allowed.connections
            && self.evict(&mut table) == 0
        {
            return Err(Reason::QueueFull);
        }
        let connection = Arc::new(Connection::new(client, Arc::clone(&self.clock_ms)));
        let id = table.next_id;
        table.next_id += 1;
        table.entries.insert(id, Entry::new(Arc::clone(&connection)));
        *table.by_client.entry(client).or_default() += 1;
        Ok(Place { connections: Arc::clone(self), connection, id })
    }

    /// Closes those that have waited longest without a whole request; how many.
    fn evict(&self, table: &mut Table) -> usize {
        let mut waiting: Vec<_> = table
            .entries
            .iter()
            .filter(|(_, entry)| !entry.leaves)
            .map(|(id, entry)| (entry.connection.seen().idle_since_ms, *id))
            .collect();
        waiting.sort_unstable();
        let wanted = (self.allowed.connections / EVICTED_SHARE).max(1);
        let mut count = 0;
        for (_, id) in waiting {
            let Some(entry) = table.entries.get_mut(&id) else { continue };
            if entry.connection.cut_if_waiting() {
                entry.leaves = true;
                table.leaving += 1;
                count += 1;
                if count == wanted {
                    break;
                }
            }
        }
        self.evicted.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
        count
    }

    /// Looks at every connection; `elapsed_ms` is the time since the last look.
    pub(super) fn sweep(&self, elapsed_ms: u64) {
        let now = self.clock_ms.fetch_add(elapsed_ms, Relaxed) + elapsed_ms;
        let mut table = self.table();
        let mut leaving = 0;
        for entry in table.entries.values_mut().filter(|entry| !entry.leaves) {
            entry.judge(&self.allowed, now, elapsed_ms);
            leaving += usize::from(entry.leaves);
        }
        table.leaving += leaving;
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            leaves: false,
            requests: 0,
            body_ms: 0,
            body_bytes: 0,
            blocked_ms: 0,
            written: 0,
        }
    }

    fn judge(&mut self, allowed: &Allowed, now: u64, elapsed_ms: u64) {
        let seen = self.connection.seen();
        let since = |then: u64| now.saturating_sub(then);
        if seen.is_cut || seen.lingers && since(seen.linger_since_ms) > LINGER_MS {
            self.connection.cut();
            self.leaves = true;
        } else if seen.is_idle && since(seen.idle_since_ms) > allowed.idle_ms {
            self.leaves = self.connection.cut_if_waiting();
        } else if seen.is_in_head && since(seen.head_since_ms) > allowed.head_ms {
            self.connection.refuse_slow_head();
        }
        self.judge_body(&seen, allowed, elapsed_ms);
        self.judge_answer(&seen, allowed, elapsed_ms);
    }

    /// Only time in which the body was waited for counts: a server that does not read keeps its
    /// client from sending.
    fn judge_body(&mut self, seen: &Seen, allowed: &Allowed, elapsed_ms: u64) {
        if seen.requests != self.requests {
            self.requests = seen.requests;
            self.body_ms = 0;
            self.body_bytes = seen.body_bytes;
        }
        if !seen.is_in_body {
            return;
        }
        self.body_ms += elapsed_ms;
        if self.body_ms > allowed.body_ms {
            if seen.body_bytes - self.body_bytes < allowed.body_bytes.max(1) {
                self.connection.refuse_slow_body();
            }
            self.body_ms = 0;
            self.body_bytes = seen.body_bytes;
        }
    }

    /// Only time counts in which the client keeps its answer waiting: a server may be slow.
    fn judge_answer(&mut self, seen: &Seen, allowed: &Allowed, elapsed_ms: u64) {
        if self.blocked_ms == 0 {
            self.written = seen.written;
        }
        if !seen.is_blocked {
            return;
        }
        self.blocked_ms += elapsed_ms;
        if self.blocked_ms > allowed.write_ms {
            if seen.written - self.written < allowed.write_bytes.max(1) {
                self.connection.cut();
                self.leaves = true;
            }
            self.blocked_ms = 0;
        }
    }
}

/// Sweeps for as long as the process lives.
pub(crate) async fn sweep(shared: Arc<Shared>) {
    let mut turns = tokio::time::interval(SWEEP_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        let now = turns.tick().await;
        let elapsed = now.saturating_duration_since(last).min(SWEEP_EVERY * 2);
        last = now;
        shared.connections.sweep(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        shared.request_rate.forget_full(shared.now());
    }
}
