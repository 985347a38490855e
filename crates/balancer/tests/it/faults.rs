//! Servers that die, freeze and talk nonsense.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::{Setup, in_time, start, start_with};
use crate::client::{Client, get, send};
use crate::origin::Manner;

const KEY: &str = "idempotency-key: 7b1c";

/// One request to two servers that both behave this way; the answer and how often it arrived.
async fn with_manner(
    manner: Manner,
    request_line: &str,
    headers: &[&str],
) -> Result<(crate::client::Answer, usize)> {
    let fields = r#""limits":{"response_timeout_ms":300},"#.to_owned();
    let bench = start_with(Setup { servers: 2, fields }).await?;
    bench.origins.iter().for_each(|origin| origin.set(manner.clone()));
    let body: &[u8] = if request_line.starts_with("POST") { b"{}" } else { b"" };
    let answer = in_time(request_line, send(bench.address, request_line, headers, body)).await?;
    Ok((answer, bench.total()))
}

#[tokio::test]
async fn statuses_reasons_and_repeats() -> Result<()> {
    // Both servers fail, so what may be repeated arrives twice, and everything else once.
    for (manner, line, headers, status, reason, arrivals) in [
        (Manner::Reset, "GET /x", &[][..], 502, "reset", 2),
        (Manner::Reset, "DELETE /x", &[], 502, "reset", 2),
        (Manner::Reset, "POST /x", &[], 502, "reset", 1),
        (Manner::Reset, "PATCH /x", &[], 502, "reset", 1),
        (Manner::Reset, "POST /x", &[KEY], 502, "reset", 2),
        (Manner::Reset, "PATCH /x", &[KEY], 502, "reset", 2),
        (Manner::Reset, "POST /x", &["idempotency-key:"], 502, "reset", 1),
        (Manner::Garbage, "GET /x", &[], 502, "garbage", 2),
        (Manner::Garbage, "POST /x", &[], 502, "garbage", 1),
        (Manner::Hold, "GET /x", &[], 504, "timeout", 2),
        (Manner::Hold, "POST /x", &[], 504, "timeout", 1),
    ] {
        let case = format!("{manner:?} {line} {headers:?}");
        let (answer, seen) = with_manner(manner, line, headers).await?;
        assert_eq!((answer.status, answer.reason()), (status, Some(reason)), "{case}");
        assert_eq!(seen, arrivals, "{case}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{case}");
        assert_eq!(problem["reason"], reason, "{case}");
    }
    Ok(())
}

