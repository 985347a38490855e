//! What goes through, and in which form.

use anyhow::Result;

use crate::bench::{Setup, in_time, start, start_with};
use crate::client::{Client, get, send};
use crate::origin::{Manner, Seen};

async fn forwarded(headers: &[&str]) -> Result<Seen> {
    let bench = start(1).await?;
    assert_eq!(send(bench.address, "GET /a?b=c", headers, b"").await?.status, 200);
    Ok(bench.origins[0].seen().remove(0))
}

#[tokio::test]
async fn headers_are_added_where_they_are_missing() -> Result<()> {
    let seen = forwarded(&[]).await?;
    assert!(seen.head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.header("host"), Some("bank"));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    let id = seen.header("x-request-id").expect("an id").to_owned();
    assert_eq!(id.len(), 32);
    let trace = seen.header("traceparent").expect("a trace");
    assert!(trace.starts_with(&format!("00-{id}-")) && trace.len() == 55, "{trace}");
    Ok(())
}

#[tokio::test]
async fn headers_are_kept_where_they_are_there() -> Result<()> {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let seen = forwarded(&[
        "x-forwarded-for: 203.0.113.7",
        "x-forwarded-proto: https",
        "x-request-id: abc-1",
        &format!("traceparent: {trace}"),
    ])
    .await?;
    assert_eq!(seen.header("x-forwarded-for"), Some("203.0.113.7, 127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("x-request-id"), Some("abc-1"));
    assert_eq!(seen.header("traceparent"), Some(trace));
    Ok(())
}

#[tokio::test]
async fn a_trace_that_cannot_be_followed_is_begun_anew() -> Result<()> {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";
    let state = "tracestate: vendor=1";
    let parent = |value: String| format!("traceparent: {value}");
    for (lines, is_kept) in [
        (vec![parent(format!("00-{TRACE}-{SPAN}-00"))], true),
        (vec![parent(format!("cc-{TRACE}-{SPAN}-01-later"))], true),
        // Without one, and with an id that is no trace.
        (vec![], false),
        (vec!["x-request-id: abc-1".to_owned()], false),
        (vec![parent(format!("00-{TRACE}-{SPAN}-01-later"))], false),
        (vec![parent(format!("ff-{TRACE}-{SPAN}-01"))], false),
        (vec![parent(format!("00-{}-{SPAN}-01", "0".repeat(32)))], false),
        (vec![parent(format!("00-{TRACE}-{}-01", "0".repeat(16)))], false),
        (vec![parent(format!("00-{}-{SPAN}-01", TRACE.to_uppercase()))], false),
        (vec![parent(format!("00-{TRACE}-{SPAN}"))], false),
        (vec![parent("nonsense".to_owned())], false),
        (vec![parent(format!("00-{TRACE}-{SPAN}-01")); 2], false),
    ] {
        let sent: Vec<_> = lines.iter().map(String::as_str).chain([state]).collect();
        let seen = forwarded(&sent).await?;
        let got = seen.header("traceparent").expect("a trace");
        assert_eq!(seen.head.matches("traceparent:").count(), 1, "{lines:?}");
        assert_eq!(seen.header("tracestate"), is_kept.then_some("vendor=1"), "{lines:?}");
        if is_kept {
            assert_eq!(format!("traceparent: {got}"), lines[0]);
        } else {
            assert!(got.len() == 55 && !got.contains(TRACE), "{lines:?}: {got}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn hop_by_hop_headers_stay_on_their_hop() -> Result<()> {
    let seen = forwarded(&[
        "connection: keep-alive, x-secret",
        "x-secret: 1",
        "keep-alive: timeout=3",
        "te: trailers",
        "proxy-connection: keep-alive",
        "upgrade: websocket",
        "accept: text/html",
    ])
    .await?;
    for name in ["x-secret", "keep-alive", "te", "proxy-connection", "upgrade"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("accept"), Some("text/html"));
    let bench = start(1).await?;
    let answer = get(bench.address, "/x").await?;
    assert_eq!(answer.header("keep-alive"), None);
    assert_eq!(answer.header("x-hop"), None);
    assert_eq!(answer.header("x-end"), Some("1"));
    assert_eq!(answer.server(), Some("server0"));
    Ok(())
}

/// A body in which every part differs.
fn body(bytes: u32) -> Vec<u8> {
    (0..bytes / 4).flat_map(|number| number.to_le_bytes()).collect()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in body.chunks(10_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// A keyed POST of this size whose first server fails this way: whole, once, on the other one.
async fn check_repeat(bytes: u32, manner: Manner, in_chunks: bool) -> Result<()> {
    let case = format!("{bytes} bytes, {manner:?}, chunks {in_chunks}");
    let fields = r#""policy":"round_robin","#.to_owned();
    let bench = start_with(Setup { servers: 2, fields }).await?;
    bench.origins[0].set(manner);
    let body = body(bytes);
    let answer = in_time(&case, async {
        let key = "idempotency-key: batch-1";
        if !in_chunks {
            return send(bench.address, "POST /batch", &[key], &body).await;
        }
        let mut client = Client::connect(bench.address).await?;
        let head = format!("POST /batch HTTP/1.1\r\nhost: bank\r\n{key}\r\n");
        client.write(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await?;
        client.write(&chunked(&body)).await?;
        client.read().await
    })
    .await?;
    assert_eq!((answer.status, answer.server()), (200, Some("server1")), "{case}");
    assert_eq!(answer.text(), "server1", "{case}");
    assert_eq!(bench.origins[0].count(), 1, "{case}");
    let seen = bench.origins[1].seen();
    assert_eq!(seen.len(), 1, "{case}");
    assert!(seen[0].body == body, "{case}: the body must arrive unchanged");
    assert_eq!(bench.status().await?["upstreams"][1]["outstanding"], 0, "{case}");
    Ok(())
}

#[tokio::test]
async fn keyed_posts_of_all_sizes_are_repeated_whole() -> Result<()> {
    for bytes in [40, 60_000, 70_000, 1_000_000, 5_000_000] {
        check_repeat(bytes, Manner::Reset, false).await?;
        check_repeat(bytes, Manner::Reset, true).await?;
    }
    Ok(())
}

#[tokio::test]
async fn keyed_posts_that_break_while_they_are_sent_are_repeated_whole() -> Result<()> {
    for bytes in [60_000, 1_000_000, 5_000_000] {
        check_repeat(bytes, Manner::ResetAfter(30_000), false).await?;
        check_repeat(bytes, Manner::ResetAfter(30_000), true).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_cannot_be_kept_is_not_repeated() -> Result<()> {
    let fields = r#""policy":"round_robin","limits":{"replay_bytes_max":100000},"#.to_owned();
    let bench = start_with(Setup { servers: 2, fields }).await?;
    bench.origins[0].set(Manner::Reset);
    let answer =
        send(bench.address, "POST /batch", &["idempotency-key: k"], &body(1_000_000)).await?;
    assert_eq!((answer.status, answer.reason()), (502, Some("reset")));
    assert_eq!(bench.total(), 1);
    let answer =
        send(bench.address, "POST /batch", &["idempotency-key: k"], &body(1_000_000)).await?;
    assert_eq!(answer.status, 200, "it still goes through when nothing breaks");
    Ok(())
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() -> Result<()> {
    let bench = start(1).await?;
    let mut client = Client::connect(bench.address).await?;
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: bank\r\n\r\n");
    client.write(format!("{}{}{}", one("/1"), one("/2"), one("/3")).as_bytes()).await?;
    for _ in 0..3 {
        assert_eq!(in_time("three answers", client.read()).await?.status, 200);
    }
    let paths: Vec<_> =
        bench.origins[0].seen().iter().map(|seen| seen.head[..6].to_owned()).collect();
    assert_eq!(paths, ["GET /1", "GET /2", "GET /3"]);
    Ok(())
}
