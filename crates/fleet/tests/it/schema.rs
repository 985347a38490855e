//! `topology.schema.json` says the same as the types and the rules.
//!
//! Every object of the built-in topology is walked beside its schema, so a field that is added to
//! one and forgotten in the other fails here.

use std::collections::BTreeSet;

use fleet::topology::{BUILT_IN, Topology};
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../../../../topology.schema.json");

/// Calls `visit` with the JSON pointer of each value of the topology and with its schema.
fn walk(pointer: &str, value: &Value, schema: &Value, visit: &mut dyn FnMut(&str, &Value, &Value)) {
    visit(pointer, value, schema);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                walk(&format!("{pointer}/{name}"), field, &schema["properties"][name], visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{pointer}/{index}"), item, &schema["items"], visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn each(mut visit: impl FnMut(&str, &Value, &Value)) {
    // Written back from the types, so that it holds exactly the fields that serde knows.
    let topology = Topology::parse(BUILT_IN, "built-in").unwrap();
    let json = serde_json::to_value(&*topology).unwrap();
    walk("", &json, &serde_json::from_str(SCHEMA).unwrap(), &mut visit);
}

fn parses_with(pointer: &str, value: Value) -> bool {
    let mut json: Value = serde_json::from_str(BUILT_IN).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    Topology::parse(&json.to_string(), "edited").is_ok()
}

#[test]
fn objects_have_the_same_fields() {
    each(|pointer, value, schema| {
        let Value::Object(fields) = value else { return };
        let known: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{pointer}"));
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(known, described, "properties of `{pointer}`");
        let required: BTreeSet<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        let needed: BTreeSet<&str> = known.iter().copied().filter(|it| *it != "$schema").collect();
        assert_eq!(required, needed, "required of `{pointer}`");
        assert_eq!(schema["additionalProperties"], json!(false), "`{pointer}`");
    });
}

#[test]
fn required_fields_are_required_and_others_refused() {
    each(|pointer, value, _| {
        let Value::Object(fields) = value else { return };
        for name in fields.keys().filter(|name| *name != "$schema") {
            let rest: Map<String, Value> = fields
                .iter()
                .filter(|(it, _)| *it != name)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            assert!(!parses_with(pointer, Value::Object(rest)), "`{pointer}` without {name}");
        }
        let mut more = fields.clone();
        more.insert("more".to_owned(), json!(1));
        assert!(!parses_with(pointer, Value::Object(more)), "`{pointer}` with another field");
    });
}

#[test]
fn types_are_the_same() {
    each(|pointer, value, schema| {
        let expected = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::Null => panic!("`{pointer}` is null"),
        };
        let stated = schema["type"].as_str().or_else(|| {
            let is_text = schema["const"].is_string() || schema["enum"][0].is_string();
            is_text.then_some("string")
        });
        assert_eq!(stated, Some(expected), "`{pointer}`");
    });
}

#[test]
fn numbers_have_the_same_bounds() {
    let mut count = 0;
    each(|pointer, value, schema| {
        if !value.is_number() {
            return;
        }
        let minimum = schema["minimum"].as_i64().unwrap_or_else(|| panic!("`{pointer}` minimum"));
        let maximum = schema["maximum"].as_i64().unwrap_or_else(|| panic!("`{pointer}` maximum"));
        assert!((minimum..=maximum).contains(&value.as_i64().unwrap()), "`{pointer}`");
        assert!(!parses_with(pointer, json!(minimum - 1)), "`{pointer}` below its minimum");
        assert!(!parses_with(pointer, json!(maximum + 1)), "`{pointer}` above its maximum");
        count += 1;
    });
    assert!(count >= 20, "only {count} numbers were found");
}

#[test]
fn lists_have_the_same_lengths() {
    each(|pointer, value, schema| {
        let Value::Array(items) = value else { return };
        let length = |name: &str| usize::try_from(schema[name].as_u64().unwrap()).unwrap();
        assert!((length("minItems")..=length("maxItems")).contains(&items.len()), "`{pointer}`");
        let too_few: Vec<Value> = items.iter().take(length("minItems") - 1).cloned().collect();
        assert!(!parses_with(pointer, json!(too_few)), "`{pointer}` too short");
        let too_many: Vec<Value> =
            items.iter().cycle().take(length("maxItems") + 1).cloned().collect();
        assert!(!parses_with(pointer, json!(too_many)), "`{pointer}` too long");
    });
}
