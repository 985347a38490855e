//! Every name of AWS that the pipeline's scripts use is the name of something that a root makes.
//!
//! Guarantees: the names come from `ci/names.sh`, which asks the functions that the scripts
//! themselves use, and no script makes one up beside them; what exists comes from the plans.
//!
//! Deliberately not here: what the names are; `modules/naming` has the convention.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::Terraform;
use super::plan::Plan;

/// What a line of `ci/names.sh` begins with, and where a plan has such a name.
const KINDS: &[(&str, &str, &str)] = &[
    ("alarm", "aws_cloudwatch_metric_alarm", "alarm_name"),
    ("balancer", "aws_lb", "name"),
    ("bucket", "aws_s3_bucket", "bucket"),
    ("database", "aws_db_instance", "identifier"),
    ("fence", "aws_security_group", "name"),
    ("group", "aws_autoscaling_group", "name"),
    ("machine", "aws_instance", "tags/Name"),
    ("role", "aws_iam_role", "name"),
    ("secret", "aws_secretsmanager_secret", "name"),
    ("template", "aws_launch_template", "name"),
    ("topic", "aws_sns_topic", "name"),
];

/// The account of plans that are made without one.
const ACCOUNT: &str = "123456789012";

/// Holds what the scripts use against the plans of all roots; gives what nobody makes.
pub(crate) fn check(
    terraform: &Terraform,
    root: &Path,
    plans: &[Plan],
) -> anyhow::Result<Vec<String>> {
    let mut breaches = made_up(&root.join("ci"))?;
    let (is_fine, said) = terraform.run(root, &format!("ci/names.sh {ACCOUNT}"))?;
    anyhow::ensure!(is_fine, "ci/names.sh: {said}");
    let mut kinds = BTreeSet::new();
    for line in said.lines() {
        let (kind, name) = line.split_once(' ').with_context(|| format!("ci/names.sh: {line}"))?;
        kinds.insert(kind);
        breaches.extend(missing(kind, name, plans));
    }
    for (kind, ..) in KINDS.iter().filter(|(kind, ..)| !kinds.contains(kind)) {
        breaches.push(format!("ci/names.sh: names no {kind}"));
    }
    Ok(breaches)
}

fn missing(kind: &str, name: &str, plans: &[Plan]) -> Option<String> {
    if kind == "alarms" {
        return outside(name, plans);
    }
    let Some((_, of, path)) = KINDS.iter().find(|row| row.0 == kind) else {
        return Some(format!("ci/names.sh: nobody knows the kind {kind}"));
    };
    let is_made = plans.iter().any(|plan| plan.of(of).any(|it| it.at(path) == &Value::from(name)));
    (!is_made).then(|| format!("ci uses the {kind} {name}, and no root makes it"))
}

/// An alarm of a region whose name has not the beginning by which the pipeline watches.
fn outside(prefix: &str, plans: &[Plan]) -> Option<String> {
    let alarms = || plans.iter().flat_map(|plan| plan.of("aws_cloudwatch_metric_alarm"));
    if alarms().count() == 0 {
        return Some("no root makes an alarm".to_owned());
    }
    let other = alarms().find(|alarm| !alarm.text("alarm_name").starts_with(prefix))?;
    Some(format!("{}: ci watches alarms that begin with {prefix}", other.address))
}

/// Names that a script makes beside `ci/lib.sh`.
fn made_up(ci: &Path) -> anyhow::Result<Vec<String>> {
    let mut breaches = Vec::new();
    for entry in std::fs::read_dir(ci).context("could not list ci")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "lib.sh" || !name.ends_with(".sh") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let made = lines.filter(|line| makes_a_name(line)).map(|line| {
            format!("ci/{name}: makes up a name, which belongs in ci/lib.sh: {}", line.trim())
        });
        breaches.extend(made);
    }
    Ok(breaches)
}

fn makes_a_name(line: &str) -> bool {
    ["topology .project", "$project", "ALB-", "applicationServer"]
        .iter()
        .any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let change = |kind: &str, after: &str| {
            format!(
                r#"{{"mode":"managed","address":"a","type":"{kind}","change":{{"actions":["create"],
                "after":{after}}}}}"#
            )
        };
        let changes = [
            change("aws_iam_role", r#"{"name":"x-plan"}"#),
            change("aws_cloudwatch_metric_alarm", r#"{"alarm_name":"x-cpu"}"#),
        ];
        Plan::parse(&format!(r#"{{"resource_changes":[{}]}}"#, changes.join(","))).unwrap()
    }

    #[test]
    fn what_nobody_makes_is_named() {
        let plans = [plan()];
        for (kind, name, is_missing) in [
            ("role", "x-plan", false),
            ("role", "x-operate", true),
            ("bucket", "x-plan", true),
            ("alarms", "x-", false),
            ("alarms", "y-", true),
            ("alarm", "x-cpu", false),
            ("alarm", "x-other", true),
            ("thing", "x", true),
        ] {
            assert_eq!(missing(kind, name, &plans).is_some(), is_missing, "{kind} {name}");
        }
        assert!(missing("alarms", "x-", &[]).is_some());
    }

    #[test]
    fn a_name_made_in_a_script_is_seen() {
        assert!(makes_a_name("database=\"$project-database-$region\""));
        assert!(makes_a_name("secret=$(topology .project)/smoke"));
        assert!(!makes_a_name("secret=$(secret_name smoke)"));
    }
}
