//! Roles: nobody gives rights that he has not, and the bank's machines have few.
//!
//! Guarantees: each role of a machine or service of the bank has a permissions boundary, and so has
//! each role that may do much; who may give rights to roles may do so under a boundary only.
//!
//! Deliberately not here: what the boundaries allow; the tests of their roots say that.

use serde_json::{Value, json};

use super::plan::{Plan, Resource};

/// Policies of Amazon's that allow nearly everything.
const WIDE: &[&str] = &["AdministratorAccess", "IAMFullAccess", "PowerUserAccess"];

/// Actions that give rights to a role (IAM's actions with the key `iam:PermissionsBoundary`).
const GIVING: &[&str] = &[
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "iam:AttachRolePolicy",
    "iam:PutRolePermissionsBoundary",
];

/// Checks the plan of one root; gives the breaches.
pub(crate) fn check(plan: &Plan) -> Vec<String> {
    let mut breaches = Vec::new();
    for role in plan.of("aws_iam_role").filter(|it| !is_bounded(it)) {
        if role.address.contains("module.") {
            breaches
                .push(format!("{}: a role of the bank's machines has a boundary", role.address));
        }
        let is_wide = plan.of("aws_iam_role_policy_attachment").any(|it| {
            let policy = it.text("policy_arn");
            it.text("role") == role.text("name") && WIDE.iter().any(|wide| policy.ends_with(wide))
        });
        if is_wide {
            breaches.push(format!("{}: a role that may do much has a boundary", role.address));
        }
    }
    for resource in plan.of("aws_iam_role_policy").chain(plan.of("aws_iam_policy")) {
        if gives_freely(&resource.text("policy")) {
            breaches.push(format!("{}: rights are given under a boundary only", resource.address));
        }
    }
    breaches
}

fn is_bounded(role: &Resource) -> bool {
    role.is_unknown("permissions_boundary") || !role.text("permissions_boundary").is_empty()
}

/// Whether a statement lets someone give rights without saying under which boundary.
fn gives_freely(policy: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy.get("Statement").and_then(Value::as_array);
    statements.into_iter().flatten().any(|statement| {
        let actions = match statement.get("Action") {
            Some(Value::Array(actions)) => actions.clone(),
            one => one.cloned().into_iter().collect(),
        };
        let mut names = actions.iter().filter_map(Value::as_str);
        statement.get("Effect") == Some(&json!("Allow"))
            && names.any(|name| GIVING.contains(&name) || ["*", "iam:*"].contains(&name))
            && statement.pointer("/Condition/StringEquals/iam:PermissionsBoundary").is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(resources: &[(&str, &str, Value)]) -> usize {
        let changes: Vec<Value> = resources
            .iter()
            .map(|(address, kind, after)| {
                json!({"mode": "managed", "address": address, "type": kind,
                    "change": {"actions": ["create"], "after": after}})
            })
            .collect();
        let plan = json!({ "resource_changes": changes }).to_string();
        check(&Plan::parse(&plan).unwrap()).len()
    }

    #[test]
    fn each_rule_is_broken_by_something() {
        let role = |address, boundary: Value| {
            (address, "aws_iam_role", json!({"name": "r", "permissions_boundary": boundary}))
        };
        let attached = |policy: &str| {
            let arn = format!("arn:aws:iam::aws:policy/{policy}");
            ("a", "aws_iam_role_policy_attachment", json!({"role": "r", "policy_arn": arn}))
        };
        let policy = |action: Value, condition: Value| {
            let statement = json!({"Effect": "Allow", "Action": action, "Condition": condition});
            let text = json!({ "Statement": [statement] }).to_string();
            ("p", "aws_iam_role_policy", json!({ "policy": text }))
        };
        let bounded = json!({"StringEquals": {"iam:PermissionsBoundary": "arn:b"}});
        let cases = [
            (vec![role("module.app.r", json!("arn:b")), attached("PowerUserAccess")], 0),
            (vec![role("module.app.r", Value::Null)], 1),
            (vec![role("r", Value::Null), attached("ReadOnlyAccess")], 0),
            (vec![role("r", Value::Null), attached("PowerUserAccess")], 1),
            (vec![policy(json!(["iam:GetRole", "iam:CreateRole"]), bounded)], 0),
            (vec![policy(json!(["iam:GetRole", "iam:CreateRole"]), Value::Null)], 1),
            (vec![policy(json!("iam:*"), Value::Null)], 1),
        ];
        for (resources, expect) in cases {
            assert_eq!(breaches(&resources), expect, "{resources:?}");
        }
    }
}
