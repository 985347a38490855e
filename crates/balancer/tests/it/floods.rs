//! Clients of HTTP/2 that send what asks for nothing, or take their time, over TLS.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::Method;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bench::{Bench, eventually, in_time};
use crate::client::get;
use crate::origin::Manner;
use crate::tls::{connect, exchange, h2, request, start, start_with};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of `GET https://bank/` without an end.
fn head(flags: u8) -> Vec<u8> {
    frame(1, flags, 1, b"\x82\x87\x84\x41\x04bank")
}

/// Sends these frames again and again until the connection ends; how many bytes it took.
async fn flood(bench: &Bench, folder: &TempDir, first: &[u8], again: &[u8]) -> Result<usize> {
    let stream = connect(bench, folder, "h2").await?;
    let (mut reading, mut writing) = tokio::io::split(stream);
    let ignored = tokio::spawn(async move {
        let mut bytes = [0; 4_096];
        while reading.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
    });
    let sent = in_time("the end of a flood", async {
        let mut sent = 0;
        let mut bytes = [PREFACE, first].concat();
        while writing.write_all(&bytes).await.is_ok() {
            sent += bytes.len();
            bytes = again.repeat(100);
        }
        Ok(sent)
    });
    let sent = sent.await?;
    ignored.await?;
    Ok(sent)
}

#[tokio::test]
async fn a_flood_ends_its_connection_alone() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let mut other = h2(&bench, &folder).await?;
    // A dynamic table entry of 4,000 bytes, and then a reference to it, a thousand times.
    let bomb = [b"\x40\x01x\x7f\xa1\x1e".as_slice(), &[b'a'; 4_000], &[0xbe; 1_000]].concat();
    let open = head(1);
    for (what, first, again) in [
        ("ping", vec![], frame(6, 0, 0, &[0; 8])),
        ("settings", vec![], frame(4, 0, 0, &[0, 4, 0, 0, 255, 255])),
        ("empty settings", vec![], frame(4, 0, 0, &[])),
        ("priority", vec![], frame(2, 0, 1, &[0, 0, 0, 0, 1])),
        ("window updates", vec![], frame(8, 0, 0, &[0, 0, 0, 1])),
        ("unknown frames", vec![], frame(0xbe, 0, 0, &[0; 9])),
        ("empty continuations", open.clone(), frame(9, 0, 1, &[])),
        (
            "a head without an end",
            open,
            frame(9, 0, 1, &[b"\0\x01x\x7f\xa1\x1e".as_slice(), &[b'a'; 4_000]].concat()),
        ),
        ("empty data", head(4), frame(0, 0, 1, &[])),
        ("a header bomb", [head(1), frame(9, 4, 1, &bomb)].concat(), frame(6, 0, 0, &[0; 8])),
    ] {
        let sent = flood(&bench, &folder, &first, &again).await?;
        assert!(sent < 20_000_000, "{what}: {sent} bytes were taken");
        let answer = in_time(what, exchange(&mut other, request(Method::GET, &[]), &[])).await?;
        assert_eq!(answer.0, 200, "{what}");
    }
    Ok(())
}

/// The one answer to a connection's requests; the balancer speaks TLS, so that it is asked there.
async fn metric(bench: &Bench, folder: &TempDir, name: &str) -> Result<String> {
    let mut client = h2(bench, folder).await?;
    let mut asked = request(Method::GET, &[]);
    *asked.uri_mut() = "https://bank/metrics".parse()?;
    let (_, text) = exchange(&mut client, asked, &[]).await?;
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    Ok(line.rsplit(' ').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_flood_is_counted() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let name = "ballast_balancer_connections_flooding_total";
    assert_eq!(metric(&bench, &folder, name).await?, "0");
    flood(&bench, &folder, &[], &frame(6, 0, 0, &[0; 8])).await?;
    eventually("it is counted", async || {
        metric(&bench, &folder, name).await.is_ok_and(|count| count == "1")
    })
    .await
}

#[tokio::test]
async fn requests_that_are_given_up_one_after_the_other_have_an_end() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    bench.origins[0].set(Manner::Hold);
    let client = h2(&bench, &folder).await?;
    let began = Instant::now();
    let mut given_up = 0;
    // Each is served before it is reset, so that the library's own limit does not see it.
    while let Ok(mut ready) = client.clone().ready().await {
        let seen = bench.origins[0].count();
        let Ok((answer, mut stream)) = ready.send_request(request(Method::GET, &[]), true) else {
            break;
        };
        let arrived = eventually("the request arrived", async || {
            bench.origins[0].count() > seen || client.clone().ready().await.is_err()
        });
        arrived.await?;
        stream.send_reset(h2::Reason::CANCEL);
        drop(answer);
        given_up += 1;
        assert!(given_up < 2_000 && began.elapsed() < Duration::from_secs(20), "without end");
    }
    assert!(given_up >= 100, "who cancels now and then may: {given_up}");
    Ok(())
}

#[tokio::test]
async fn a_body_below_its_rate_is_cut_off_over_http2_too() -> Result<()> {
    let folder = TempDir::new()?;
    let limits = r#""client_read_timeout_ms":400,"client_body_bytes_per_second_min":1000"#;
    let bench = start_with(&folder, &format!(r#""limits":{{{limits}}},"#)).await?;
    let mut client = h2(&bench, &folder).await?;
    for length in ["1000", "1000000"] {
        let headers = [("content-length", length)];
        let mut ready = client.clone().ready().await?;
        let (answer, mut body) = ready.send_request(request(Method::POST, &headers), false)?;
        let mut answer = std::pin::pin!(answer);
        let began = Instant::now();
        let answer = loop {
            if let Ok(answer) =
                tokio::time::timeout(Duration::from_millis(50), answer.as_mut()).await
            {
                break answer?;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{length}: still there");
            // After the refusal this may fail.
            let _ = body.send_data(Bytes::from_static(b"x"), false);
        };
        assert_eq!(answer.status(), 408, "{length}");
        assert_eq!(answer.headers()["x-ballast-reason"], "client_too_slow", "{length}");
        // The others of the connection do not suffer.
        assert_eq!(exchange(&mut client, request(Method::GET, &[]), &[]).await?.0, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_head_is_cut_off_over_tls_too() -> Result<()> {
    let folder = TempDir::new()?;
    let limits = r#""limits":{"client_header_timeout_ms":300,"client_idle_seconds":1},"#;
    let bench = start_with(&folder, limits).await?;
    let mut stream = connect(&bench, &folder, "http/1.1").await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: b\r\n").await?;
    let mut answer = String::new();
    in_time("the end", async { Ok(stream.read_to_string(&mut answer).await) }).await?.ok();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("client_too_slow"), "{answer}");
    // Over HTTP/2 a head without an end is the same as silence.
    let mut stream = connect(&bench, &folder, "h2").await?;
    stream.write_all(&[PREFACE, &head(1)].concat()).await?;
    let mut said = Vec::new();
    in_time("the end", async { Ok(stream.read_to_end(&mut said).await) }).await?.ok();
    assert_eq!(bench.origins[0].count(), 0);
    // Who does not begin to shake hands is told nothing and closed.
    assert_eq!(get(bench.address, "/x").await?.status, 400);
    Ok(())
}
