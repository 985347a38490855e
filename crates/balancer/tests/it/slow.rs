//! Clients that take their time, and clients that take too much of everything.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::{Bench, Setup, balancer, eventually, in_time, start_with};
use crate::client::{Client, get};
use crate::origin::{Manner, Origin};

async fn limited(limits: &str) -> Result<Bench> {
    start_with(Setup { servers: 1, fields: format!(r#""limits":{{{limits}}},"#) }).await
}

#[tokio::test]
async fn a_slow_head_is_cut_off_however_many_bytes_drip() -> Result<()> {
    let bench = limited(r#""client_header_timeout_ms":300"#).await?;
    let mut client = Client::connect(bench.address).await?;
    client.write(b"GET / HTTP/1.1\r\nhost: b\r\n").await?;
    let began = Instant::now();
    let mut drips = 0;
    let answer = loop {
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(20), client.read()).await {
            break answer?;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "still there");
        // After the refusal this may fail.
        let _ = client.write(b"x").await;
        drips += 1;
    };
    assert_eq!((answer.status, answer.reason()), (408, Some("client_too_slow")));
    assert!(drips > 2, "it had its time");
    assert_eq!(bench.total(), 0);
    Ok(())
}

#[tokio::test]
async fn a_body_below_its_rate_is_cut_off() -> Result<()> {
    let limits = r#""client_read_timeout_ms":600,"client_body_bytes_per_second_min":1000"#;
    let bench = limited(limits).await?;
    let mut client = Client::connect(bench.address).await?;
    client.write(b"POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 1000000\r\n\r\n").await?;
    let began = Instant::now();
    let answer = loop {
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(20), client.read()).await {
            break answer?;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "still there");
        let _ = client.write(b"x").await;
    };
    assert_eq!((answer.status, answer.reason()), (408, Some("client_too_slow")));
    let state = bench.status().await?["upstreams"][0]["state"].clone();
    assert_eq!(state, "healthy", "the server is not to blame");
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() -> Result<()> {
    let bench = limited(r#""client_idle_seconds":1"#).await?;
    let mut client = Client::connect(bench.address).await?;
    assert_eq!(client.send("GET /x", &[], b"").await?.status, 200);
    assert_eq!(in_time("the end", client.read_to_end()).await?, b"");
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() -> Result<()> {
    let bench = limited(r#""client_write_timeout_ms":300"#).await?;
    let mut client = Client::connect(bench.address).await?;
    // More answers than all buffers between hold.
    let requests = "GET /metrics HTTP/1.1\r\nhost: b\r\n\r\n".repeat(20_000);
    let written = in_time("the end", async {
        loop {
            if client.write(requests.as_bytes()).await.is_err() {
                return Ok(());
            }
        }
    });
    written.await?;
    Ok(())
}

#[tokio::test]
async fn connections_that_only_wait_lock_nobody_out() -> Result<()> {
    let bench = limited(r#""connections_max":4"#).await?;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let mut client = Client::connect(bench.address).await?;
        client.write(b"GET / HTTP/1.1\r\n").await?;
        slow.push(client);
        let answer = in_time("others are served", get(bench.address, "/x")).await?;
        assert_eq!(answer.status, 200);
    }
    let metrics = get(bench.address, "/metrics").await?.text();
    assert!(!metrics.contains("connections_evicted_total 0\n"), "{metrics}");
    assert!(metrics.contains("connections_refused_total 0\n"), "{metrics}");
    Ok(())
}

async fn front_door(origin: &Origin, limits: &str) -> Result<::balancer::Balancer> {
    let upstreams = [("a".to_owned(), origin.address, "east")];
    let fields = format!(r#""limits":{{{limits}}},"#);
    let door = balancer("front_door", "east", "/livez", &upstreams, &fields).await?;
    eventually("the front door is ready", async || door.is_ready()).await?;
    Ok(door)
}

#[tokio::test]
async fn one_address_may_not_take_all_connections() -> Result<()> {
    let origin = Origin::start("a").await?;
    let door = front_door(&origin, r#""connections_per_client_max":2"#).await?;
    let mut first = Client::connect(door.address()).await?;
    assert_eq!(first.send("GET /x", &[], b"").await?.status, 200);
    let mut second = Client::connect(door.address()).await?;
    assert_eq!(second.send("GET /x", &[], b"").await?.status, 200);
    let mut third = Client::connect(door.address()).await?;
    let answer = in_time("429", third.read()).await?;
    assert_eq!((answer.status, answer.reason()), (429, Some("too_many_connections")));
    let metrics = second.send("GET /metrics", &[], b"").await?.text();
    let counted = r#"failures_total{reason="too_many_connections"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    drop(first);
    eventually("there is room again", async || {
        get(door.address(), "/x").await.is_ok_and(|answer| answer.status == 200)
    })
    .await
}

#[tokio::test]
async fn one_address_may_not_send_without_end() -> Result<()> {
    let origin = Origin::start("a").await?;
    let limits = r#""client_requests_per_second_max":1,"client_requests_burst_max":5"#;
    let door = front_door(&origin, limits).await?;
    origin.set(Manner::Answer);
    let mut client = Client::connect(door.address()).await?;
    let began = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(in_time("an answer", client.send("GET /x", &[], b"")).await?);
    }
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    let extra = usize::try_from(began.elapsed().as_secs())?;
    assert!((5..=6 + extra).contains(&served), "{served} served");
    let refused = answers.iter().find(|answer| answer.status == 429).expect("a refusal");
    assert_eq!(refused.reason(), Some("rate_limited"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(origin.count(), served);
    assert_eq!(get(door.address(), "/readyz").await?.status, 200, "checks are not counted");
    Ok(())
}
