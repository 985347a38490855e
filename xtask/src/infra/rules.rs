//! What must hold in every plan, whatever the topology and the profile.
//!
//! Guarantees: every breach names the resource and the rule; a value that is known only after the
//! apply is no breach, so that the same rules judge a first plan and a plan of what exists.
//!
//! Deliberately not here: equality with the topology (`equality`), rules over the text (`texts`).

use serde_json::{Value, json};

use super::plan::{Plan, Resource};

/// All that must hold; gives the breaches.
pub(crate) fn check(plan: &Plan) -> Vec<String> {
    let mut breaches = Breaches::default();
    providers(plan, &mut breaches);
    removals(plan, &mut breaches);
    values(plan, &mut breaches);
    groups(plan, &mut breaches);
    listeners(plan, &mut breaches);
    servers(plan, &mut breaches);
    databases(plan, &mut breaches);
    buckets(plan, &mut breaches);
    policies(plan, &mut breaches);
    breaches.found
}

#[derive(Default)]
struct Breaches {
    found: Vec<String>,
}

impl Breaches {
    fn add(&mut self, place: &str, rule: &str) {
        self.found.push(format!("{place}: {rule}"));
    }

    fn unless(&mut self, holds: bool, resource: &Resource, rule: &str) {
        if !holds {
            self.add(&resource.address, rule);
        }
    }
}

fn providers(plan: &Plan, breaches: &mut Breaches) {
    for address in &plan.without_region {
        breaches.add(address, "has the default provider, which has no region");
    }
    for name in &plan.providers {
        if name != "registry.terraform.io/hashicorp/aws" {
            breaches.add(name, "only hashicorp/aws is used");
        }
    }
    for name in &plan.provider_arguments {
        if ["access_key", "secret_key", "token", "profile"].contains(&name.as_str()) {
            breaches.add(&format!("provider argument {name}"), "rights come from roles, not keys");
        }
    }
}

/// A plan that removes or replaces one of these stops: what they hold cannot be made again.
fn removals(plan: &Plan, breaches: &mut Breaches) {
    for resource in plan.resources.iter().filter(|it| it.is_removed) {
        let precious = [
            "aws_db_instance",
            "aws_kms_key",
            "aws_kms_replica_key",
            "aws_s3_bucket",
            "aws_ebs_volume",
        ];
        if precious.contains(&resource.kind.as_str()) {
            breaches.add(&resource.address, "is removed or replaced, and cannot be made again");
        }
    }
}

/// One argument, one value.
fn values(plan: &Plan, breaches: &mut Breaches) {
    let rows: [(&str, &str, Value); 35] = [
        ("aws_subnet", "map_public_ip_on_launch", json!(false)),
        ("aws_instance", "associate_public_ip_address", json!(false)),
        ("aws_instance", "metadata_options/0/http_tokens", json!("required")),
        ("aws_instance", "root_block_device/0/encrypted", json!(true)),
        ("aws_ebs_volume", "encrypted", json!(true)),
        ("aws_launch_template", "metadata_options/0/http_tokens", json!("required")),
        ("aws_launch_template", "metadata_options/0/http_put_response_hop_limit", json!(1)),
        ("aws_launch_template", "network_interfaces/0/associate_public_ip_address", json!("false")),
        ("aws_launch_template", "block_device_mappings/0/ebs/0/encrypted", json!("true")),
        ("aws_launch_template", "key_name", Value::Null),
        ("aws_autoscaling_group", "health_check_type", json!("ELB")),
        ("aws_autoscaling_group", "instance_refresh/0/preferences/0/auto_rollback", json!(true)),
        ("aws_autoscaling_group", "initial_lifecycle_hook/0/default_result", json!("ABANDON")),
        ("aws_autoscaling_policy", "policy_type", json!("TargetTrackingScaling")),
        ("aws_lb", "internal", json!(false)),
        ("aws_lb", "drop_invalid_header_fields", json!(true)),
        ("aws_lb", "enable_deletion_protection", json!(true)),
        ("aws_lb", "access_logs/0/enabled", json!(true)),
        ("aws_db_instance", "engine", json!("postgres")),
        ("aws_db_instance", "storage_encrypted", json!(true)),
        ("aws_db_instance", "publicly_accessible", json!(false)),
        ("aws_db_instance", "deletion_protection", json!(true)),
        ("aws_db_instance", "skip_final_snapshot", json!(false)),
        ("aws_db_instance", "delete_automated_backups", json!(false)),
        ("aws_db_instance", "copy_tags_to_snapshot", json!(true)),
        ("aws_db_instance", "password", Value::Null),
        ("aws_elasticache_replication_group", "engine", json!("valkey")),
        ("aws_elasticache_replication_group", "at_rest_encryption_enabled", json!("true")),
        ("aws_elasticache_replication_group", "transit_encryption_enabled", json!(true)),
        ("aws_kms_key", "enable_key_rotation", json!(true)),
        ("aws_s3_bucket", "force_destroy", json!(false)),
        ("aws_s3_bucket_versioning", "versioning_configuration/0/status", json!("Enabled")),
        ("aws_flow_log", "traffic_type", json!("ALL")),
        ("aws_default_security_group", "ingress", json!([])),
        ("aws_route53_health_check", "type", json!("HTTPS")),
    ];
    for (kind, path, wanted) in rows {
        for resource in plan.of(kind) {
            breaches.unless(resource.is(path, &wanted), resource, &format!("{path} is {wanted}"));
        }
    }
    for kind in ["aws_key_pair", "aws_security_group_rule", "aws_secretsmanager_secret_version"] {
        for resource in plan.of(kind) {
            breaches.add(&resource.address, "is of a type that is not used here");
        }
    }
}

