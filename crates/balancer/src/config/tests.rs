//! What a configuration must hold, and how a wrong one is named.

use super::*;

const GOOD: &str = r#"{"name":"ALB-east","role":"balancer","region":"east","listen":"127.0.0.1:0",
 "upstreams":[{"name":"a","address":"127.0.0.1:1","region":"east","zone":"us-east-1a"},
              {"name":"b","address":"127.0.0.1:2","region":"east","zone":"us-east-1b"}],
 "health":{"path":"/livez","interval_ms":5000,"timeout_ms":2000,
           "healthy_threshold":2,"unhealthy_threshold":2}}"#;

fn check(from: &str, to: &str, expect: &str) {
    assert!(GOOD.contains(from), "the good configuration holds no {from}");
    let error = Config::parse(&GOOD.replace(from, to)).expect_err("must be refused");
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(&error) {
        text = format!("{text}: {source}");
    }
    assert!(text.contains(expect), "`{text}` does not say `{expect}`");
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = Config::parse(GOOD).expect("good");
    assert_eq!(config.policy, ChoicePolicy::LeastOutstanding);
    assert_eq!(config.threads, 1);
    assert_eq!(config.drain_seconds, 5);
    assert_eq!(config.limits.body_bytes_max, 8 * 1024 * 1024);
    assert_eq!(config.health.return_after_ms, 60_000);
    assert_eq!(config.preferred_region(), Some("east"));
}

#[test]
fn a_wrong_configuration_is_named_by_its_field() {
    check(r#""name":"ALB-east","#, "", "missing field `name`");
    check(r#""name":"ALB-east""#, r#""name":"ALB east""#, "`name` must be visible");
    check(r#""role":"balancer""#, r#""role":"bouncer""#, "unknown variant `bouncer`");
    check(r#""role":"balancer""#, r#""role":"balancer","colour":1"#, "unknown field `colour`");
    check(r#""name":"b""#, r#""name":"a""#, "`upstreams.name` `a` appears twice");
    check("127.0.0.1:0", "localhost", "invalid socket address");
    check("127.0.0.1:0", "127.0.0.1:2", "`upstreams.address` `b` is this process");
    check(r#""path":"/livez""#, r#""path":"livez""#, "`health.path` must begin with /");
    check(r#""interval_ms":5000"#, r#""interval_ms":0"#, "`health.interval_ms` must be greater");
    check(
        r#""region":"east","listen""#,
        r#""home_region":"mars","listen""#,
        "`home_region` `mars` is the region of no upstream",
    );
    check(
        r#""role":"balancer""#,
        r#""role":"balancer","limits":{"retry_percent":101}"#,
        "`limits.retry_percent` is more than 100",
    );
    check(
        r#""role":"balancer""#,
        r#""role":"balancer","limits":{"body":1}"#,
        "unknown field `body`",
    );
}
