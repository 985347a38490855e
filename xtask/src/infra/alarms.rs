//! Alarms: somebody hears them, and every database has them.
//!
//! Guarantees: every topic has a receiver and a key that lets alarms publish, and every alarm has a
//! topic; no database, reader or replica fills its disk, its processors or its lag unseen.
//!
//! Deliberately not here: whether the receivers confirmed, which only AWS knows.

use super::plan::{Plan, Resource};

/// Checks the plan of one root; gives the breaches.
pub(crate) fn check(plan: &Plan) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut unless = |holds: bool, resource: &Resource, rule: &str| {
        if !holds {
            breaches.push(format!("{}: {rule}", resource.address));
        }
    };
    for topic in plan.of("aws_sns_topic") {
        let is_heard = plan.of("aws_sns_topic_subscription").any(|it| {
            it.is_unknown("topic_arn")
                || topic.is_unknown("arn")
                || it.text("topic_arn") == topic.text("arn")
        });
        unless(is_heard, topic, "somebody is subscribed to each topic");
        let key = topic.text("kms_master_key_id");
        let has_key = topic.is_unknown("kms_master_key_id")
            || !(key.is_empty() || key.starts_with("alias/aws/"));
        unless(has_key, topic, "a topic is under the bank's key; Amazon's lets no alarm publish");
    }
    for alarm in plan.of("aws_cloudwatch_metric_alarm") {
        let is_told = ["alarm_actions", "alarm_actions/0"].iter().any(|it| alarm.is_unknown(it))
            || alarm.count("alarm_actions") > 0;
        unless(is_told, alarm, "each alarm has a topic");
    }
    for database in plan.of("aws_db_instance") {
        let follows = database.is_unknown("replicate_source_db")
            || !database.at("replicate_source_db").is_null();
        let lag = follows.then_some("ReplicaLag");
        for metric in ["CPUUtilization", "FreeStorageSpace"].into_iter().chain(lag) {
            let is_watched = plan.of("aws_cloudwatch_metric_alarm").any(|it| {
                it.text("metric_name") == metric
                    && it.text("dimensions/DBInstanceIdentifier") == database.text("identifier")
            });
            unless(is_watched, database, &format!("has an alarm of its {metric}"));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn plan(resources: &[(&str, Value)]) -> Plan {
        let changes: Vec<Value> = resources
            .iter()
            .map(|(kind, after)| {
                json!({"mode": "managed", "address": kind, "type": kind,
                    "change": {"actions": ["create"], "after": after}})
            })
            .collect();
        Plan::parse(&json!({ "resource_changes": changes }).to_string()).unwrap()
    }

    #[test]
    fn each_rule_is_broken_by_something() {
        let topic = |key: &str| ("aws_sns_topic", json!({"arn": "a", "kms_master_key_id": key}));
        let heard = |arn: &str| ("aws_sns_topic_subscription", json!({"topic_arn": arn}));
        let alarm = |to: Value| ("aws_cloudwatch_metric_alarm", json!({"alarm_actions": to}));
        let database = |follows: Value| {
            ("aws_db_instance", json!({"identifier": "d", "replicate_source_db": follows}))
        };
        let watched = |metric: &str, id: &str| {
            let of = json!({ "DBInstanceIdentifier": id });
            let alarm = json!({"metric_name": metric, "dimensions": of, "alarm_actions": ["a"]});
            ("aws_cloudwatch_metric_alarm", alarm)
        };
        let [cpu, space, lag] = ["CPUUtilization", "FreeStorageSpace", "ReplicaLag"];
        let cases = [
            (vec![topic("arn:k"), heard("a"), alarm(json!(["a"]))], 0),
            (vec![topic("arn:k"), alarm(json!(["a"]))], 1),
            (vec![topic("arn:k"), heard("b")], 1),
            (vec![topic("alias/aws/sns"), heard("a")], 1),
            (vec![alarm(json!([]))], 1),
            (vec![database(Value::Null), watched(cpu, "d"), watched(space, "d")], 0),
            (vec![database(Value::Null), watched(cpu, "d"), watched(space, "e")], 1),
            (vec![database(json!("p")), watched(cpu, "d"), watched(space, "d")], 1),
            (vec![database(json!("p")), watched(cpu, "d"), watched(lag, "d")], 1),
        ];
        for (resources, expect) in cases {
            assert_eq!(check(&plan(&resources)).len(), expect, "{resources:?}");
        }
    }
}