/// World → 443 and 80 on the balancer → application port → 5432; never 22.
fn groups(plan: &Plan, breaches: &mut Breaches) {
    let public: Vec<String> = plan
        .of("aws_security_group")
        .filter(|group| group.text("name") == "HttpAcessSG")
        .map(|group| group.text("id"))
        .collect();
    for rule in plan.of("aws_vpc_security_group_ingress_rule") {
        let (from, to) = (rule.number("from_port"), rule.number("to_port"));
        let ranges = rule.text("ip_protocol") == "tcp" && from.is_some() && from == to;
        breaches.unless(ranges, rule, "opens exactly one TCP port");
        let opens_ssh = from.unwrap_or(0) <= 22 && to.unwrap_or(65_535) >= 22;
        breaches.unless(!opens_ssh, rule, "port 22 is open nowhere; people use Session Manager");
        let cidr = rule.text("cidr_ipv4");
        let is_open = !rule.at("cidr_ipv6").is_null() || !(cidr.is_empty() || is_private(&cidr));
        if is_open {
            let port = matches!(from, Some(80 | 443));
            let group = rule.is_unknown("security_group_id")
                || public.contains(&rule.text("security_group_id"));
            let place = rule.address.contains("module.edge.");
            breaches.unless(
                port && group && place,
                rule,
                "the world reaches only ports 443 and 80 of the balancer",
            );
        }
        if !cidr.is_empty() && !is_open {
            breaches.unless(
                from == Some(5432),
                rule,
                "only the database knows other regions' networks",
            );
        }
    }
    for rule in plan.of("aws_vpc_security_group_egress_rule") {
        let cidr = rule.text("cidr_ipv4");
        let is_allowed = cidr.is_empty()
            || is_private(&cidr)
            // The pipeline's machines fetch sources and packages.
            || (rule.number("from_port") == Some(443) && !rule.address.contains("module."));
        breaches.unless(is_allowed, rule, "the bank's machines reach nothing outside");
    }
    for group in plan.of("aws_security_group") {
        let inline = group.count("ingress") + group.count("egress");
        breaches.unless(inline == 0, group, "rules of a group are resources of their own");
    }
}

/// Good enough for plans: networks of the topology and of variables are proved private elsewhere.
fn is_private(cidr: &str) -> bool {
    fleet::topology::Cidr::parse(cidr).is_ok_and(fleet::topology::Cidr::is_private)
}

