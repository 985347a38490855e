//! The configuration file of one balancer or front door.
//!
//! Guarantees: unknown fields, empty lists, doubled names and zero limits are refused with a
//! sentence that names the field; every limit has a default with its reason beside it.
//! Not here: reading the file (the binary does), and the numbers of the health check, which come
//! from `topology.json` so that they equal the ones Terraform gives the AWS load balancer.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

mod limits;
#[cfg(test)]
mod tests;

pub use limits::Limits;

/// Most servers one balancer can hold: a set of servers is one machine word on the hot path.
pub const UPSTREAMS_MAX: usize = 64;

/// Largest `limits.header_bytes_max`: what the HTTP library has room for.
pub const HEADER_BYTES_CEILING: usize = 256 * 1_024;
/// Largest `limits.fields_max`: what the HTTP library has room for on its stack.
pub const FIELDS_CEILING: usize = 100;

/// Everything one process needs to know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name in logs, metrics and error bodies, e.g. `ALB-east`.
    pub name: String,
    /// The deployment this process belongs to, for people.
    #[serde(default)]
    pub deployment: Option<String>,
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
    /// Who sees the status page.
    #[serde(default)]
    pub status_page: StatusPage,
    /// Threads that serve requests; one is a runtime without locks between threads.
    #[serde(default = "one")]
    pub threads: usize,
    /// How long requests in flight may take after SIGTERM.
    #[serde(default = "five")]
    pub drain_seconds: u64,
    /// Certificate and key for TLS towards clients; `null` speaks plain HTTP.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
    /// Path of the Unix socket that takes commands (drain, move, take over); `null` for none.
    /// Whoever can connect to it commands this process, so only its owner can (mode 0600).
    #[serde(default)]
    pub control_socket: Option<PathBuf>,
    /// Leave when standard input ends, because then the supervisor died.
    #[serde(default)]
    pub exit_with_parent: bool,
}

/// PEM files; SIGHUP reads them again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to the authority.
    pub certificate: PathBuf,
    /// The private key; readable by its owner only.
    pub key: PathBuf,
}

impl TlsFiles {
    /// What [`crate::self_signed`] makes in this folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { certificate: folder.join("tls-certificate.pem"), key: folder.join("tls-key.pem") }
    }
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

/// Who sees `/status`: the page holds names, states and rates, but no address, path or client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusPage {
    /// Peers with loopback, private and link-local addresses.
    #[default]
    Inside,
    /// Everybody who reaches the port.
    Everyone,
    /// Nobody.
    Off,
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
    /// Path of its check when that is not `health.path`: a balancer that spills to the one of
    /// another region asks it for `/readyz`, since alone being alive makes it no help.
    #[serde(default)]
    pub health_path: Option<String>,
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
        check_path("health.path", &self.health.path)?;
        for path in self.upstreams.iter().filter_map(|upstream| upstream.health_path.as_deref()) {
            check_path("upstreams.health_path", path)?;
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
            ("limits.connections_per_client_max", counts(limits.connections_per_client_max)),
            (
                "limits.client_requests_per_second_max",
                u64::from(limits.client_requests_per_second_max.unwrap_or(1)),
            ),
            ("limits.client_requests_burst_max", u64::from(limits.client_requests_burst_max)),
            ("limits.header_bytes_max", counts(limits.header_bytes_max)),
            ("limits.target_bytes_max", counts(limits.target_bytes_max)),
            ("limits.fields_max", counts(limits.fields_max)),
            ("limits.client_header_timeout_ms", limits.client_header_timeout_ms),
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
        if limits.header_bytes_max > HEADER_BYTES_CEILING {
            return refuse(
                "limits.header_bytes_max",
                format!("is more than {HEADER_BYTES_CEILING}"),
            );
        }
        if limits.fields_max > FIELDS_CEILING {
            return refuse("limits.fields_max", format!("is more than {FIELDS_CEILING}"));
        }
        if limits.retry_percent > 100 {
            return refuse("limits.retry_percent", "is more than 100".to_owned());
        }
        Ok(())
    }
}

fn check_path(field: &'static str, path: &str) -> Result<(), ConfigError> {
    if path.starts_with('/') && is_header_text(path) {
        return Ok(());
    }
    refuse(field, "must begin with / and hold no spaces".to_owned())
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
