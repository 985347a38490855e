//! Rules over the text of the Terraform sources, where a plan says nothing.
//!
//! Guarantees: names are made in `modules/naming` only; every variable has a type, a description
//! and a validation, every output a description; states are locked and encrypted; no keys.
//!
//! Deliberately not here: what Terraform itself checks.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// Arguments that name a resource; outside of `modules/naming` they hold references.
const NAMES: &[&str] =
    &["name", "Name", "identifier", "bucket", "replication_group_id", "alarm_name"];

/// What cannot be made again: Terraform itself refuses to remove it. A reader can.
const PRECIOUS: &[&str] = &[
    "resource \"aws_db_instance\" \"this\"",
    "resource \"aws_ebs_volume\" ",
    "resource \"aws_kms_key\" ",
    "resource \"aws_kms_replica_key\" ",
];

/// The argument that a fence changes (ci/promote-database.sh); Terraform leaves it as it finds it.
const DATABASE_GROUPS: &str = "vpc_security_group_ids";

/// Checks every `.tf` file below the folder; gives the breaches.
pub(crate) fn check(infra: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    collect(infra, &mut files)?;
    let mut breaches = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("could not read {}", file.display()))?;
        let place = file.strip_prefix(infra).unwrap_or(file).to_string_lossy().replace('\\', "/");
        breaches.extend(breaches_of(&place, &text).into_iter().map(|it| format!("{place}: {it}")));
    }
    Ok(breaches)
}

/// Every `.tf` file below the folder, without what Terraform put there.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("could not list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !is_hidden {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "tf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

fn breaches_of(place: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for (head, body) in blocks(text) {
        let has = |argument: &str| body.lines().any(|line| line.trim_start().starts_with(argument));
        if head.starts_with("variable ") {
            // A set of names has its keys as its type; the module that gets one uses them all.
            let is_names = head == "variable \"names\"" || place.contains("modules/topology/rules");
            for needed in ["type", "description", "validation"] {
                if !(has(needed) || is_names && needed == "validation") {
                    breaches.push(format!("{head} has no {needed}"));
                }
            }
        }
        if head.starts_with("output ") && !has("description") {
            breaches.push(format!("{head} has no description"));
        }
        if head.starts_with("provider ") && !has("alias") {
            breaches.push(format!("{head} has no alias: it would serve whoever names no region"));
        }
        let is_precious = PRECIOUS.iter().any(|start| head.starts_with(start));
        if is_precious && !body.contains("prevent_destroy = true") {
            breaches.push(format!("{head} has no prevent_destroy, and cannot be made again"));
        }
        let is_left = |it: &str| it.contains("ignore_changes") && it.contains(DATABASE_GROUPS);
        if head.starts_with("resource \"aws_db_instance\" ") && !body.lines().any(is_left) {
            breaches.push(format!("{head}: an apply would open a database that was fenced"));
        }
        if head.starts_with("resource ") && !place.starts_with("modules/naming") {
            let literal = body.lines().find(|line| {
                line.trim().split_once('=').is_some_and(|(name, value)| {
                    NAMES.contains(&name.trim()) && value.trim_start().starts_with('"')
                })
            });
            if let Some(line) = literal {
                breaches.push(format!("{head} makes up a name: {}", line.trim()));
            }
        }
    }
    if text.contains("backend \"s3\"") {
        for needed in ["use_lockfile = true", "encrypt      = true"] {
            if !text.contains(needed) {
                breaches.push(format!("the state's backend has no `{needed}`"));
            }
        }
    }
    if text.contains("role/aws-service-role/") {
        breaches.push("a service's role is referred to, so that it is made first".to_owned());
    }
    for key in ["access_key", "secret_key", "key_name", "AKIA"] {
        if text.contains(key) {
            breaches.push(format!("{key}: rights come from roles, not keys"));
        }
    }
    breaches
}

/// The blocks at the top of a file that `terraform fmt` has formatted: head and body.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        if !is_inside && let Some(head) = line.strip_suffix(" {") {
            blocks.push((head.to_owned(), String::new()));
            is_inside = true;
        } else if line == "}" {
            is_inside = false;
        } else if is_inside && let Some((_, body)) = blocks.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_broken_by_something() {
        let whole =
            "variable \"a\" {\n  type = string\n  description = \"x\"\n  validation {\n  }\n}\n";
        let cases = [
            (whole.to_owned(), 0),
            (whole.replace("  type = string\n", ""), 1),
            (whole.replace("  validation {\n  }\n", ""), 1),
            ("output \"a\" {\n  value = 1\n}\n".to_owned(), 1),
            ("provider \"aws\" {\n  region = \"x\"\n}\n".to_owned(), 1),
            ("resource \"a\" \"b\" {\n  name = \"made-up\"\n}\n".to_owned(), 1),
            ("resource \"a\" \"b\" {\n  name = var.names.b\n}\n".to_owned(), 0),
            ("resource \"aws_kms_key\" \"b\" {\n  region = var.region\n}\n".to_owned(), 1),
            ("resource \"aws_db_instance\" \"b\" {\n  port = 5432\n}\n".to_owned(), 1),
            ("terraform {\n  backend \"s3\" {\n    use_lockfile = true\n  }\n}\n".to_owned(), 1),
            ("locals {\n  a = \"arn:aws:iam::1:role/aws-service-role/x\"\n}\n".to_owned(), 1),
            ("locals {\n  access_key = \"x\"\n}\n".to_owned(), 1),
        ];
        for (text, expect) in cases {
            assert_eq!(breaches_of("modules/app/x.tf", &text).len(), expect, "{text}");
        }
    }
}
