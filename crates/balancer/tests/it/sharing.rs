//! Who gets how much, and what the balancer says about itself.

use anyhow::Result;

use crate::bench::{Setup, start, start_with};
use crate::client::{Client, get, send};

async fn shares(policy: &str, servers: usize) -> Result<Vec<usize>> {
    let fields = format!(r#""policy":"{policy}","#);
    let bench = start_with(Setup { servers, fields }).await?;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let address = bench.address;
        clients.push(tokio::spawn(async move {
            let mut client = Client::connect(address).await?;
            for _ in 0..1_250 {
                assert_eq!(client.send("GET /x", &[], b"").await?.status, 200);
            }
            anyhow::Ok(())
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(bench.origins.iter().map(crate::origin::Origin::count).collect())
}

async fn check_shares(policy: &str, servers: usize, percent: usize) -> Result<()> {
    let counts = shares(policy, servers).await?;
    assert_eq!(counts.iter().sum::<usize>(), 10_000);
    for count in &counts {
        let fair = 10_000 / servers;
        assert!(count.abs_diff(fair) * 100 <= fair * percent, "{policy}: {counts:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn least_outstanding_is_fair_within_five_percent() -> Result<()> {
    check_shares("least_outstanding", 2, 5).await?;
    check_shares("least_outstanding", 4, 5).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_robin_is_fair_within_one_percent() -> Result<()> {
    check_shares("round_robin", 2, 1).await?;
    check_shares("round_robin", 4, 1).await
}

#[tokio::test]
async fn the_own_endpoints_answer() -> Result<()> {
    let bench = start(2).await?;
    for _ in 0..10 {
        get(bench.address, "/x").await?;
    }
    assert_eq!(get(bench.address, "/livez").await?.text(), "ok\n");
    assert_eq!(get(bench.address, "/readyz").await?.status, 200);
    assert_eq!(send(bench.address, "POST /livez", &[], b"x").await?.status, 405);
    let status = bench.status().await?;
    assert_eq!(status["state"], "ready");
    assert_eq!(status["requests"], 10);
    assert_eq!(status["upstreams"][0]["name"], "server0");
    let requests =
        status["upstreams"].as_array().expect("a list").iter().map(|up| up["requests"].as_u64());
    assert_eq!(requests.sum::<Option<u64>>(), Some(10));
    let metrics = get(bench.address, "/metrics").await?.text();
    for line in [
        "# HELP ballast_balancer_requests_total Requests of clients.",
        "ballast_balancer_requests_total 10",
        "ballast_balancer_upstream_usable{server=\"server1\"} 1",
        "ballast_balancer_failures_total{reason=\"reset\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert_eq!(bench.total(), 10, "the own endpoints are not forwarded");
    Ok(())
}

#[tokio::test]
async fn not_ready_without_a_usable_server() -> Result<()> {
    let mut bench = start(1).await?;
    bench.origins[0].kill().await;
    bench.await_state(0, "unhealthy").await?;
    let ready = get(bench.address, "/readyz").await?;
    assert_eq!((ready.status, ready.text().as_str()), (503, "no usable server\n"));
    bench.origins[0].revive().await?;
    bench.await_state(0, "slow_start").await?;
    assert_eq!(get(bench.address, "/readyz").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_draining_server_gets_nothing_new() -> Result<()> {
    let bench = start(2).await?;
    assert!(bench.balancer.set_server_draining("server0", true));
    assert!(!bench.balancer.set_server_draining("nobody", true));
    for _ in 0..20 {
        assert_eq!(get(bench.address, "/x").await?.server(), Some("server1"));
    }
    Ok(())
}