fn listeners(plan: &Plan, breaches: &mut Breaches) {
    for listener in plan.of("aws_lb_listener") {
        match listener.number("port") {
            Some(443) => {
                let policy = listener.text("ssl_policy");
                let is_new = policy.starts_with("ELBSecurityPolicy-TLS13-1-");
                breaches.unless(is_new, listener, "443 speaks TLS 1.3");
                breaches.unless(listener.is("protocol", &json!("HTTPS")), listener, "443 is HTTPS");
            }
            Some(80) => {
                let redirects = listener.is("default_action/0/type", &json!("redirect"))
                    && listener.is("default_action/0/redirect/0/protocol", &json!("HTTPS"))
                    && listener.is("default_action/0/redirect/0/status_code", &json!("HTTP_301"));
                breaches.unless(redirects, listener, "80 only answers 301 to HTTPS");
            }
            _ => breaches.add(&listener.address, "a balancer listens on 443 and 80 only"),
        }
    }
    for balancer in plan.of("aws_lb") {
        let subnets = balancer.count("subnets");
        let in_zones = balancer.is_unknown("subnets") || subnets >= 2;
        breaches.unless(in_zones, balancer, "a balancer stands in at least two zones");
        let walls = plan.of("aws_wafv2_web_acl_association").count();
        breaches.unless(walls > 0, balancer, "a firewall stands before the balancer");
    }
}

fn servers(plan: &Plan, breaches: &mut Breaches) {
    for group in plan.of("aws_autoscaling_group") {
        let version = group.text("launch_template/0/version");
        let is_number = group.is_unknown("launch_template/0/version")
            || (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()));
        breaches.unless(is_number, group, "uses a numbered version of its launch template");
        let alarms = "instance_refresh/0/preferences/0/alarm_specification/0/alarms";
        let has_alarms = group.is_unknown(alarms) || group.count(alarms) >= 1;
        breaches.unless(has_alarms, group, "a roll-out is taken back by alarms");
        let one_zone = group.is_unknown("vpc_zone_identifier")
            || group.count("vpc_zone_identifier") == 1
            || group.at("vpc_zone_identifier/0").is_null();
        breaches.unless(one_zone, group, "stands in one zone");
        breaches.unless(group.count("target_group_arns") <= 1, group, "has one target group");
    }
    let groups = plan.of("aws_autoscaling_group").count();
    if plan.of("aws_autoscaling_policy").count() < groups {
        breaches.add("aws_autoscaling_policy", "each auto-scaling group follows a target");
    }
}

fn databases(plan: &Plan, breaches: &mut Breaches) {
    for database in plan.of("aws_db_instance") {
        let days = database.number("backup_retention_period").unwrap_or(0);
        breaches.unless(days >= 1, database, "backups are kept for at least a day");
        let follows = !database.at("replicate_source_db").is_null()
            || database.is_unknown("replicate_source_db");
        let two_zones = follows || database.is("multi_az", &json!(true));
        breaches.unless(two_zones, database, "a primary is Multi-AZ");
    }
    for group in plan.of("aws_db_parameter_group") {
        let settings = group.at("parameter").as_array();
        let forced = settings.into_iter().flatten().any(|setting| {
            setting.get("name") == Some(&json!("rds.force_ssl"))
                && setting.get("value") == Some(&json!("1"))
        });
        breaches.unless(forced, group, "TLS is forced (rds.force_ssl is 1)");
    }
}

fn buckets(plan: &Plan, breaches: &mut Breaches) {
    let buckets = plan.of("aws_s3_bucket").count();
    for kind in [
        "aws_s3_bucket_versioning",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_policy",
    ] {
        if plan.of(kind).count() < buckets {
            breaches.add(kind, "each bucket has one");
        }
    }
    for wall in plan.of("aws_s3_bucket_public_access_block") {
        for name in [
            "block_public_acls",
            "block_public_policy",
            "ignore_public_acls",
            "restrict_public_buckets",
        ] {
            breaches.unless(wall.is(name, &json!(true)), wall, &format!("{name} is true"));
        }
    }
}

/// Nobody may do everything to everything, and nobody outside may do anything.
fn policies(plan: &Plan, breaches: &mut Breaches) {
    for resource in &plan.resources {
        for name in ["policy", "assume_role_policy"] {
            let Ok(policy) = serde_json::from_str::<Value>(&resource.text(name)) else { continue };
            let statements = policy.get("Statement").and_then(Value::as_array);
            for statement in statements.into_iter().flatten() {
                let is = |field: &str, text: &str| statement.get(field) == Some(&json!(text));
                if !is("Effect", "Allow") {
                    continue;
                }
                let action = is("Action", "*") && is("Resource", "*");
                breaches.unless(!action, resource, "no policy allows everything");
                let anyone = is("Principal", "*")
                    || statement.pointer("/Principal/AWS") == Some(&json!("*"));
                breaches.unless(!anyone, resource, "no policy allows everybody");
            }
        }
    }
}