#[tokio::test]
async fn a_keyed_post_goes_once_to_another_server() -> Result<()> {
    let bench =
        start_with(Setup { servers: 2, fields: r#""policy":"round_robin","#.to_owned() }).await?;
    bench.origins[0].set(Manner::Reset);
    for _ in 0..2 {
        let answer = send(bench.address, "POST /transfers", &[KEY], b"{\"amount\":1}").await?;
        assert_eq!((answer.status, answer.server()), (200, Some("server1")));
        assert_eq!(answer.reason(), None);
    }
    assert_eq!(bench.origins[0].count(), 1, "ejected after the first reset");
    assert_eq!(bench.origins[1].count(), 2);
    assert_eq!(bench.origins[1].seen()[0].body, b"{\"amount\":1}");
    assert_eq!(bench.status().await?["retries"], 1);
    Ok(())
}

#[tokio::test]
async fn one_tired_connection_does_not_repeat_an_unkeyed_post() -> Result<()> {
    let bench = start(2).await?;
    let mut client = Client::connect(bench.address).await?;
    // Pooled connections to both servers first; then the servers cut them on the next request.
    for _ in 0..20 {
        assert_eq!(client.send("GET /x", &[], b"").await?.status, 200);
    }
    bench.origins.iter().for_each(|origin| origin.set(Manner::Reset));
    let before = bench.total();
    let answer = send(bench.address, "POST /transfers", &[], b"{}").await?;
    assert_eq!((answer.status, answer.reason()), (502, Some("reset")));
    assert_eq!(bench.total(), before + 1);
    Ok(())
}

#[tokio::test]
async fn a_dead_server_is_out_at_once_and_used_again_after_its_recovery() -> Result<()> {
    let mut bench = start(2).await?;
    let mut client = Client::connect(bench.address).await?;
    for _ in 0..20 {
        client.send("GET /x", &[], b"").await?;
    }
    bench.origins[0].kill().await;
    let died = Instant::now();
    for number in 0..200 {
        let line = if number % 2 == 0 { "GET /x" } else { "POST /x" };
        let answer = client.send(line, &[KEY], b"").await?;
        assert_eq!((answer.status, answer.server()), (200, Some("server1")), "{number}");
    }
    assert!(died.elapsed() < Duration::from_secs(2));
    let status = bench.status().await?;
    assert_ne!(status["upstreams"][0]["state"], "healthy");
    assert_ne!(status["upstreams"][0]["why"], "");
    bench.origins[0].revive().await?;
    let before = bench.origins[0].count();
    in_time("the server is used again", async {
        while bench.origins[0].count() == before {
            assert_eq!(client.send("GET /x", &[], b"").await?.status, 200);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_refused_request_may_always_go_to_another_server() -> Result<()> {
    let mut bench = start(2).await?;
    bench.origins[0].kill().await;
    for _ in 0..20 {
        let answer = send(bench.address, "POST /transfers", &[], b"{}").await?;
        assert_eq!((answer.status, answer.server()), (200, Some("server1")));
    }
    Ok(())
}

#[tokio::test]
async fn no_server_at_all() -> Result<()> {
    let mut bench = start(1).await?;
    bench.origins[0].kill().await;
    let answer = get(bench.address, "/x").await?;
    assert_eq!((answer.status, answer.reason()), (502, Some("refused")));
    bench.await_state(0, "unhealthy").await?;
    bench.origins[0].revive().await?;
    let answer = get(bench.address, "/x").await?;
    assert_eq!((answer.status, answer.header("x-ballast-fail-open")), (200, Some("1")));
    assert!(bench.balancer.set_server_draining("server0", true));
    let answer = get(bench.address, "/x").await?;
    assert_eq!((answer.status, answer.reason()), (503, Some("no_server")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    Ok(())
}

#[tokio::test]
async fn three_gateway_errors_in_a_row_eject_and_an_orderly_refusal_does_not() -> Result<()> {
    let bench = start(2).await?;
    bench.origins[0].set(Manner::AnswerWith("503 Busy\r\nretry-after: 1"));
    while bench.origins[0].count() < 10 {
        get(bench.address, "/x").await?;
    }
    assert_eq!(bench.status().await?["upstreams"][0]["state"], "healthy");
    bench.origins[0].set(Manner::AnswerWith("503 Broken"));
    while bench.origins[0].count() < 13 {
        get(bench.address, "/x").await?;
    }
    assert_eq!(bench.status().await?["upstreams"][0]["state"], "ejected");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_breaks_in_the_middle_is_not_completed() -> Result<()> {
    let bench = start(2).await?;
    bench.origins.iter().for_each(|origin| origin.set(Manner::BreakInTheMiddle));
    let answer = get(bench.address, "/x").await;
    assert!(answer.is_err(), "a cut answer must look cut: {answer:?}");
    assert_eq!(bench.total(), 1, "what has begun to be answered is not repeated");
    Ok(())
}

#[tokio::test]
async fn a_frozen_server_is_out_within_two_and_a_half_seconds() -> Result<()> {
    let bench = start(2).await?;
    for _ in 0..20 {
        get(bench.address, "/x").await?;
    }
    bench.origins[0].set(Manner::Silent);
    let froze = Instant::now();
    let mut hung = Vec::new();
    for _ in 0..4 {
        let address = bench.address;
        hung.push(tokio::spawn(async move { get(address, "/x").await }));
    }
    loop {
        let status = bench.status().await?;
        let state = status["upstreams"][0]["state"].clone();
        if state == "ejected" || state == "unhealthy" {
            break;
        }
        assert!(froze.elapsed() < Duration::from_millis(2_500), "{status}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(get(bench.address, "/x").await?.server(), Some("server1"));
    hung.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}
