//! What is too much.

use anyhow::Result;

use crate::bench::{Setup, eventually, in_time, start_with};
use crate::client::{Client, get, send};
use crate::origin::Manner;

async fn limited(limits: &str) -> Result<crate::bench::Bench> {
    let fields = format!(r#""limits":{{{limits}}},"#);
    start_with(Setup { servers: 2, fields }).await
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() -> Result<()> {
    let bench = limited(r#""body_bytes_max":100000"#).await?;
    let body = vec![b'x'; 100_001];
    let answer = in_time("413", send(bench.address, "POST /x", &[], &body)).await?;
    assert_eq!((answer.status, answer.reason()), (413, Some("body_too_large")));
    assert_eq!(bench.total(), 0, "an announced length is refused before any server sees it");
    let answer = send(bench.address, "POST /x", &[], &body[1..]).await?;
    assert_eq!(answer.status, 200);

    let mut client = Client::connect(bench.address).await?;
    client.write(b"POST /x HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    client.write(format!("{:x}\r\n", body.len()).as_bytes()).await?;
    client.write(&body).await?;
    client.write(b"\r\n0\r\n\r\n").await?;
    let answer = in_time("413 for chunks", client.read()).await?;
    assert_eq!((answer.status, answer.reason()), (413, Some("body_too_large")));
    let states = bench.status().await?;
    assert_eq!(states["upstreams"][0]["state"], "healthy", "the servers are not to blame");
    assert_eq!(states["upstreams"][1]["state"], "healthy", "the servers are not to blame");
    Ok(())
}

#[tokio::test]
async fn a_header_over_the_limit_is_refused() -> Result<()> {
    let bench = limited(r#""header_bytes_max":1000"#).await?;
    let long = format!("x-long: {}", "x".repeat(1_000));
    let answer = send(bench.address, "GET /x", &[&long], b"").await?;
    assert_eq!((answer.status, answer.reason()), (431, Some("header_too_large")));
    assert_eq!(bench.total(), 0);
    Ok(())
}

#[tokio::test]
async fn one_busy_connection_too_many_is_told_so() -> Result<()> {
    let bench = limited(r#""connections_max":2"#).await?;
    bench.origins.iter().for_each(|origin| origin.set(Manner::Hold));
    let mut held = Vec::new();
    for number in 1..=2 {
        let address = bench.address;
        held.push(tokio::spawn(async move { get(address, "/x").await }));
        eventually("it is under way", async || bench.total() == number).await?;
    }
    let mut third = Client::connect(bench.address).await?;
    third.write(b"GET /x HTTP/1.1\r\nhost: b\r\n\r\n").await?;
    let answer = in_time("503", third.read()).await?;
    assert_eq!((answer.status, answer.reason()), (503, Some("queue_full")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    bench.origins.iter().for_each(crate::origin::Origin::release);
    for answer in held {
        assert_eq!(answer.await??.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_full_queue_is_refused_at_once() -> Result<()> {
    let bench = limited(r#""outstanding_per_server_max":1"#).await?;
    bench.origins.iter().for_each(|origin| origin.set(Manner::Hold));
    let mut held = Vec::new();
    for _ in 0..2 {
        let address = bench.address;
        held.push(tokio::spawn(async move { get(address, "/x").await }));
    }
    eventually("both servers are busy", async || bench.total() == 2).await?;
    let answer = in_time("503", get(bench.address, "/x")).await?;
    assert_eq!((answer.status, answer.reason()), (503, Some("queue_full")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    bench.origins.iter().for_each(crate::origin::Origin::release);
    for answer in held {
        assert_eq!(answer.await??.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_client_is_cut_off() -> Result<()> {
    let bench = limited(r#""client_read_timeout_ms":200"#).await?;
    let mut client = Client::connect(bench.address).await?;
    client.write(b"POST /x HTTP/1.1\r\nhost: b\r\ncontent-length: 10\r\n\r\n12345").await?;
    let answer = in_time("408", client.read()).await?;
    assert_eq!((answer.status, answer.reason()), (408, Some("client_too_slow")));
    Ok(())
}

#[tokio::test]
async fn the_access_log_says_what_happened_and_nothing_secret() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("access.log");
    let fields = format!(r#""access_log":{},"#, serde_json::json!(path));
    let bench = start_with(Setup { servers: 2, fields }).await?;
    get(bench.address, "/customers?ssn=123-45-6789").await?;
    bench.origins.iter().for_each(|origin| origin.set(Manner::Reset));
    send(bench.address, "POST /x", &["authorization: Bearer hush"], b"{}").await?;
    drop(bench);
    let text = std::fs::read_to_string(&path)?;
    assert!(!text.contains("6789") && !text.contains("hush"), "{text}");
    let lines: Vec<serde_json::Value> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 2, "the own endpoints are not logged: {text}");
    assert_eq!(lines[0]["path"], "/customers");
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(lines[0]["reason"], "-");
    assert_eq!(lines[1]["method"], "POST");
    assert_eq!(lines[1]["status"], 502);
    assert_eq!(lines[1]["reason"], "reset");
    Ok(())
}
