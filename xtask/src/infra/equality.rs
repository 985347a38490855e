//! Terraform plans what `ballast up` starts: names, counts, ports and health-check numbers.
//!
//! Guarantees: compares the plan with the topology's own reader and with the plan of the local
//! deployment, never with numbers written down here.
//!
//! Deliberately not here: what must hold whatever the topology (`rules`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fleet::data_folder::DataFolder;
use fleet::plan::{self as local, PlanOptions, Ports};
use fleet::process::Role;
use fleet::topology::{Region, RegionRole, Topology};
use serde_json::{Value, json};

use super::plan::{Plan, Resource};

/// Compares the plan of one region; gives the differences.
pub(crate) fn check(plan: &Plan, topology: &Topology, key: &str) -> anyhow::Result<Vec<String>> {
    let Some(region) = topology.regions.iter().find(|region| region.key == key) else {
        return Ok(vec![format!("the topology has no region {key}")]);
    };
    let mut differences = Differences::default();
    numbers(plan, topology, region, &mut differences);
    names(plan, topology, region, &mut differences)?;
    Ok(differences.found)
}

#[derive(Default)]
struct Differences {
    found: Vec<String>,
}

impl Differences {
    fn one(&mut self, what: &str, planned: &Value, wanted: &Value) {
        if planned != wanted {
            self.found
                .push(format!("{what}: Terraform plans {planned}, the topology has {wanted}"));
        }
    }

    /// The only resource of a type has these values.
    fn fields(&mut self, plan: &Plan, kind: &str, fields: &[(&str, Value)]) {
        let all: Vec<&Resource> = plan.of(kind).collect();
        self.one(&format!("count of {kind}"), &json!(all.len()), &json!(1));
        for resource in all {
            for (path, wanted) in fields {
                self.one(&format!("{}.{path}", resource.address), resource.at(path), wanted);
            }
        }
    }
}

fn numbers(plan: &Plan, topology: &Topology, region: &Region, differences: &mut Differences) {
    let check = &topology.health_check;
    differences.fields(
        plan,
        "aws_lb_target_group",
        &[
            ("port", json!(topology.application.port)),
            ("deregistration_delay", json!(topology.drain_seconds.to_string())),
            ("health_check/0/path", json!(topology.application.live_path)),
            ("health_check/0/interval", json!(check.interval_seconds)),
            ("health_check/0/timeout", json!(check.timeout_seconds)),
            ("health_check/0/healthy_threshold", json!(check.healthy_threshold)),
            ("health_check/0/unhealthy_threshold", json!(check.unhealthy_threshold)),
        ],
    );
    differences.fields(plan, "aws_vpc", &[("cidr_block", json!(region.cidr))]);
    let groups: Vec<&Resource> = plan.of("aws_autoscaling_group").collect();
    for (name, wanted) in [("min_size", region.servers_min), ("max_size", region.servers_max)] {
        let sum: i64 = groups.iter().filter_map(|group| group.number(name)).sum();
        differences.one(&format!("sum of {name}"), &json!(sum), &json!(wanted));
    }
    let zones: Vec<&str> = region.zones.iter().map(|zone| zone.name.as_str()).collect();
    for tier in ["public", "app", "database"] {
        let subnets = plan.of("aws_subnet").filter(|it| it.at("tags/Tier") == tier);
        let planned: Vec<String> = subnets.map(|it| it.text("availability_zone")).collect();
        differences.one(&format!("zones of {tier} subnets"), &json!(planned), &json!(zones));
    }
    let primaries = plan.of("aws_db_instance").filter(|it| it.at("replicate_source_db").is_null());
    for database in primaries.filter(|it| !it.is_unknown("replicate_source_db")) {
        differences.one("role of the region", &json!(region.role), &json!(RegionRole::Primary));
        for (path, wanted) in [
            ("engine_version", json!(topology.database.engine_version)),
            ("multi_az", json!(topology.database.multi_az)),
            ("backup_retention_period", json!(topology.database.backup_days)),
        ] {
            differences.one(path, database.at(path), &wanted);
        }
    }
}

fn names(
    plan: &Plan,
    topology: &Topology,
    region: &Region,
    differences: &mut Differences,
) -> anyhow::Result<()> {
    let options = PlanOptions {
        data_folder: DataFolder::at(Path::new("."))?,
        database: String::new(),
        database_readers: BTreeMap::new(),
        executable: PathBuf::new(),
        ports: Ports::AsWritten,
        tls: None,
    };
    let here = local::Plan::try_new(topology, &options)?;
    for (role, kind) in [(Role::Server, "aws_autoscaling_group"), (Role::Balancer, "aws_lb")] {
        let of_region = here.processes.iter().filter(|it| it.region.as_ref() == Some(&region.key));
        let wanted: Vec<&str> =
            of_region.filter(|it| it.role == role).map(|it| it.name.as_str()).collect();
        let planned: Vec<String> = plan.of(kind).map(|it| it.text("name")).collect();
        differences.one(&format!("names of {kind}"), &json!(planned), &json!(wanted));
    }
    Ok(())
}
