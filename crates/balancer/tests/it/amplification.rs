//! With everything failing, repeats make no storm: of one balancer, and of a front door over two.

use std::time::Instant;

use anyhow::Result;

use crate::bench::{Setup, balancer, eventually, start_with};
use crate::client::Client;
use crate::origin::{Manner, Origin};

const REQUESTS: usize = 500;
/// Of `limits.retry_window_ms`.
const WINDOW_SECONDS: usize = 10;

/// Keyed writes and reads, one after the other; all of them must fail.
async fn fail(address: std::net::SocketAddr) -> Result<()> {
    let mut client = Client::connect(address).await?;
    for number in 0..REQUESTS {
        let key = format!("idempotency-key: {number}");
        let line = if number % 2 == 0 { "POST /transfers" } else { "GET /x" };
        let answer = client.send(line, &[&key], b"{}").await?;
        assert!([502, 503].contains(&answer.status), "{number}: {}", answer.head);
    }
    Ok(())
}

/// The bar: 1.2 times the requests, and 3 for each of so many balancers in each window begun.
fn check(arrived: usize, balancers: usize, began: Instant) -> Result<()> {
    let windows = usize::try_from(began.elapsed().as_secs())? / WINDOW_SECONDS + 1;
    let bar = REQUESTS * 12 / 10 + 3 * balancers * windows;
    assert!(arrived <= bar, "{arrived} requests arrived of {REQUESTS}; the bar is {bar}");
    assert!(arrived > REQUESTS, "the first ones were repeated: {arrived}");
    Ok(())
}

#[tokio::test]
async fn a_balancer_sends_a_fifth_more_at_most() -> Result<()> {
    for manner in [Manner::Reset, Manner::Garbage, Manner::AnswerWith("503 Broken")] {
        let began = Instant::now();
        let bench = start_with(Setup { servers: 4, ..Setup::default() }).await?;
        bench.origins.iter().for_each(|origin| origin.set(manner.clone()));
        fail(bench.address).await?;
        if matches!(manner, Manner::AnswerWith(_)) {
            assert_eq!(bench.total(), REQUESTS, "what a server answered is not repeated");
        } else {
            check(bench.total(), 1, began)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_front_door_and_its_balancers_share_the_fifth() -> Result<()> {
    let began = Instant::now();
    let mut origins = Vec::new();
    let mut regions = Vec::new();
    for region in ["east", "west"] {
        let mut servers = Vec::new();
        for number in 0..2 {
            let name = format!("{region}{number}");
            let origin = Origin::start(&name).await?;
            servers.push((name, origin.address, region));
            origins.push(origin);
        }
        let one = balancer("balancer", region, "/livez", &servers, "").await?;
        eventually("both servers are used", async || {
            let status = crate::client::get(one.address(), "/status.json").await;
            status.is_ok_and(|status| {
                let status = status.json();
                (0..2).all(|server| status["upstreams"][server]["state"] == "healthy")
            })
        })
        .await?;
        regions.push((format!("ALB-{region}"), one, region));
    }
    let behind: Vec<_> =
        regions.iter().map(|(name, one, region)| (name.clone(), one.address(), *region)).collect();
    let door = balancer("front_door", "east", "/readyz", &behind, "").await?;
    eventually("the front door is ready", async || door.is_ready()).await?;
    origins.iter().for_each(|origin| origin.set(Manner::Reset));
    fail(door.address()).await?;
    check(origins.iter().map(Origin::count).sum(), 3, began)?;
    let metrics = crate::client::get(door.address(), "/metrics").await?.text();
    assert!(!metrics.contains("retries_behind_total 0\n"), "it knows what they repeated");
    // What a server says of itself is nobody's repeat, and a client is told the truth.
    origins.iter().for_each(|origin| {
        origin.set(Manner::AnswerWith("200 OK\r\nx-ballast-repeats: 4000000000"));
    });
    eventually("it serves again", async || {
        crate::client::get(door.address(), "/x").await.is_ok_and(|answer| answer.status == 200)
    })
    .await
}
