//! The configuration file of one balancer or front door.
//!
//! Guarantees: unknown fields, empty lists, doubled names and zero limits are refused with a
//! sentence that names the field; every limit has a default with its reason beside it.
//! Not here: reading the file (the binary does), and the numbers of the health check, which come
//! from `topology.json` so that they equal the ones Terraform gives the AWS load balancer.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

#[cfg(test)]
mod tests;

/// Most servers one balancer can hold: a set of servers is one machine word on the hot path.
pub const UPSTREAMS_MAX: usize = 64;

/// Everything one process needs to know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name in logs, metrics and error bodies, e.g. `ALB-east`.
    pub name: String,
    /// Regional balancer or front door.
    pub role: Role,
    /// The region of a balancer; `null` for the front door.
    #[serde(default)]
    pub region: Option<String>,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How a server is chosen.
    #[serde(default)]
    pub policy: ChoicePolicy,
    /// The region the front door prefers.
    #[serde(default)]
    pub home_region: Option<String>,
    /// The servers (for the front door: the balancers) behind this process.
    pub upstreams: Vec<Upstream>,
    /// The active health check.
    pub health: Health,
    /// Every limit, all with defaults.
    #[serde(default)]
    pub limits: Limits,
    /// File of the access log; `null` writes none.
    #[serde(default)]
    pub access_log: Option<PathBuf>,
    /// Threads that serve requests; one is a runtime without locks between threads.
    #[serde(default = "one")]
    pub threads: usize,
    /// How long requests in flight may take after SIGTERM.
    #[serde(default = "five")]
    pub drain_seconds: u64,
    /// Leave when standard input ends, because then the supervisor died.
    #[serde(default)]
    pub exit_with_parent: bool,
}

/// What the process stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Spreads the requests of one region over its servers.
    Balancer,
    /// Chooses between regions.
    FrontDoor,
}

/// How a server is chosen among the usable ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoicePolicy {
    /// The one with fewer outstanding requests of two random picks.
    #[default]
    LeastOutstanding,
    /// The one that has not been chosen for the longest time.
    RoundRobin,
}

/// One server, or one regional balancer behind the front door.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The name in the status, and in the header `x-ballast-server`.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its region.
    #[serde(default)]
    pub region: Option<String>,
    /// Its zone, for people.
    #[serde(default)]
    pub zone: Option<String>,
}

/// The active health check; the numbers are those of `topology.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// `/livez` for servers, `/readyz` for balancers behind the front door.
    pub path: String,
    /// Time between two checks of a server that is not in doubt.
    pub interval_ms: u64,
    /// Hard limit on one check, from connecting to the status line.
    pub timeout_ms: u64,
    /// Passed checks in a row that bring a failed server back.
    pub healthy_threshold: u32,
    /// Failed checks in a row that take a server out.
    pub unhealthy_threshold: u32,
    /// How long the front door wants a region well before it returns to it. 60 s: shorter, and a
    /// region that flaps takes its clients with it.
    #[serde(default = "sixty_seconds_ms")]
    pub return_after_ms: u64,
}

