//! `ballast topology`: exit codes and what stands where.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::deployment::{ballast, text};

/// The built-in topology as tests name its parts; the roles of that one may be swapped one day.
const TOPOLOGY: &str = include_str!("../../../../infra/tests/topology.json");

/// [`TOPOLOGY`] with one field changed, as a file.
fn edited(folder: &Path, pointer: &str, value: Value) -> PathBuf {
    let mut topology: Value = serde_json::from_str(TOPOLOGY).unwrap();
    *topology.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    let file = folder.join("topology.json");
    std::fs::write(&file, topology.to_string()).unwrap();
    file
}

#[track_caller]
fn refused(pointer: &str, value: Value, field: &str, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = edited(folder.path(), pointer, value);
    let output = ballast(&["topology", "check", file.to_str().unwrap()]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(field) && said.contains(words), "{said}");
}

#[test]
fn check_names_the_field_and_the_rule() {
    let topology: Value = serde_json::from_str(TOPOLOGY).unwrap();
    let east = topology.pointer("/regions/0").unwrap().clone();
    let overlapping = east["cidr"].clone();
    refused("/regions/1/cidr", overlapping, "regions[1].cidr", "overlaps the network");
    refused("/regions/1/role", json!("primary"), "regions", "primary");
    refused("/regions/0/zones", json!([east["zones"][0]]), "regions[0].zones", "zone");
    refused("/database/public", json!(true), "database.public", "never public");
    refused("/drain_seconds", json!("five"), "drain_seconds", "invalid type");
}

#[test]
fn check_of_a_good_file_says_so_and_of_a_missing_one_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = edited(folder.path(), "/link_ms", json!(40));
    let output = ballast(&["topology", "check", file.to_str().unwrap()]);
    assert!(output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("every rule is kept: 2 regions, 4 zones"), "{said}");

    let missing = folder.path().join("none.json");
    let output = ballast(&["topology", "check", missing.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("none.json"), "{}", text(&output.stderr));
}

#[test]
fn show_lists_the_processes_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = edited(folder.path(), "/front_door/local_port", json!(9_080));
    let output = ballast(&["topology", "show", "--json", file.to_str().unwrap()]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let processes = shown["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 7, "{shown}");
    let door = processes.iter().find(|it| it["role"] == "front_door").unwrap();
    assert_eq!(door["address"], "127.0.0.1:9080");
    assert_eq!(door["upstreams"], json!(["ALB-east", "ALB-west"]));
    assert_eq!(shown["topology"]["front_door"]["local_port"], 9_080);
}

#[test]
fn the_diagram_is_a_picture_of_every_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = edited(folder.path(), "/regions/1/zones/0/name", json!("us-west-2c"));
    let picture = folder.path().join("picture.svg");
    let output = ballast(&[
        "topology",
        "diagram",
        "--output",
        picture.to_str().unwrap(),
        file.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let drawn = std::fs::read_to_string(picture).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.trim_end().ends_with("</svg>"));
    for place in ["us-east-1a", "us-east-1b", "us-west-2c", "us-west-2b"] {
        assert!(drawn.contains(place), "{place}");
    }
}
