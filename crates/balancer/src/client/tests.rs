//! The rules of HTTP/1 case by case and in every split; connections and rates in passed-in time.

mod connections;
mod guard;
mod rules;

use crate::config::{Config, Limits};

/// A configuration with these fields in its limits, each with a comma between.
fn config(role: &str, limits: &str) -> Config {
    let json = format!(
        r#"{{"name":"x","role":"{role}","listen":"127.0.0.1:0",
            "upstreams":[{{"name":"a","address":"127.0.0.1:1"}}],
            "health":{{"path":"/livez","interval_ms":5000,"timeout_ms":2000,
                       "healthy_threshold":2,"unhealthy_threshold":2}},
            "limits":{{{limits}}}}}"#
    );
    Config::parse(&json).expect("a good configuration")
}

fn limits(fields: &str) -> Limits {
    config("balancer", fields).limits
}