/// Every limit. A request that meets one gets a status, a reason and a count.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Client connections at once. 4,096: with one connection to a server for each it stays well
    /// below the 20,000 file descriptors that systemd grants by default elsewhere.
    pub connections_max: usize,
    /// Requests in flight on one server. 1,024: more than a server answers in a second of its
    /// slowest work; past it waiting helps nobody and 503 is kinder.
    pub outstanding_per_server_max: u32,
    /// Request line and header together. 32 KiB: twice what browsers send with full cookies.
    pub header_bytes_max: usize,
    /// Request body. 8 MiB: a batch of 8,000 transfers is about 1 MiB.
    pub body_bytes_max: u64,
    /// Bodies above 64 KiB that are kept for a repeat, all together. 16 MiB: two of the largest at
    /// once, and the process stays under its 40 MiB; what does not fit is not repeated.
    pub replay_bytes_max: u64,
    /// Connecting to a server. 1 s: one lost SYN is sent again after 1 s, a second is a verdict.
    pub connect_timeout_ms: u64,
    /// Silence of a server while it owes bytes. 30 s: twice the bank's own deadline.
    pub response_timeout_ms: u64,
    /// Silence of a client while it owes bytes. 15 s: a phone that changes networks needs ten.
    pub client_read_timeout_ms: u64,
    /// A client that does not take its answer. 30 s, as for reading a page over a bad line.
    pub client_write_timeout_ms: u64,
    /// A client connection without a request. 60 s, as AWS does.
    pub client_idle_seconds: u64,
    /// A server connection without a request. 50 s: less than the idle time of servers (60 s and
    /// up), so that it is this side that closes and no request meets a closed connection.
    pub upstream_idle_ms: u64,
    /// Idle connections kept to all servers together. 256: memory of about 2 KiB each.
    pub upstream_idle_max: usize,
    /// Servers tried for one request. 3: with two of them gone a third failure is not chance.
    pub attempts_max: u32,
    /// Repeats per hundred requests. 20: a dead server of two costs less, a dead region more.
    pub retry_percent: u32,
    /// Repeats allowed in a window whatever the traffic. 3: the lone client deserves them.
    pub retry_minimum: u32,
    /// The window of the two above. 10 s: long enough for thin traffic to earn a repeat.
    pub retry_window_ms: u64,
    /// First ejection by passive evidence; it doubles. 2 s: a restart takes less.
    pub eject_base_ms: u64,
    /// Longest ejection. 60 s: a repaired server must not wait for minutes.
    pub eject_max_ms: u64,
    /// Health that halves the next ejection. 30 s: six checks of the usual interval.
    pub eject_decay_ms: u64,
    /// Gateway errors (502, 503, 504, garbage, silence) in a row that eject. 3: two can be chance.
    pub gateway_errors_max: u32,
    /// How long a server that came back gets less than its share. 5 s: caches and pools fill.
    pub slow_start_ms: u64,
    /// Waiting requests without any first byte for this long put a server under suspicion and
    /// start a check at once. 500 ms: ten times a slow answer of a healthy server.
    pub suspect_after_ms: u64,
    /// Hard limit on the check of a suspect. 1 s: with the time above a frozen server is out
    /// 1.6 s after it stopped.
    pub suspect_timeout_ms: u64,
    /// Longest time between checks of a server in doubt or down. 1 s: the verdict and the return
    /// come quickly, at the price of one small request a second.
    pub doubt_interval_ms: u64,
    /// Time between checks of an ejected server. 250 ms: it cannot return unseen.
    pub ejected_interval_ms: u64,
    /// Time between checks of a server that never passed one. 100 ms: a deployment is ready as
    /// soon as its servers are.
    pub new_interval_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            outstanding_per_server_max: 1_024,
            header_bytes_max: 32 * 1_024,
            body_bytes_max: 8 * 1_024 * 1_024,
            replay_bytes_max: 16 * 1_024 * 1_024,
            connect_timeout_ms: 1_000,
            response_timeout_ms: 30_000,
            client_read_timeout_ms: 15_000,
            client_write_timeout_ms: 30_000,
            client_idle_seconds: 60,
            upstream_idle_ms: 50_000,
            upstream_idle_max: 256,
            attempts_max: 3,
            retry_percent: 20,
            retry_minimum: 3,
            retry_window_ms: 10_000,
            eject_base_ms: 2_000,
            eject_max_ms: 60_000,
            eject_decay_ms: 30_000,
            gateway_errors_max: 3,
            slow_start_ms: 5_000,
            suspect_after_ms: 500,
            suspect_timeout_ms: 1_000,
            doubt_interval_ms: 1_000,
            ejected_interval_ms: 250,
            new_interval_ms: 100,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, a missing or unknown field, or a value of the wrong kind.
    #[error("the balancer's configuration cannot be read")]
    Shape(#[source] serde_json::Error),
    /// A value that makes no sense.
    #[error("`{field}` {problem}")]
    Value {
        /// The field, as in the file.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Config {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// [`ConfigError`] names the field and what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_str(json).map_err(ConfigError::Shape)?;
        config.check_names()?;
        config.check_health()?;
        config.check_limits()?;
        Ok(config)
    }

    /// The region whose servers come first: the front door's home, or the balancer's own.
    #[must_use]
    pub fn preferred_region(&self) -> Option<&str> {
        match self.role {
            Role::FrontDoor => self.home_region.as_deref(),
            Role::Balancer => self.region.as_deref(),
        }
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        if self.name.is_empty() || !is_header_text(&self.name) {
            return refuse("name", "must be visible ASCII text".to_owned());
        }
        if self.upstreams.is_empty() {
            return refuse("upstreams", "is empty: there is nobody to send requests to".to_owned());
        }
        if self.upstreams.len() > UPSTREAMS_MAX {
            return refuse("upstreams", format!("has more than {UPSTREAMS_MAX} entries"));
        }
        for (position, upstream) in self.upstreams.iter().enumerate() {
            if upstream.name.is_empty() || !is_header_text(&upstream.name) {
                return refuse("upstreams.name", "must be visible ASCII text".to_owned());
            }
            if self.upstreams.iter().skip(position + 1).any(|other| other.name == upstream.name) {
                return refuse("upstreams.name", format!("`{}` appears twice", upstream.name));
            }
            if upstream.address == self.listen {
                return refuse("upstreams.address", format!("`{}` is this process", upstream.name));
            }
        }
        let Some(home) = self.home_region.as_deref() else { return Ok(()) };
        if self.upstreams.iter().any(|upstream| upstream.region.as_deref() == Some(home)) {
            return Ok(());
        }
        refuse("home_region", format!("`{home}` is the region of no upstream"))
    }

    fn check_health(&self) -> Result<(), ConfigError> {
        if !self.health.path.starts_with('/') || !is_header_text(&self.health.path) {
            return refuse("health.path", "must begin with / and hold no spaces".to_owned());
        }
        for (field, value) in [
            ("health.interval_ms", self.health.interval_ms),
            ("health.timeout_ms", self.health.timeout_ms),
            ("health.healthy_threshold", u64::from(self.health.healthy_threshold)),
            ("health.unhealthy_threshold", u64::from(self.health.unhealthy_threshold)),
        ] {
            check_positive(field, value)?;
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        let counts = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        for (field, value) in [
            ("threads", counts(self.threads)),
            ("limits.connections_max", counts(limits.connections_max)),
            ("limits.outstanding_per_server_max", u64::from(limits.outstanding_per_server_max)),
            ("limits.header_bytes_max", counts(limits.header_bytes_max)),
            ("limits.connect_timeout_ms", limits.connect_timeout_ms),
            ("limits.response_timeout_ms", limits.response_timeout_ms),
            ("limits.client_read_timeout_ms", limits.client_read_timeout_ms),
            ("limits.client_write_timeout_ms", limits.client_write_timeout_ms),
            ("limits.client_idle_seconds", limits.client_idle_seconds),
            ("limits.upstream_idle_ms", limits.upstream_idle_ms),
            ("limits.attempts_max", u64::from(limits.attempts_max)),
            ("limits.retry_window_ms", limits.retry_window_ms),
            ("limits.eject_base_ms", limits.eject_base_ms),
            ("limits.eject_decay_ms", limits.eject_decay_ms),
            ("limits.gateway_errors_max", u64::from(limits.gateway_errors_max)),
            ("limits.suspect_after_ms", limits.suspect_after_ms),
            ("limits.suspect_timeout_ms", limits.suspect_timeout_ms),
            ("limits.doubt_interval_ms", limits.doubt_interval_ms),
            ("limits.ejected_interval_ms", limits.ejected_interval_ms),
            ("limits.new_interval_ms", limits.new_interval_ms),
        ] {
            check_positive(field, value)?;
        }
        if limits.retry_percent > 100 {
            return refuse("limits.retry_percent", "is more than 100".to_owned());
        }
        Ok(())
    }
}

fn check_positive(field: &'static str, value: u64) -> Result<(), ConfigError> {
    if value == 0 {
        return refuse(field, "must be greater than zero".to_owned());
    }
    Ok(())
}

fn refuse(field: &'static str, problem: String) -> Result<(), ConfigError> {
    Err(ConfigError::Value { field, problem })
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn one() -> usize {
    1
}

fn five() -> u64 {
    5
}

fn sixty_seconds_ms() -> u64 {
    60_000
}
