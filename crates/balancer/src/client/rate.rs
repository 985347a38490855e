//! The rate of requests of each client: a token bucket for each address.
//!
//! A bucket is one number, the moment at which it would be full again (GCRA, the virtual
//! scheduling algorithm of ITU-T I.371); a full bucket is not kept. Guarantees: bounded memory;
//! addresses of one IPv6 network of 64 bits share a bucket, because one host has all of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::config::{Config, Role};

/// Most clients whose bucket is not full. 65,536: 3 MiB.
const CLIENTS_MAX: usize = 65_536;
/// Room that stays when the clients are gone.
const KEPT_ROOM: usize = 1_024;
/// So many are looked at to find the one that loses least when there are too many.
const SAMPLE: usize = 8;

/// The limit and the buckets.
#[derive(Debug)]
pub(crate) struct RequestRate {
    /// Time in which a bucket gains one request, and that in which an empty one is full.
    limit: Option<(Duration, Duration)>,
    /// When each bucket is full again.
    full_at: Mutex<HashMap<IpAddr, Duration>>,
    forget_at: Mutex<Duration>,
}

impl RequestRate {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        let per_second = match config.role {
            Role::FrontDoor => limits.client_requests_per_second_max,
            // A balancer's clients are front doors, which count the clients behind them.
            Role::Balancer => None,
        };
        let limit = per_second.map(|per_second| {
            let gain = Duration::from_secs(1) / per_second.max(1);
            (gain, gain * limits.client_requests_burst_max)
        });
        Self { limit, full_at: Mutex::default(), forget_at: Mutex::default() }
    }

    /// May this client send a request now? `now` is any clock that does not go back.
    pub(crate) fn permits(&self, client: IpAddr, now: Duration) -> bool {
        let Some((gain, whole)) = self.limit else { return true };
        let client = network(client);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full) = full_at.get_mut(&client) {
            let next = (*full).max(now) + gain;
            let permits = next <= now + whole;
            if permits {
                *full = next;
            }
            return permits;
        }
        if full_at.len() >= CLIENTS_MAX {
            make_room(&mut full_at, now);
        }
        full_at.insert(client, now + gain);
        true
    }

    /// Forgets the buckets that are full again; at most once in the time that fills one.
    pub(crate) fn forget_full(&self, now: Duration) {
        let Some((_, whole)) = self.limit else { return };
        let mut forget_at = self.forget_at.lock().unwrap_or_else(PoisonError::into_inner);
        if now < *forget_at {
            return;
        }
        *forget_at = now + whole;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.retain(|_, full| *full > now);
        full_at.shrink_to(KEPT_ROOM);
    }
}

/// Forgets one bucket: of a few, the one that is nearest to full.
fn make_room(full_at: &mut HashMap<IpAddr, Duration>, now: Duration) {
    let least = full_at.iter().take(SAMPLE).min_by_key(|(_, full)| full.saturating_sub(now));
    if let Some(client) = least.map(|(client, _)| *client) {
        full_at.remove(&client);
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
