//! What the first deployment of this bank had not and wished for, each seen in the plans of the
//! production profile: a private database, private servers, failover to the other region, a cache,
//! replicas in the servers' zones, servers by load.
//!
//! Guarantees: every wish has a rule here that a plan without it breaks. Ids are known only in the
//! plan of what was applied, so that one decides where a subnet or a route leads.
//!
//! Deliberately not here: what holds in every profile (`rules`).

use std::collections::BTreeSet;

use fleet::topology::{Region, RegionRole, Topology};
use serde_json::{Value, json};

use super::plan::{Plan, Resource};
use super::user_data;

/// Checks the plan of one root; gives the wishes that it leaves open.
pub(crate) fn check(plan: &Plan, topology: &Topology, root: &str) -> Vec<String> {
    let mut open = Vec::new();
    match root.strip_prefix("live/") {
        Some("global") => failover(plan, topology, &mut open),
        Some(key) => {
            for region in topology.regions.iter().filter(|region| region.key == key) {
                private(plan, &mut open);
                replicas(plan, topology, region, &mut open);
                load(plan, region, &mut open);
                wish(
                    plan.of("aws_elasticache_replication_group").count() == 1,
                    "a cache stands before the database",
                    &mut open,
                );
            }
        }
        None => {}
    }
    open
}

fn wish(holds: bool, what: &str, open: &mut Vec<String>) {
    if !holds {
        open.push(format!("not as wished for: {what}"));
    }
}

/// Servers, database and cache stand in subnets from which no route leads to the internet.
fn private(plan: &Plan, open: &mut Vec<String>) {
    for (kind, path, tier) in [
        ("aws_autoscaling_group", "vpc_zone_identifier", "app"),
        ("aws_db_subnet_group", "subnet_ids", "database"),
        ("aws_elasticache_subnet_group", "subnet_ids", "database"),
        ("aws_lb", "subnets", "public"),
    ] {
        let ids: BTreeSet<String> = plan
            .of("aws_subnet")
            .filter(|subnet| subnet.at("tags/Tier") == tier)
            .map(|subnet| subnet.text("id"))
            .collect();
        let mut resources = plan.of(kind).peekable();
        wish(resources.peek().is_some(), &format!("there is no {kind}"), open);
        for resource in resources {
            let used = resource.at(path).as_array().cloned().unwrap_or_default();
            let all_in = used.iter().all(|id| id.as_str().is_some_and(|id| ids.contains(id)));
            let is_known = !resource.is_unknown(path) && used.iter().all(Value::is_string);
            let what = format!("{} stands in {tier} subnets only", resource.address);
            wish(!is_known || (all_in && !used.is_empty()), &what, open);
        }
    }
    let public =
        |route: &Resource| route.is_unknown("gateway_id") || !route.text("gateway_id").is_empty();
    let tables: BTreeSet<String> =
        plan.of("aws_route").filter(|it| public(it)).map(|it| it.text("route_table_id")).collect();
    for table in plan.of("aws_route_table").filter(|it| it.at("tags/Tier") != "public") {
        let is_apart = table.is_unknown("id") || !tables.contains(&table.text("id"));
        wish(is_apart, &format!("{} has no way to the internet", table.address), open);
    }
}

/// A reader in each zone of the primary's servers; a replica in every other region.
fn replicas(plan: &Plan, topology: &Topology, region: &Region, open: &mut Vec<String>) {
    let followers: Vec<&Resource> = plan
        .of("aws_db_instance")
        .filter(|it| {
            it.is_unknown("replicate_source_db") || it.at("replicate_source_db") != &Value::Null
        })
        .collect();
    if region.role == RegionRole::Primary {
        let zones: Vec<&str> = region.zones.iter().map(|zone| zone.name.as_str()).collect();
        let planned: Vec<String> =
            followers.iter().map(|it| it.text("availability_zone")).collect();
        wish(json!(planned) == json!(zones), "a reader of the database in each zone", open);
    } else if topology.database.replica {
        wish(followers.len() == 1, "a replica of the other region's database", open);
    }
    near(plan, &followers, region, open);
}

/// Servers read what is only shown at the reader of their zone, or at their region's replica.
fn near(plan: &Plan, followers: &[&Resource], region: &Region, open: &mut Vec<String>) {
    let templates = plan.of("aws_launch_template").filter(|it| !it.is_unknown("user_data"));
    for (template, zone) in templates.zip(&region.zones) {
        let is_there = |it: &&&Resource| it.text("availability_zone") == zone.name;
        let Some(nearest) = followers.iter().find(is_there).or(followers.first()) else { continue };
        let address = nearest.text("address");
        let reads = user_data::text_of(template).contains(&format!("READERS = \"{address}"));
        let what = format!("servers of {} read near them", zone.name);
        wish(reads && !address.is_empty(), &what, open);
    }
}

/// Each zone follows its load, and has room to.
fn load(plan: &Plan, region: &Region, open: &mut Vec<String>) {
    let policies = plan.of("aws_autoscaling_policy").count();
    wish(policies == region.zones.len(), "each zone gets servers by its load", open);
    if region.servers_max > region.servers_min {
        let can_grow = plan
            .of("aws_autoscaling_group")
            .any(|group| group.number("max_size") > group.number("min_size"));
        wish(can_grow, "a zone has room to grow", open);
    }
}

/// Health checks alone lead clients to the other region, and servers reach its database.
fn failover(plan: &Plan, topology: &Topology, open: &mut Vec<String>) {
    let checks = plan.of("aws_route53_health_check").count();
    wish(checks == topology.regions.len(), "the health of each region is checked", open);
    let ways: BTreeSet<String> = plan
        .of("aws_route53_record")
        .filter(|it| it.is_unknown("health_check_id") || !it.text("health_check_id").is_empty())
        .map(|it| it.text("failover_routing_policy/0/type"))
        .collect();
    let accelerated = plan.of("aws_globalaccelerator_endpoint_group").count();
    wish(
        ways.contains("PRIMARY") && ways.contains("SECONDARY")
            || accelerated == topology.regions.len(),
        "clients are led to the other region by health alone",
        open,
    );
    let pairs = topology.regions.len() * topology.regions.len().saturating_sub(1) / 2;
    let peerings = plan.of("aws_vpc_peering_connection").count();
    wish(peerings == pairs, "servers reach the database of each other region", open);
}
