//! Other topologies than the one in the tree: broken ones are refused in the words of
//! `ballast topology check`, sound ones plan without a change of the sources.
//!
//! Guarantees: both readers are tried with the same table, `tests/data/topology_rules.json`.
//!
//! Deliberately not here: the reader in Rust; the tests of `fleet` try it.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};

use super::Terraform;
use super::parallel::in_parallel;

/// Tries Terraform's rules with every broken topology of the table.
pub(crate) fn check_table(terraform: &Terraform, root: &Path) -> anyhow::Result<Vec<String>> {
    let table: Value = read(&root.join("tests/data/topology_rules.json"))?;
    let rows = table.as_array().context("the table is a list")?;
    let base = without_schema(read(&root.join(super::TEST_TOPOLOGY))?);
    let mut documents = Map::from_iter([("sound".to_owned(), base.clone())]);
    for (index, row) in rows.iter().enumerate() {
        documents.insert(index.to_string(), edited(&base, row)?);
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("cases.json"), Value::Object(documents).to_string())?;
    let source = root.join("infra/modules/topology/rules");
    let sources = format!(
        "module \"case\" {{\n  for_each = jsondecode(file(\"cases.json\"))\n  source   = {:?}\n  \
         document = each.value\n}}\noutput \"problems\" {{\n  value = {{ for key, case in \
         module.case : key => case.problems }}\n}}\n",
        source.display().to_string()
    );
    std::fs::write(folder.path().join("main.tf"), sources)?;
    let script = "terraform init -no-color && terraform apply -auto-approve -no-color && \
                  terraform output -json problems >problems.json";
    let (is_fine, said) = terraform.run(folder.path(), script)?;
    ensure!(is_fine, "the rules of modules/topology could not be tried: {said}");
    let told = read(&folder.path().join("problems.json"))?;
    let mut breaches = Vec::new();
    let mut expect = |key: &str, wanted: Value| {
        let got = told.get(key).cloned().unwrap_or_default();
        if got != wanted {
            breaches.push(format!("modules/topology: expected {wanted}, Terraform says {got}"));
        }
    };
    expect("sound", json!([]));
    for (index, row) in rows.iter().enumerate() {
        expect(&index.to_string(), json!([row.get("problem")]));
    }
    Ok(breaches)
}

/// Sound topologies that differ in everything that may differ.
pub(crate) fn plan_others(terraform: &Terraform, root: &Path) -> anyhow::Result<Vec<String>> {
    let zone = |name: &str, port: u16| json!({ "name": name, "local_port": port });
    let three =
        json!([zone("us-east-1a", 8111), zone("us-east-1b", 8112), zone("us-east-1c", 8113)]);
    let row = |pointer: &str, value: Value| json!({ "pointer": pointer, "value": value });
    let others: [(&str, Vec<Value>); 4] = [
        (
            "three zones",
            vec![
                row("/regions/0/zones", three),
                row("/regions/0/servers_min", json!(4)),
                row("/regions/0/servers_max", json!(8)),
            ],
        ),
        (
            "the primary swapped",
            vec![
                row("/regions/0/role", json!("standby")),
                row("/regions/1/role", json!("primary")),
            ],
        ),
        (
            "other networks and places",
            vec![
                row("/regions/0/cidr", json!("172.20.0.0/18")),
                row("/regions/1/cidr", json!("192.168.0.0/20")),
                row("/regions/1/aws_region", json!("eu-central-1")),
                row(
                    "/regions/1/zones",
                    json!([zone("eu-central-1a", 8121), zone("eu-central-1b", 8122)]),
                ),
            ],
        ),
        (
            "other ports and counts",
            vec![
                row("/application/port", json!(9000)),
                row("/regions/1/servers_min", json!(3)),
                row("/regions/1/servers_max", json!(7)),
                row("/health_check/interval_seconds", json!(11)),
                row("/health_check/timeout_seconds", json!(3)),
                row("/drain_seconds", json!(17)),
            ],
        ),
    ];
    let base = read(&root.join("topology.json"))?;
    let found = in_parallel(&others, |(what, rows)| {
        let document = rows.iter().try_fold(base.clone(), |base, row| edited(&base, row))?;
        let copy = terraform.copy(root)?;
        std::fs::write(copy.path().join("topology.json"), document.to_string())?;
        let mut breaches = Vec::new();
        for place in ["live/east", "live/west", "live/global"] {
            let planned = terraform.first_plan(copy.path(), place, "production")?;
            let found = super::judge_planned(planned, copy.path(), place)?;
            breaches.extend(found.into_iter().map(|it| format!("{what}, {place}: {it}")));
        }
        Ok(breaches)
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// The document with the row's `value` at its `pointer` (RFC 6901).
fn edited(base: &Value, row: &Value) -> anyhow::Result<Value> {
    let mut document = base.clone();
    let pointer = row.get("pointer").and_then(Value::as_str).context("a row has a pointer")?;
    let place = document.pointer_mut(pointer).with_context(|| format!("nothing at {pointer}"))?;
    *place = row.get("value").cloned().context("a row has a value")?;
    Ok(document)
}

fn without_schema(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("$schema");
    }
    document
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("could not read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}
