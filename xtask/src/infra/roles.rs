//! Roles: nobody gives rights that he has not, and the bank's machines have few.
//!
//! Guarantees: each role of a machine or service of the bank has a permissions boundary, and so
//! has each role that may do much; who may give rights to roles may do so under a boundary only.
//! Who may send servers back to a version of their template has what Auto Scaling asks for then;
//! servers are started from templates only, and roles are passed by their names.
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

/// What Auto Scaling asks of whoever names a version of a launch template.
const LAUNCHING: &[&str] = &["ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"];

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
        let allowed = allowed(&resource.text("policy"));
        let mut add = |rule: &str| breaches.push(format!("{}: {rule}", resource.address));
        if gives_freely(&allowed) {
            add("rights are given under a boundary only");
        }
        if passes_any(&allowed) {
            add("a role is passed by its name");
        }
        if launches_any(&allowed) {
            add("servers are started from templates only");
        }
        let may = |name: &str| allowed.iter().any(|(action, _)| action == name);
        for action in LAUNCHING.iter().filter(|it| !may(it)) {
            if may("autoscaling:StartInstanceRefresh") {
                add(&format!("who starts a refresh has {action}, or cannot name a template"));
            }
        }
    }
    breaches
}

fn is_bounded(role: &Resource) -> bool {
    role.is_unknown("permissions_boundary") || !role.text("permissions_boundary").is_empty()
}

/// Each action that a policy allows by its name, with the statement that allows it.
fn allowed(policy: &str) -> Vec<(String, Value)> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy.get("Statement").and_then(Value::as_array);
    let allows = |it: &&Value| it.get("Effect") == Some(&json!("Allow"));
    let mut allowed = Vec::new();
    for statement in statements.into_iter().flatten().filter(allows) {
        for action in texts(statement, "Action") {
            allowed.push((action, statement.clone()));
        }
    }
    allowed
}

/// One text or a list of them.
fn texts(statement: &Value, field: &str) -> Vec<String> {
    match statement.get(field) {
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(Into::into).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// Whether a statement lets someone give rights without saying under which boundary.
fn gives_freely(allowed: &[(String, Value)]) -> bool {
    allowed.iter().any(|(action, statement)| {
        (GIVING.contains(&action.as_str()) || ["*", "iam:*"].contains(&action.as_str()))
            && statement.pointer("/Condition/StringEquals/iam:PermissionsBoundary").is_none()
    })
}

/// Whether a statement lets someone give a machine or service a role whose name does not matter.
fn passes_any(allowed: &[(String, Value)]) -> bool {
    allowed.iter().any(|(action, statement)| {
        let resources = texts(statement, "Resource");
        let is_any = |it: &String| it == "*" || it.ends_with(":role/*");
        action == "iam:PassRole" && (resources.is_empty() || resources.iter().any(is_any))
    })
}

/// Whether a statement lets someone start a server of his own making.
fn launches_any(allowed: &[(String, Value)]) -> bool {
    allowed.iter().any(|(action, statement)| {
        let resources = texts(statement, "Resource");
        let templates = !resources.is_empty()
            && resources.iter().all(|it| it.contains(":launch-template/"))
            && statement.pointer("/Condition/StringEquals/aws:ResourceTag~1Name").is_some();
        action == "ec2:RunInstances"
            && !templates
            && statement.pointer("/Condition/ArnLike/ec2:LaunchTemplate").is_none()
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
        let from_template = json!({"ArnLike": {"ec2:LaunchTemplate": "arn:t"}});
        let cases = [
            (vec![role("module.app.r", json!("arn:b")), attached("PowerUserAccess")], 0),
            (vec![role("module.app.r", Value::Null)], 1),
            (vec![role("r", Value::Null), attached("ReadOnlyAccess")], 0),
            (vec![role("r", Value::Null), attached("PowerUserAccess")], 1),
            (vec![policy(json!(["iam:GetRole", "iam:CreateRole"]), bounded)], 0),
            (vec![policy(json!(["iam:GetRole", "iam:CreateRole"]), Value::Null)], 1),
            (vec![policy(json!("iam:*"), Value::Null)], 1),
            (vec![policy(json!("autoscaling:StartInstanceRefresh"), Value::Null)], 3),
            (vec![policy(json!("ec2:RunInstances"), Value::Null)], 1),
            (vec![policy(json!("ec2:RunInstances"), from_template)], 0),
            (vec![policy(json!("iam:PassRole"), Value::Null)], 1),
        ];
        for (resources, expect) in cases {
            assert_eq!(breaches(&resources), expect, "{resources:?}");
        }
    }
}
