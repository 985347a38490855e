//! The configuration files of the processes.
//!
//! Guarantees: the health-check numbers are those of the topology, in milliseconds.
//!
//! Deliberately not here: the types that read these files; they live with the server and the
//! balancer, which this crate may not know. A test of the binary holds the two together.

use std::net::SocketAddr;

use serde::Serialize;
use serde_json::{Value, json};

use super::{PlanOptions, PlannedProcess};
use crate::topology::{RegionRole, Topology};

/// What a balancer or the front door is told of one process behind it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) region: Option<String>,
    pub(super) zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) health_path: Option<String>,
}

impl Upstream {
    pub(super) fn of(process: &PlannedProcess) -> Self {
        Self {
            name: process.name.clone(),
            address: process.address,
            region: process.region.clone(),
            zone: process.zone.clone(),
            health_path: None,
        }
    }
}

pub(super) fn server(
    topology: &Topology,
    options: &PlanOptions,
    process: &PlannedProcess,
) -> Value {
    let mut config = json!({
        "name": process.name,
        "region": process.region,
        "zone": process.zone,
        "listen": process.address,
        "database": options.database,
        "receipt_keys": options.data_folder.receipt_keys_file(),
        "data_keys": options.data_folder.data_keys_file(),
        "drain_seconds": topology.drain_seconds,
        // Browsers send such cookies over TLS only.
        "secure_cookies": options.tls.is_some(),
        "exit_with_parent": true,
    });
    let region = process.region.as_deref().unwrap_or_default();
    if let (Some(near), Some(fields)) =
        (options.database_readers.get(region), config.as_object_mut())
    {
        fields.insert("database_reader".to_owned(), json!(near));
    }
    config
}

pub(super) fn balancer(
    topology: &Topology,
    options: &PlanOptions,
    process: &PlannedProcess,
    servers: &[PlannedProcess],
    others: &[Upstream],
) -> Value {
    let check = &topology.health_check;
    let health = json!({
        "path": topology.application.live_path,
        "interval_ms": milliseconds(check.interval_seconds),
        "timeout_ms": milliseconds(check.timeout_seconds),
        "healthy_threshold": check.healthy_threshold,
        "unhealthy_threshold": check.unhealthy_threshold,
    });
    let mut upstreams: Vec<Upstream> = servers.iter().map(Upstream::of).collect();
    // A region without a usable server forwards to another region, while that one has any.
    upstreams.extend(others.iter().cloned().map(|other| Upstream {
        health_path: Some(topology.application.ready_path.clone()),
        ..other
    }));
    common(topology, options, process, &upstreams, &health)
}

pub(super) fn front_door(
    topology: &Topology,
    options: &PlanOptions,
    process: &PlannedProcess,
    balancers: &[Upstream],
) -> Value {
    let door = &topology.front_door;
    let interval_ms = milliseconds(door.check_interval_seconds);
    // A check has to be over before the next one; four fifths leave room for jitter.
    let timeout_ms = milliseconds(topology.health_check.timeout_seconds).min(interval_ms * 4 / 5);
    let health = json!({
        "path": topology.application.ready_path,
        "interval_ms": interval_ms,
        "timeout_ms": timeout_ms,
        "healthy_threshold": topology.health_check.healthy_threshold,
        "unhealthy_threshold": door.leave_after_failures,
        "return_after_ms": milliseconds(door.return_after_seconds),
    });
    let mut config = common(topology, options, process, balancers, &health);
    let home = topology.regions.iter().find(|region| region.role == RegionRole::Primary);
    if let (Some(home), Some(fields)) = (home, config.as_object_mut()) {
        fields.insert("home_region".to_owned(), json!(home.key));
        // All clients of a deployment on one machine, `ballast bench` too, have one address.
        let limits =
            json!({ "connections_per_client_max": 4_096, "client_requests_per_second_max": null });
        fields.insert("limits".to_owned(), limits);
    }
    if let (Some(files), Some(fields)) = (&options.tls, config.as_object_mut()) {
        fields.insert("tls".to_owned(), json!(files));
    }
    config
}

fn common(
    topology: &Topology,
    options: &PlanOptions,
    process: &PlannedProcess,
    upstreams: &[Upstream],
    health: &Value,
) -> Value {
    json!({
        "name": process.name,
        "deployment": topology.project,
        "role": process.role,
        "region": process.region,
        "listen": process.address,
        "policy": "least_outstanding",
        "upstreams": upstreams,
        "health": health,
        "access_log": options.data_folder.access_log_file(&process.name),
        "control_socket": options.data_folder.balancer_socket(&process.name),
        "threads": 1,
        "drain_seconds": topology.drain_seconds,
        "exit_with_parent": true,
    })
}

fn milliseconds(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}
