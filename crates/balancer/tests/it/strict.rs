//! What is not HTTP/1 as RFC 9112 has it goes no further.

use anyhow::Result;

use crate::bench::{Bench, Setup, eventually, in_time, start, start_with};
use crate::client::Client;
use crate::origin::Manner;

const GOOD: &str = "GET /good HTTP/1.1\r\nhost: bank\r\n\r\n";

/// Refused with this status and reason, after which the connection ends and nothing was sent on.
async fn check(bench: &Bench, bytes: &[u8], status: u16, reason: &str) -> Result<()> {
    let text = bytes.escape_ascii().to_string();
    let mut client = Client::connect(bench.address).await?;
    client.write(bytes).await?;
    client.write(GOOD.as_bytes()).await?;
    let answer = in_time(&text, client.read()).await?;
    assert_eq!((answer.status, answer.reason()), (status, Some(reason)), "{text}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.json()["reason"], reason);
    let rest = in_time(&text, client.read_to_end()).await?;
    assert_eq!(rest, b"", "no second answer: {text}");
    assert_eq!(bench.total(), 0, "no server saw anything: {text}");
    Ok(())
}

#[tokio::test]
async fn what_is_ambiguous_or_malformed_is_refused() -> Result<()> {
    let bench = start(1).await?;
    let long = format!("GET /{} HTTP/1.1\r\nhost: b\r\n\r\n", "x".repeat(9_000));
    let large = format!("GET / HTTP/1.1\r\nhost: b\r\nx: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\nhost: b\r\n{}\r\n", "x: y\r\n".repeat(101));
    for (bytes, status, reason) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\nhost: b\n\n", 400, "bad_request"),
        ("GET / HTTP/2.0\r\nhost: b\r\n\r\n", 400, "bad_request"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03", 400, "bad_request"),
        (
            "POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
            400,
            "bad_request",
        ),
        (
            "POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "bad_request",
        ),
        (
            "POST / HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd",
            400,
            "bad_request",
        ),
        ("CONNECT bank:443 HTTP/1.1\r\nhost: bank:443\r\n\r\n", 405, "method_not_allowed"),
        ("REFUSED / HTTP/1.1\r\nhost: b\r\n\r\n", 405, "method_not_allowed"),
        (&long, 414, "target_too_long"),
        (&large, 431, "header_too_large"),
        (&many, 431, "header_too_large"),
    ] {
        check(&bench, bytes.as_bytes(), status, reason).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_says_which_rule_and_what_is_offered() -> Result<()> {
    let bench = start(1).await?;
    let mut client = Client::connect(bench.address).await?;
    client.write(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await?;
    let answer = in_time("400", client.read()).await?;
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains("exactly one valid Host"), "{detail}");
    let mut client = Client::connect(bench.address).await?;
    client.write(b"TRACE / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let answer = in_time("405", client.read()).await?;
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    Ok(())
}

#[tokio::test]
async fn a_refusal_comes_in_its_turn_and_is_the_last_answer() -> Result<()> {
    let bench = start(1).await?;
    bench.origins[0].set(Manner::Hold);
    let mut client = Client::connect(bench.address).await?;
    let bytes = format!("{GOOD}{GOOD}GET /bad HTTP/1.1\r\nbad\r\n\r\n{GOOD}");
    client.write(bytes.as_bytes()).await?;
    eventually("the first is under way", async || bench.total() == 1).await?;
    bench.origins[0].release();
    for expect in [200, 200, 400] {
        assert_eq!(in_time("answers in order", client.read()).await?.status, expect);
    }
    assert_eq!(in_time("the end", client.read_to_end()).await?, b"");
    assert_eq!(bench.total(), 2);
    Ok(())
}

#[tokio::test]
async fn requests_that_come_byte_by_byte_are_whole() -> Result<()> {
    let bench = start(1).await?;
    let mut client = Client::connect(bench.address).await?;
    let chunked = "POST /c HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n\
                   3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nt: 1\r\n\r\n";
    let whole = "PUT /w HTTP/1.1\r\nhost: b\r\ncontent-length: 5\r\n\r\nhello";
    for byte in [GOOD, chunked, whole].concat().as_bytes() {
        client.write(&[*byte]).await?;
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert_eq!(in_time("an answer", client.read()).await?.status, 200);
    }
    let seen = bench.origins[0].seen();
    let seen: Vec<_> = seen.iter().map(|seen| (&seen.head[..6], &*seen.body)).collect();
    assert_eq!(seen, [("GET /g", &b""[..]), ("POST /", b"abcde"), ("PUT /w", b"hello")]);
    Ok(())
}

#[tokio::test]
async fn a_body_that_breaks_on_its_way_is_not_finished() -> Result<()> {
    let bench = start(1).await?;
    let mut client = Client::connect(bench.address).await?;
    let head = "POST /c HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    client.write(head.as_bytes()).await?;
    // The server has it, and waits for the rest.
    tokio::time::timeout(std::time::Duration::from_millis(100), client.read())
        .await
        .expect_err("no answer yet");
    client.write(b"0\r\n\n").await?;
    client.write(GOOD.as_bytes()).await?;
    let answer = in_time("400", client.read()).await?;
    assert_eq!((answer.status, answer.reason()), (400, Some("bad_request")));
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains("trailer"), "{detail}");
    assert_eq!(in_time("the end", client.read_to_end()).await?, b"");
    let seen = bench.origins[0].seen();
    assert!(seen.iter().all(|seen| !seen.head.starts_with("GET /good")), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_large_refused_upload_gets_to_read_its_answer() -> Result<()> {
    let bench = start(1).await?;
    let mut client = Client::connect(bench.address).await?;
    let head = "POST /c HTTP/1.1\r\ncontent-length: 500000\r\n\r\n";
    client.write(head.as_bytes()).await?;
    // Some of it arrives after the refusal was written.
    for _ in 0..50 {
        client.write(&[b'x'; 10_000]).await?;
    }
    assert_eq!(in_time("400", client.read()).await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn what_is_refused_is_logged_without_its_query() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("access.log");
    let fields = format!(r#""access_log":{},"#, serde_json::json!(path));
    let bench = start_with(Setup { servers: 1, fields }).await?;
    for bytes in ["PUT /x?ssn=123-45-6789 HTTP/1.1\r\nhost: b\r\nx\r\n\r\n", "123-45-6789\r\n"] {
        let mut client = Client::connect(bench.address).await?;
        client.write(bytes.as_bytes()).await?;
        assert_eq!(in_time("400", client.read()).await?.status, 400);
    }
    let metrics = crate::client::get(bench.address, "/metrics").await?.text();
    let count = "ballast_balancer_failures_total{reason=\"bad_request\"} 2\n";
    assert!(metrics.contains(count), "{metrics}");
    drop(bench);
    let text = std::fs::read_to_string(&path)?;
    assert!(!text.contains("6789"), "{text}");
    let lines: Vec<serde_json::Value> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let seen: Vec<_> = lines.iter().map(|line| (&line["method"], &line["path"])).collect();
    assert_eq!(seen, [(&"PUT".into(), &"/x".into()), (&"-".into(), &"-".into())]);
    assert!(lines.iter().all(|line| line["status"] == 400 && line["reason"] == "bad_request"));
    Ok(())
}
