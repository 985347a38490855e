//! The rules between the fields of a topology. Terraform checks the same ones.
//!
//! Guarantees: every broken rule is reported, not only the first, each with its field.
//!
//! Deliberately not here: types and unknown fields (`shape`).

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::shape::{Region, RegionRole, Shape};
use super::{Cidr, Problem};

/// What the servers answer; the schema says the same.
const LIVE_PATH: &str = "/livez";
const READY_PATH: &str = "/readyz";

/// Ports below 1024 need privileges (IANA system ports, RFC 6335 §6).
const PORTS: RangeInclusive<u32> = 1024..=65535;

/// A VPC is between /16 and /28 (Amazon VPC user guide, "VPC CIDR blocks").
const VPC_PREFIX_MIN: u8 = 16;

/// Public, app and database (delivery.md §2).
const SUBNETS_PER_ZONE: usize = 3;

/// A subnet of a load balancer is /27 or larger (ALB user guide, "Subnets for your load balancer").
const SUBNET_PREFIX_MAX: u8 = 27;

/// First version of PostgreSQL the bank runs on.
const POSTGRES_MIN: u32 = 15;

/// Every broken rule, in the order of the file.
pub(super) fn problems(shape: &Shape) -> Vec<Problem> {
    let mut found = Found::default();
    top(shape, &mut found);
    health_check(shape, &mut found);
    front_door(shape, &mut found);
    regions(shape, &mut found);
    networks(shape, &mut found);
    ports(shape, &mut found);
    rollout(shape, &mut found);
    database(shape, &mut found);
    found.problems
}

#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
}

impl Found {
    fn add(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        self.problems.push(Problem { field: field.into(), rule: rule.into() });
    }

    fn range(&mut self, field: impl Into<String>, value: u32, range: RangeInclusive<u32>) {
        if !range.contains(&value) {
            let (start, end) = range.into_inner();
            self.add(field, format!("must be between {start} and {end}, is {value}"));
        }
    }
}

fn top(shape: &Shape, found: &mut Found) {
    if !is_name(&shape.project, 24, "-") {
        let rule = "a project is 1 to 24 lower-case letters, digits and hyphens, a letter first";
        found.add("project", rule);
    }
    found.range("application.port", shape.application.port.into(), PORTS);
    for (field, value, wanted) in [
        ("application.live_path", &shape.application.live_path, LIVE_PATH),
        ("application.ready_path", &shape.application.ready_path, READY_PATH),
    ] {
        if value != wanted {
            found.add(field, format!("the servers answer at {wanted}, not at {value}"));
        }
    }
    // The range of an ALB's deregistration delay, without zero: a server always drains.
    found.range("drain_seconds", shape.drain_seconds, 1..=3600);
    found.range("link_ms", shape.link_ms, 0..=1000);
}

/// The ranges of an ALB target group (ALB user guide, "Health check settings").
fn health_check(shape: &Shape, found: &mut Found) {
    let check = &shape.health_check;
    found.range("health_check.interval_seconds", check.interval_seconds, 5..=300);
    found.range("health_check.timeout_seconds", check.timeout_seconds, 2..=120);
    found.range("health_check.healthy_threshold", check.healthy_threshold, 2..=10);
    found.range("health_check.unhealthy_threshold", check.unhealthy_threshold, 2..=10);
    if check.timeout_seconds >= check.interval_seconds {
        let (timeout, interval) = (check.timeout_seconds, check.interval_seconds);
        let rule = format!("must be shorter than the interval of {interval} s, is {timeout} s");
        found.add("health_check.timeout_seconds", rule);
    }
}

fn front_door(shape: &Shape, found: &mut Found) {
    let door = &shape.front_door;
    found.range("front_door.leave_after_failures", door.leave_after_failures, 1..=10);
    found.range("front_door.check_interval_seconds", door.check_interval_seconds, 1..=60);
    found.range("front_door.return_after_seconds", door.return_after_seconds, 1..=3600);
    if door.return_after_seconds < door.check_interval_seconds {
        let rule = "must not be shorter than front_door.check_interval_seconds";
        found.add("front_door.return_after_seconds", rule);
    }
}

fn regions(shape: &Shape, found: &mut Found) {
    let count = u32::try_from(shape.regions.len()).unwrap_or(u32::MAX);
    found.range("regions", count, 1..=4);
    let primary = shape.regions.iter().filter(|region| region.role == RegionRole::Primary).count();
    if primary != 1 {
        found.add("regions", format!("exactly one region is primary, here {primary} are"));
    }
    let mut seen = HashMap::new();
    for (index, region) in shape.regions.iter().enumerate() {
        let field = |name: &str| format!("regions[{index}].{name}");
        if !is_name(&region.key, 16, "") {
            let rule = "a key is 1 to 16 lower-case letters and digits, a letter first";
            found.add(field("key"), rule);
        }
        if !is_aws_region(&region.aws_region) {
            let rule =
                format!("an AWS region is written like us-east-1, not {}", region.aws_region);
            found.add(field("aws_region"), rule);
        }
        for (name, value) in [("key", &region.key), ("aws_region", &region.aws_region)] {
            if let Some(first) = seen.insert((name, value), index) {
                found.add(field(name), format!("`{value}` is already used by regions[{first}]"));
            }
        }
        servers(region, &field, found);
        zones(region, &field, found);
    }
}

fn servers(region: &Region, field: &dyn Fn(&str) -> String, found: &mut Found) {
    found.range(field("servers_min"), region.servers_min, 1..=100);
    found.range(field("servers_max"), region.servers_max, 1..=100);
    let Region { servers_min, servers_max, .. } = region;
    if servers_min > servers_max {
        let rule = format!("must not be above servers_max: {servers_min} is above {servers_max}");
        found.add(field("servers_min"), rule);
    }
    let zones = u32::try_from(region.zones.len()).unwrap_or(u32::MAX);
    if *servers_min < zones {
        let rule = format!("each zone has a server: at least {zones}, is {servers_min}");
        found.add(field("servers_min"), rule);
    }
}

