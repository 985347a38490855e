//! Plans: names, addresses and configuration files.

use std::collections::BTreeMap;

use fleet::data_folder::DataFolder;
use fleet::plan::{Plan, PlanError, PlanOptions, Ports};
use fleet::topology::Topology;
use serde_json::{Value, json};

use crate::harness::TOPOLOGY;

fn plan(ports: Ports) -> Result<Plan, PlanError> {
    let options = PlanOptions {
        data_folder: DataFolder::at("/data".as_ref()).unwrap(),
        database: "sqlite:/data/bank.db".to_owned(),
        database_readers: BTreeMap::new(),
        executable: "/bin/ballast".into(),
        ports,
        tls: None,
    };
    Plan::try_new(&Topology::parse(TOPOLOGY, "fixed").unwrap(), &options)
}

fn config(plan: &Plan, name: &str) -> Value {
    plan.processes.iter().find(|process| process.name == name).unwrap().config.clone()
}

#[test]
fn names_places_and_addresses() {
    let plan = plan(Ports::AsWritten).unwrap();
    let rows: Vec<String> = plan
        .processes
        .iter()
        .map(|it| {
            let zone = it.zone.as_deref().or(it.region.as_deref()).unwrap_or("-");
            format!("{} {zone} {} {}", it.name, it.address.port(), it.arguments.join(" "))
        })
        .collect();
    let expected = [
        "applicationServer01-east us-east-1a 8111 serve --config /data/run/applicationServer01-east.json",
        "applicationServer02-east us-east-1b 8112 serve --config /data/run/applicationServer02-east.json",
        "applicationServer01-west us-west-2a 8121 serve --config /data/run/applicationServer01-west.json",
        "applicationServer02-west us-west-2b 8122 serve --config /data/run/applicationServer02-west.json",
        "ALB-east east 8081 balancer --config /data/run/ALB-east.json",
        "ALB-west west 8082 balancer --config /data/run/ALB-west.json",
        "front-door - 8080 balancer --config /data/run/front-door.json",
    ];
    assert_eq!(rows, expected);
    assert_eq!(plan.url, "http://127.0.0.1:8080");
}

#[test]
fn the_server_config() {
    let expected = json!({
        "name": "applicationServer01-east", "region": "east", "zone": "us-east-1a",
        "listen": "127.0.0.1:8111", "database": "sqlite:/data/bank.db",
        "receipt_keys": "/data/receipt-keys.json",
        "data_keys": "/data/data-keys.json",
        "drain_seconds": 5, "secure_cookies": false,
        "exit_with_parent": true,
    });
    assert_eq!(config(&plan(Ports::AsWritten).unwrap(), "applicationServer01-east"), expected);
}

#[test]
fn the_balancer_config() {
    let expected = json!({
        "name": "ALB-west", "deployment": "deployment6", "role": "balancer", "region": "west",
        "listen": "127.0.0.1:8082",
        "policy": "least_outstanding",
        "upstreams": [
            { "name": "applicationServer01-west", "address": "127.0.0.1:8121",
              "region": "west", "zone": "us-west-2a" },
            { "name": "applicationServer02-west", "address": "127.0.0.1:8122",
              "region": "west", "zone": "us-west-2b" },
            { "name": "ALB-east", "address": "127.0.0.1:8081", "region": "east", "zone": null,
              "health_path": "/readyz" },
        ],
        "health": { "path": "/livez", "interval_ms": 5000, "timeout_ms": 2000,
                    "healthy_threshold": 2, "unhealthy_threshold": 2 },
        "access_log": "/data/logs/ALB-west.access.log", "threads": 1, "drain_seconds": 5,
        "control_socket": "/data/run/ALB-west.sock",
        "exit_with_parent": true,
    });
    assert_eq!(config(&plan(Ports::AsWritten).unwrap(), "ALB-west"), expected);
}

#[test]
fn the_front_door_config() {
    let expected = json!({
        "name": "front-door", "deployment": "deployment6", "role": "front_door", "region": null,
        "home_region": "east",
        "limits": { "connections_per_client_max": 4096, "client_requests_per_second_max": null },
        "listen": "127.0.0.1:8080", "policy": "least_outstanding",
        "upstreams": [
            { "name": "ALB-east", "address": "127.0.0.1:8081", "region": "east", "zone": null },
            { "name": "ALB-west", "address": "127.0.0.1:8082", "region": "west", "zone": null },
        ],
        "health": { "path": "/readyz", "interval_ms": 1000, "timeout_ms": 800,
                    "healthy_threshold": 2, "unhealthy_threshold": 3, "return_after_ms": 60_000 },
        "access_log": "/data/logs/front-door.access.log", "threads": 1, "drain_seconds": 5,
        "control_socket": "/data/run/front-door.sock",
        "exit_with_parent": true,
    });
    assert_eq!(config(&plan(Ports::AsWritten).unwrap(), "front-door"), expected);
}

fn check_ports(ports: Ports, expected: Result<&[u16], &str>) {
    let found = plan(ports).map(|plan| {
        plan.processes.iter().map(|process| process.address.port()).collect::<Vec<u16>>()
    });
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (found, expected) => panic!("expected {expected:?}, found {found:?}"),
    }
}

#[test]
fn ports_move_together() {
    check_ports(Ports::From(9000), Ok(&[9031, 9032, 9041, 9042, 9001, 9002, 9000]));
    check_ports(Ports::From(1024), Ok(&[1055, 1056, 1065, 1066, 1025, 1026, 1024]));
    check_ports(
        Ports::From(80),
        Err("with the front door on port 80, front-door would be on port 80; \
             ports are between 1024 and 65535"),
    );
    check_ports(
        Ports::From(65_500),
        Err("with the front door on port 65500, applicationServer01-west would be on port 65541; \
             ports are between 1024 and 65535"),
    );
    check_ports(
        Ports::These(vec![2001, 2002, 2003, 2004, 2005, 2006, 2007]),
        Ok(&[2003, 2004, 2006, 2007, 2002, 2005, 2001]),
    );
    check_ports(Ports::These(vec![2001]), Err("the topology needs 7 ports, 1 were given"));
}
