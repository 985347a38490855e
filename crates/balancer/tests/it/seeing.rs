//! What people and Prometheus see: the page, the picture of the deployment, the metrics.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use crate::bench::{balancer, eventually, start};
use crate::client::{get, send};
use crate::origin::Origin;

#[tokio::test]
async fn the_page_is_ours_whole_and_allows_nothing_inline() -> Result<()> {
    let bench = start(2).await?;
    let page = get(bench.address, "/status").await?;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = page.text();
    for wanted in ["All is well: 2 servers in 1 region.", "Region east", "server0", "server1"] {
        assert!(html.contains(wanted), "{wanted} is missing in\n{html}");
    }
    for inline in ["style=", "onclick=", "<script>", "<style"] {
        assert!(!html.contains(inline), "{inline} in\n{html}");
    }
    for origin in &bench.origins {
        assert!(!html.contains(&origin.address.to_string()), "no addresses");
    }
    for path in ["/status/page.css", "/status/page.js", "/status/icon.svg", "/status/map"] {
        let part = send(bench.address, &format!("GET {path}"), &[], b"").await?;
        assert_eq!((part.status, part.body.is_empty()), (200, false), "{path}");
    }
    assert_eq!(get(bench.address, "/status/else").await?.status, 404);
    assert_eq!(send(bench.address, "POST /status", &[], b"x").await?.status, 405);
    assert_eq!(bench.total(), 0, "no server saw any of it");
    Ok(())
}

#[tokio::test]
async fn names_are_escaped() -> Result<()> {
    let origin = Origin::start("x").await?;
    let name = "<b>\"&\\".to_owned();
    let upstreams = [(name, origin.address, "east")];
    let balancer = balancer("balancer", "east", "/livez", &upstreams, "").await?;
    let html = get(balancer.address(), "/status").await?.text();
    assert!(!html.contains("<b>\"") && html.contains("&#60;b&#62;"), "{html}");
    let metrics = get(balancer.address(), "/metrics").await?.text();
    assert!(metrics.contains(r#"upstream_usable{server="<b>\"&\\"}"#), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn the_front_door_tells_of_all_and_of_a_balancer_that_is_gone() -> Result<()> {
    let origin = Origin::start("east0").await?;
    let servers = [("east0".to_owned(), origin.address, "east")];
    let east = balancer("balancer", "east", "/livez", &servers, "").await?;
    let regions = [("ALB-east".to_owned(), east.address(), "east")];
    let door = balancer("front_door", "east", "/readyz", &regions, "").await?;
    let address = door.address();
    eventually("the server is shown", async || {
        let page = get(address, "/status/map").await.map(|page| page.text());
        page.is_ok_and(|page| page.contains("All is well") && page.contains("east0"))
    })
    .await?;
    let picture = get(address, "/status/deployment.json").await?.json();
    assert_eq!(picture["role"], "front_door");
    assert_eq!(picture["balancers"][0]["status"]["upstreams"][0]["name"], "east0");
    drop(east);
    eventually("the loss is shown, with the last picture", async || {
        let page = get(address, "/status/map").await.map(|page| page.text());
        page.is_ok_and(|page| {
            page.contains("this is its picture of")
                && page.contains("Region east is out of service.")
                && page.contains("east0")
        })
    })
    .await?;
    Ok(())
}

/// The rules of the text format 0.0.4 and Prometheus's naming.
#[tokio::test]
async fn the_metrics_are_strictly_well_formed() -> Result<()> {
    let bench = start(2).await?;
    for _ in 0..10 {
        get(bench.address, "/x").await?;
    }
    let text = get(bench.address, "/metrics").await?.text();
    let (mut kinds, mut helps) = (HashMap::new(), HashSet::new());
    let (mut seen, mut buckets) = (HashSet::new(), HashMap::<String, Vec<f64>>::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a help text");
            assert!(words.ends_with('.') && helps.insert(name), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a kind");
            assert!(helps.contains(name), "help comes first: {line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(kinds.insert(name, kind).is_none(), "twice: {line}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect(line);
            assert!(value >= 0.0 && seen.insert(series), "{line}");
            let name = series.split('{').next().expect("a name");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|end| name.strip_suffix(end))
                .find(|family| kinds.get(family) == Some(&"histogram"))
                .unwrap_or(name);
            assert!(kinds.contains_key(family), "no type: {line}");
            if let Some((labels, _)) = series.split_once(",le=") {
                buckets.entry(labels.to_owned()).or_default().push(value);
            }
        }
    }
    assert_eq!(buckets.len(), 2, "one histogram a server");
    for (series, counts) in buckets {
        assert!(counts.is_sorted(), "{series}: {counts:?}");
        let count = series.replace("_bucket", "_count") + "} ";
        let line = text.lines().find(|line| line.starts_with(&count)).expect("a count");
        assert!(line.ends_with(&format!(" {}", counts.last().expect("+Inf"))), "{line}");
    }
    for name in ["process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"] {
        assert!(kinds.contains_key(name), "{name}");
    }
    assert!(text.contains("upstream_state{server=\"server0\",state=\"healthy\"} 1"), "{text}");
    Ok(())
}
