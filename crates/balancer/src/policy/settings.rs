//! The numbers of the policy, taken from the configuration once.

use std::time::Duration;

use crate::config::{ChoicePolicy, Config, Role};

/// The numbers of the policy.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How a server is chosen.
    pub choice: ChoicePolicy,
    /// The region that comes first.
    pub preferred_region: Option<String>,
    /// Is passive evidence limited over all servers (front door) or per region (balancer)?
    pub one_pool: bool,
    /// Health of a region that was left, before it is used again.
    pub return_after: Duration,
    /// Between checks of a server that is not in doubt.
    pub interval: Duration,
    /// Between checks of a server in doubt or down.
    pub doubt_interval: Duration,
    /// Between checks of an ejected server.
    pub ejected_interval: Duration,
    /// Between checks of a server that never passed one.
    pub new_interval: Duration,
    /// Hard limit on a check.
    pub check_timeout: Duration,
    /// Passed checks that bring back.
    pub healthy_threshold: u32,
    /// Failed checks that take out.
    pub unhealthy_threshold: u32,
    /// Silence that makes a suspect.
    pub suspect_after: Duration,
    /// Hard limit on the check of a suspect.
    pub suspect_timeout: Duration,
    /// First ejection.
    pub eject_base: Duration,
    /// Longest ejection.
    pub eject_max: Duration,
    /// Health that halves the next ejection.
    pub eject_decay: Duration,
    /// Gateway errors in a row that eject.
    pub gateway_errors_max: u32,
    /// Length of the slow start.
    pub slow_start: Duration,
    /// Requests in flight on one server.
    pub outstanding_max: u32,
    /// Servers tried for one request.
    pub attempts_max: u32,
    /// Repeats per hundred requests.
    pub retry_percent: u32,
    /// Repeats allowed in a window whatever the traffic.
    pub retry_minimum: u32,
    /// The window of the two above.
    pub retry_window: Duration,
}

/// What the policy knows of a server from the configuration.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: Option<String>,
}

impl Settings {
    /// The settings of a configuration.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let (health, limits) = (&config.health, &config.limits);
        let interval = Duration::from_millis(health.interval_ms);
        let at_most_interval = |ms: u64| interval.min(Duration::from_millis(ms));
        Self {
            choice: config.policy,
            preferred_region: config.preferred_region().map(str::to_owned),
            one_pool: config.role == Role::FrontDoor,
            return_after: match config.role {
                Role::FrontDoor => Duration::from_millis(health.return_after_ms),
                Role::Balancer => Duration::ZERO,
            },
            interval,
            doubt_interval: at_most_interval(limits.doubt_interval_ms),
            ejected_interval: at_most_interval(limits.ejected_interval_ms),
            new_interval: at_most_interval(limits.new_interval_ms),
            check_timeout: Duration::from_millis(health.timeout_ms),
            healthy_threshold: health.healthy_threshold,
            unhealthy_threshold: health.unhealthy_threshold,
            suspect_after: Duration::from_millis(limits.suspect_after_ms),
            suspect_timeout: Duration::from_millis(
                limits.suspect_timeout_ms.min(health.timeout_ms),
            ),
            eject_base: Duration::from_millis(limits.eject_base_ms),
            eject_max: Duration::from_millis(limits.eject_max_ms),
            eject_decay: Duration::from_millis(limits.eject_decay_ms),
            gateway_errors_max: limits.gateway_errors_max,
            slow_start: Duration::from_millis(limits.slow_start_ms),
            outstanding_max: limits.outstanding_per_server_max,
            attempts_max: limits.attempts_max,
            retry_percent: limits.retry_percent,
            retry_minimum: limits.retry_minimum,
            retry_window: Duration::from_millis(limits.retry_window_ms),
        }
    }
}

impl ServerSettings {
    /// The servers of a configuration, in its order.
    #[must_use]
    pub fn from_config(config: &Config) -> Vec<Self> {
        config
            .upstreams
            .iter()
            .map(|upstream| Self { name: upstream.name.clone(), region: upstream.region.clone() })
            .collect()
    }
}
