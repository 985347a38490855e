//! The rules of a topology: one broken value, one sentence.

use fleet::topology::{BUILT_IN, Cidr, Topology, TopologyError, diagram};
use serde::Deserialize;
use serde_json::Value;

use crate::harness::TOPOLOGY;

/// One broken value a case; Terraform's rules are tried with the same file.
const CASES: &str = include_str!("../../../../tests/data/topology_rules.json");

/// A topology with `value` at `pointer` breaks one rule: `problem`.
#[derive(Deserialize)]
struct Case {
    pointer: String,
    value: Value,
    problem: String,
}

/// A topology with the value at a JSON pointer (RFC 6901) replaced.
fn edited(pointer: &str, value: &str) -> String {
    let mut json: Value = serde_json::from_str(TOPOLOGY).unwrap();
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
fn one_broken_value_is_one_sentence() {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for case in cases {
        check(&case.pointer, &case.value.to_string(), &case.problem);
    }
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

#[test]
fn the_picture_names_everything_and_escapes() {
    let zones = r#"[{"name":"us-east-1a","local_port":8111},{"name":"us-east-1b","local_port":8112},
                    {"name":"us-east-1c","local_port":8113}]"#;
    let mut json: Value = serde_json::from_str(&edited("/regions/0/zones", zones)).unwrap();
    json["regions"][0]["servers_min"] = 3.into();
    let topology = Topology::parse(&json.to_string(), "three zones").unwrap();
    let picture = diagram::svg(&topology);
    for name in [
        "ALB-east",
        "ALB-west",
        "front door",
        "applicationServer03-east",
        "us-east-1c",
        "applicationServer02-west",
        "10.1.0.0/16",
        "PostgreSQL 15",
        "checks every 5 s, 2 s each",
    ] {
        assert!(picture.contains(&format!(">{name}<")), "{name} is missing");
    }
    assert_eq!(picture.matches("class=\"server\"").count(), 5);
    assert_eq!(picture.matches("class=\"copy\"").count(), 1);
    assert!(!picture.contains("<script"));
}
