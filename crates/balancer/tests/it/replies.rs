//! Servers that answer more than they were asked, or in a form that could be taken in two ways.

use anyhow::Result;

use crate::bench::{in_time, start};
use crate::client::{Client, get};
use crate::origin::Manner;

const EVIL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";

/// A request whose server answers so, and a hundred others: nobody gets what was not meant for it.
async fn check(bytes: &'static str) -> Result<()> {
    let bench = start(1).await?;
    for _ in 0..20 {
        bench.origins[0].set(Manner::Raw(bytes));
        // Whatever comes of it.
        let first = in_time(bytes, async { Ok(get(bench.address, "/x").await.ok()) }).await?;
        if let Some(first) = first {
            assert!(!first.text().contains("evil"), "{bytes:?}: {first:?}");
        }
        bench.origins[0].set(Manner::Answer);
        let mut client = Client::connect(bench.address).await?;
        for _ in 0..5 {
            let answer = in_time(bytes, client.send("GET /y", &[], b"")).await?;
            assert!(!answer.text().contains("evil"), "{bytes:?}: {answer:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_follows_an_answer_is_given_to_nobody() -> Result<()> {
    for head in [
        "200 OK\r\ncontent-length: 0",
        "204 No Content",
        "304 Not Modified",
        "200 OK\r\ntransfer-encoding: chunked",
    ] {
        let end = if head.ends_with("chunked") { "0\r\n\r\n" } else { "" };
        let bytes = format!("HTTP/1.1 {head}\r\n\r\n{end}{EVIL}");
        check(bytes.leak()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_could_be_taken_in_two_ways_is_not_passed_on() -> Result<()> {
    for head in [
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 5",
        "content-length: +4",
        "content-length: 0x4",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, identity",
        "x-broken : 1\r\ncontent-length: 4",
        "x-folded: 1\r\n 2\r\ncontent-length: 4",
        "x-null: \0\r\ncontent-length: 4",
    ] {
        let bench = start(1).await?;
        let bytes: &'static str = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nbody").leak();
        bench.origins[0].set(Manner::Raw(bytes));
        let answer = in_time(head, async { Ok(get(bench.address, "/x").await.ok()) }).await?;
        let is_refused = answer.as_ref().is_none_or(|answer| answer.status == 502);
        assert!(is_refused, "{head:?}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_protocol_that_nobody_asked_for_is_not_switched_to() -> Result<()> {
    let bench = start(1).await?;
    bench.origins[0].set(Manner::Raw(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ));
    let mut client = Client::connect(bench.address).await?;
    let answer = in_time("an answer", client.send("GET /x", &[], b"")).await?;
    assert_eq!((answer.status, answer.reason()), (502, Some("garbage")), "{answer:?}");
    assert_eq!(answer.header("upgrade"), None);
    bench.origins[0].set(Manner::Answer);
    assert_eq!(get(bench.address, "/x").await?.status, 200, "nothing is left of it");
    Ok(())
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() -> Result<()> {
    let bench = start(1).await?;
    bench.origins[0].set(Manner::Raw(
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ));
    for _ in 0..3 {
        let answer = in_time("an answer", get(bench.address, "/x")).await?;
        assert_eq!((answer.status, answer.text()), (200, "ok".to_owned()));
    }
    Ok(())
}
