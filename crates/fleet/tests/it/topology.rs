//! The rules of a topology: one broken value, one sentence.

use fleet::topology::{BUILT_IN, Cidr, Topology, TopologyError};
use serde_json::Value;

/// The built-in topology with the value at a JSON pointer (RFC 6901) replaced.
fn edited(pointer: &str, value: &str) -> String {
    let mut json: Value = serde_json::from_str(BUILT_IN).unwrap();
    *json.pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
    json.to_string()
}

fn check(pointer: &str, value: &str, expected: &str) {
    match Topology::parse(&edited(pointer, value), "topology.json") {
        Err(TopologyError::Invalid { problems, .. }) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, [expected], "{pointer} = {value}");
        }
        other => panic!("{pointer} = {value}: expected `{expected}`, got {other:?}"),
    }
}

#[test]
fn the_built_in_one_is_right() {
    let topology = Topology::parse(BUILT_IN, "built-in").unwrap();
    assert_eq!(topology.local_process_count(), 7);
}

#[test]
#[rustfmt::skip]
fn one_broken_value_is_one_sentence() {
    let one_zone   = r#"[{"name":"us-east-1a","local_port":8111}]"#;
    check("/project",                               r#""Deployment""#,    "project: a project is 1 to 24 lower-case letters, digits and hyphens, a letter first");
    check("/project",                               r#""""#,              "project: a project is 1 to 24 lower-case letters, digits and hyphens, a letter first");
    check("/application/port",                      "80",                 "application.port: must be between 1024 and 65535, is 80");
    check("/application/live_path",                 r#""/health""#,       "application.live_path: the servers answer at /livez, not at /health");
    check("/application/ready_path",                r#""/""#,             "application.ready_path: the servers answer at /readyz, not at /");
    check("/health_check/interval_seconds",         "4",                  "health_check.interval_seconds: must be between 5 and 300, is 4");
    check("/health_check/timeout_seconds",          "1",                  "health_check.timeout_seconds: must be between 2 and 120, is 1");
    check("/health_check/timeout_seconds",          "5",                  "health_check.timeout_seconds: must be shorter than the interval of 5 s, is 5 s");
    check("/health_check/healthy_threshold",        "1",                  "health_check.healthy_threshold: must be between 2 and 10, is 1");
    check("/health_check/unhealthy_threshold",      "11",                 "health_check.unhealthy_threshold: must be between 2 and 10, is 11");
    check("/drain_seconds",                         "0",                  "drain_seconds: must be between 1 and 3600, is 0");
    check("/front_door/local_port",                 "0",                  "front_door.local_port: must be between 1024 and 65535, is 0");
    check("/front_door/local_port",                 "8111",               "regions[0].zones[0].local_port: port 8111 is already used by front_door.local_port");
    check("/front_door/leave_after_failures",       "0",                  "front_door.leave_after_failures: must be between 1 and 10, is 0");
    check("/front_door/check_interval_seconds",     "0",                  "front_door.check_interval_seconds: must be between 1 and 60, is 0");
    check("/front_door/return_after_seconds",       "3601",                 "front_door.return_after_seconds: must be between 1 and 3600, is 3601");
    check("/regions/1/role",                        r#""primary""#,       "regions: exactly one region is primary, here 2 are");
    check("/regions/0/role",                        r#""standby""#,       "regions: exactly one region is primary, here 0 are");
    check("/regions/1/key",                         r#""east""#,          "regions[1].key: `east` is already used by regions[0]");
    check("/regions/1/key",                         r#""us-west""#,       "regions[1].key: a key is 1 to 16 lower-case letters and digits, a letter first");
    check("/regions/0/zones",                       one_zone,             "regions[0].zones: a region has at least two zones, this one has 1");
    check("/regions/0/zones/1/name",                r#""us-east-1a""#,    "regions[0].zones[1].name: `us-east-1a` is already used by zones[0]");
    check("/regions/0/zones/1/name",                r#""us-east-2b""#,    "regions[0].zones[1].name: a zone of us-east-1 is named us-east-1 and one letter");
    check("/regions/1/zones/1/local_port",          "8121",               "regions[1].zones[1].local_port: port 8121 is already used by regions[1].zones[0].local_port");
    check("/regions/1/local_port",                  "1023",               "regions[1].local_port: must be between 1024 and 65535, is 1023");
    check("/regions/0/servers_min",                 "5",                  "regions[0].servers_min: must not be above servers_max: 5 is above 4");
    check("/regions/0/servers_min",                 "1",                  "regions[0].servers_min: each zone has a server: at least 2, is 1");
    check("/regions/0/servers_max",                 "101",                "regions[0].servers_max: must be between 1 and 100, is 101");
    check("/regions/1/cidr",                        r#""10.1.128.0/17""#, "regions[1].cidr: overlaps the network of regions[0]");
    check("/regions/1/cidr",                        r#""172.32.0.0/16""#, "regions[1].cidr: must be private (10/8, 172.16/12, 192.168/16), is 172.32.0.0/16");
    check("/regions/1/cidr",                        r#""172.16.0.0/12""#, "regions[1].cidr: a VPC is /16 or smaller, this is /12");
    check("/regions/1/cidr",                        r#""10.2.0.0/25""#,   "regions[1].cidr: 6 subnets of at least /27 do not fit in 10.2.0.0/25");
    check("/regions/1/cidr",                        r#""10.2.0.1/16""#,   "regions[1].cidr: 10.2.0.1/16 is not the start of a network; that is 10.2.0.0/16");
    check("/regions/1/cidr",                        r#""10.2.0.0""#,      "regions[1].cidr: an IPv4 network is written like 10.1.0.0/16, not `10.2.0.0`");
    check("/rollout/healthy_minimum",               "2",                  "rollout.healthy_minimum: must be below 2, the servers of the smallest region");
    check("/rollout/healthy_minimum",               "0",                  "rollout.healthy_minimum: must be between 1 and 5, is 0");
    check("/rollout/order",                         r#"["primary"]"#,     "rollout.order: names primary and standby, each once");
    check("/database/engine_version",               r#""14.9""#,          "database.engine_version: PostgreSQL 15 or newer, as in \"15\" or \"16.4\"");
    check("/database/engine_version",               r#""15.x""#,          "database.engine_version: PostgreSQL 15 or newer, as in \"15\" or \"16.4\"");
    check("/database/backup_days",                  "0",                  "database.backup_days: must be between 1 and 35, is 0");
    check("/link_ms",                               "1001",               "link_ms: must be between 0 and 1000, is 1001");
}

#[test]
fn several_broken_rules_are_all_told() {
    let text = edited("/regions/1/aws_region", r#""moon""#);
    let error = Topology::parse(&text, "my.json").unwrap_err().to_string();
    let expected = "my.json: regions[1].aws_region: an AWS region is written like us-east-1, not moon; \
                    regions[1].zones[0].name: a zone of moon is named moon and one letter; \
                    regions[1].zones[1].name: a zone of moon is named moon and one letter";
    assert_eq!(error, expected);
}

#[test]
fn a_text_of_another_shape_says_where() {
    let check = |text: &str, expected: &str| {
        let error = Topology::parse(text, "my.json").unwrap_err();
        assert_eq!(error.to_string(), "my.json is not a topology");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with(expected), "{cause}");
    };
    check("", "EOF while parsing a value at line 1 column 0");
    check("{\n  \"projekt\": \"x\"\n}", "projekt: unknown field `projekt`, expected one of");
    check(&edited("/link_ms", "-1"), "link_ms: invalid value: integer `-1`, expected u32");
    check(
        &edited("/front_door/local_port", "70000"),
        "front_door.local_port: invalid value: integer `70000`, expected u16",
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = Topology::load(Some("/nowhere/topology.json".as_ref())).unwrap_err();
    assert_eq!(error.to_string(), "could not read the topology file /nowhere/topology.json");
}

#[test]
fn networks_overlap_when_one_holds_the_other() {
    let overlaps =
        |one: &str, other: &str| Cidr::parse(one).unwrap().overlaps(Cidr::parse(other).unwrap());
    assert!(overlaps("10.0.0.0/8", "10.200.0.0/16"));
    assert!(overlaps("10.200.0.0/16", "10.0.0.0/8"));
    assert!(overlaps("0.0.0.0/0", "192.168.1.0/24"));
    assert!(!overlaps("10.1.0.0/16", "10.2.0.0/16"));
    assert!(!overlaps("10.1.0.0/17", "10.1.128.0/17"));
}