fn zones(region: &Region, field: &dyn Fn(&str) -> String, found: &mut Found) {
    let count = region.zones.len();
    if count < 2 {
        found.add(field("zones"), format!("a region has at least two zones, this one has {count}"));
    }
    // No AWS region has more than six.
    if count > 6 {
        found.add(field("zones"), format!("a region has at most six zones, this one has {count}"));
    }
    let mut seen = HashMap::new();
    for (index, zone) in region.zones.iter().enumerate() {
        let letter = zone.name.strip_prefix(region.aws_region.as_str()).unwrap_or_default();
        if letter.len() != 1 || !letter.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let rule = format!("a zone of {0} is named {0} and one letter", region.aws_region);
            found.add(field(&format!("zones[{index}].name")), rule);
        }
        if let Some(first) = seen.insert(&zone.name, index) {
            let rule = format!("`{}` is already used by zones[{first}]", zone.name);
            found.add(field(&format!("zones[{index}].name")), rule);
        }
    }
}

fn networks(shape: &Shape, found: &mut Found) {
    let mut seen: Vec<(usize, Cidr)> = Vec::new();
    for (index, region) in shape.regions.iter().enumerate() {
        let field = format!("regions[{index}].cidr");
        let cidr = match Cidr::parse(&region.cidr) {
            Ok(cidr) => cidr,
            Err(rule) => {
                found.add(field, rule);
                continue;
            }
        };
        if !cidr.is_private() {
            let rule = format!("must be private (10/8, 172.16/12, 192.168/16), is {}", region.cidr);
            found.add(field.clone(), rule);
        }
        if cidr.prefix() < VPC_PREFIX_MIN {
            let rule = format!("a VPC is /{VPC_PREFIX_MIN} or smaller, this is /{}", cidr.prefix());
            found.add(field.clone(), rule);
        }
        let subnets = region.zones.len() * SUBNETS_PER_ZONE;
        let bits = subnets.next_power_of_two().trailing_zeros();
        let needed = u32::from(cidr.prefix()) + bits;
        if needed > u32::from(SUBNET_PREFIX_MAX) {
            let rule = format!(
                "{subnets} subnets of at least /{SUBNET_PREFIX_MAX} do not fit in {}",
                region.cidr
            );
            found.add(field.clone(), rule);
        }
        for (first, other) in &seen {
            if cidr.overlaps(*other) {
                found.add(field.clone(), format!("overlaps the network of regions[{first}]"));
            }
        }
        seen.push((index, cidr));
    }
}

fn ports(shape: &Shape, found: &mut Found) {
    let mut all = vec![("front_door.local_port".to_owned(), shape.front_door.local_port)];
    for (index, region) in shape.regions.iter().enumerate() {
        all.push((format!("regions[{index}].local_port"), region.local_port));
        for (zone_index, zone) in region.zones.iter().enumerate() {
            let field = format!("regions[{index}].zones[{zone_index}].local_port");
            all.push((field, zone.local_port));
        }
    }
    let mut seen: HashMap<u16, String> = HashMap::new();
    for (field, port) in all {
        found.range(field.clone(), port.into(), PORTS);
        if let Some(first) = seen.get(&port) {
            found.add(field, format!("port {port} is already used by {first}"));
        } else {
            seen.insert(port, field);
        }
    }
}

fn rollout(shape: &Shape, found: &mut Found) {
    let rollout = &shape.rollout;
    found.range("rollout.healthy_minimum", rollout.healthy_minimum, 1..=5);
    found.range("rollout.warm_up_seconds", rollout.warm_up_seconds, 0..=3600);
    found.range("rollout.bake_seconds", rollout.bake_seconds, 0..=86_400);
    let zones = shape.regions.iter().map(|region| region.zones.len()).min().unwrap_or_default();
    // A region of one zone has its own sentence.
    let zones = zones.max(2);
    if usize::try_from(rollout.healthy_minimum).is_ok_and(|minimum| minimum >= zones) {
        let rule = format!("must be below {zones}, the servers of the smallest region");
        found.add("rollout.healthy_minimum", rule);
    }
    let names_each_once = rollout.order.len() == 2
        && rollout.order.contains(&RegionRole::Primary)
        && rollout.order.contains(&RegionRole::Standby);
    if !names_each_once {
        found.add("rollout.order", "names primary and standby, each once");
    }
}

fn database(shape: &Shape, found: &mut Found) {
    let version = &shape.database.engine_version;
    let major = version.split('.').next().unwrap_or_default().parse::<u32>();
    let is_numeric = version.split('.').all(|part| part.parse::<u32>().is_ok());
    if !is_numeric || major.map_or(true, |major| major < POSTGRES_MIN) {
        let rule = format!("PostgreSQL {POSTGRES_MIN} or newer, as in \"15\" or \"16.4\"");
        found.add("database.engine_version", rule);
    }
    // The range of RDS backup retention; zero would switch backups off.
    found.range("database.backup_days", shape.database.backup_days, 1..=35);
    if shape.database.public {
        found.add("database.public", "the database is never public; only servers reach it");
    }
}

fn is_name(text: &str, length_max: usize, also: &str) -> bool {
    text.len() <= length_max
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || also.contains(one))
}

fn is_aws_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    words.len() >= 2
        && words
            .iter()
            .all(|word| is_name(word, 16, "") && !word.contains(|c: char| c.is_ascii_digit()))
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
