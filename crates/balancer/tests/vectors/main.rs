//! The request vectors of llhttp, Node's HTTP parser, sent through a running balancer.
//!
//! What llhttp refuses must be refused here too, and what it accepts must pass or be refused by a
//! rule that is stricter on purpose. The vectors are not part of this repository:
//! `.ci/check-http-vectors` runs this where they are at hand, and says so where they are not.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(dead_code, reason = "the tools of the other tests, of which a part is enough")]

#[path = "../it/bench.rs"]
mod bench;
#[path = "../it/client.rs"]
mod client;
#[path = "../it/origin.rs"]
mod origin;

use anyhow::{Context, Result};
use base64::Engine;

use bench::{Bench, Setup, in_time, start_with};
use client::Client;

/// Completes what a vector leaves open, and asks for more on the same connection.
const FOLLOWER: &[u8] = b"\r\n\r\nGET /follower HTTP/1.1\r\nHost: bank\r\n\r\n";

/// The rules here that llhttp does not have, by a part of the sentence that names them.
const STRICTER: [&str; 8] = [
    "exactly one valid Host",
    "The method is none of",
    "The request target is not",
    "The request line is not",
    "The version is neither",
    "Transfer-Encoding is not exactly",
    // Not stricter: these vectors end before the body that they announce.
    "The body arrives more slowly",
    "The request took too long to arrive",
];

struct Vector {
    name: String,
    input: Vec<u8>,
    reject: bool,
    /// llhttp stops at an upgrade for its user to decide; here `Upgrade` is ignored.
    is_upgrade: bool,
    complete: usize,
}

fn vectors() -> Result<Vec<Vector>> {
    let folder = std::env::var("BALLAST_DATA").context("BALLAST_DATA is not set")?;
    let path = std::path::Path::new(&folder).join("llhttp_request_vectors.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let cases = json["cases"].as_array().context("no cases")?;
    cases
        .iter()
        .filter(|case| case["type"] == "request")
        .map(|case| {
            let input = case["input_b64"].as_str().context("no input")?;
            Ok(Vector {
                name: case["name"].as_str().context("no name")?.to_owned(),
                input: base64::engine::general_purpose::STANDARD.decode(input)?,
                reject: case["reject"].as_bool().context("no verdict")?,
                is_upgrade: case["error"] == "Pause on CONNECT/Upgrade",
                complete: usize::try_from(case["messages_complete"].as_u64().unwrap_or(0))?,
            })
        })
        .collect()
}

/// Some vectors announce a body that does not come; nobody waits ten seconds for it.
async fn impatient() -> Result<Bench> {
    let fields = r#""limits":{"client_read_timeout_ms":500},"#.to_owned();
    start_with(Setup { servers: 1, fields }).await
}

/// With the `Host` that most vectors lack, so that the other rules are reached.
fn with_host(input: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = input.to_ascii_lowercase();
    let end = input.windows(2).position(|two| two == b"\r\n").filter(|end| *end > 0);
    let has_host = text.windows(6).any(|six| six == b"\nhost:");
    match end {
        Some(end) if !has_host => [&input[..end], b"\r\nHost: bank", &input[end..]].concat(),
        _ => input.to_vec(),
    }
}

/// What a client and the servers saw of some bytes.
struct Seen {
    answers: String,
    requests: Vec<origin::Seen>,
}

impl Seen {
    fn is_refused(&self) -> bool {
        self.answers.contains("x-ballast-reason:")
    }

    fn has_follower(&self) -> bool {
        self.requests.iter().any(|seen| seen.head.starts_with("GET /follower "))
    }
}

/// Sends all at once, or byte by byte; reads until the connection ends or the follower is answered.
async fn send(bench: &Bench, input: &[u8], whole: bool) -> Result<Seen> {
    let before = bench.total();
    let mut client = Client::connect(bench.address).await?;
    let bytes = [input, FOLLOWER].concat();
    for part in bytes.chunks(if whole { bytes.len() } else { 1 }) {
        // After a refusal this may fail.
        if client.write(part).await.is_err() {
            break;
        }
    }
    let mut answers = String::new();
    loop {
        let answer = in_time("an answer or the end", async { Ok(client.read().await.ok()) });
        let Some(answer) = answer.await? else { break };
        answers.push_str(&answer.head);
        answers.push_str(&answer.text());
        let seen = &bench.origins[0].seen()[before..];
        if seen.iter().any(|seen| seen.head.starts_with("GET /follower ")) {
            break;
        }
    }
    Ok(Seen { answers, requests: bench.origins[0].seen()[before..].to_vec() })
}

fn check_rejected(vector: &Vector, seen: &Seen) {
    let name = &vector.name;
    let taken = usize::from(seen.has_follower());
    assert!(taken == 0 || vector.is_upgrade, "{name}: a request behind it was taken");
    // One vector has swallowed its own expected log, and the count in it; its first is whole.
    let is_mangled = vector.input.windows(6).any(|six| six == b"```log");
    let complete = if is_mangled { 1 } else { vector.complete };
    assert!(seen.requests.len() <= complete + taken, "{name}: {:?}", seen.requests);
    let smuggled = |seen: &origin::Seen| {
        seen.body.windows(9).any(|nine| nine == b"/follower")
            || seen.head.rfind("/follower").is_some_and(|at| at != "GET ".len())
    };
    assert!(!seen.requests.iter().any(smuggled), "{name}: {:?}", seen.requests);
    let good = seen.answers.matches(" 200 OK\r\n").count();
    assert_eq!(good, seen.requests.len(), "{name}: {}", seen.answers);
}

fn check_accepted(vector: &Vector, seen: &Seen) -> bool {
    let name = &vector.name;
    if seen.is_refused() && seen.requests.len() < vector.complete {
        let is_known = STRICTER.iter().any(|rule| seen.answers.contains(rule));
        assert!(is_known, "{name}: {}", seen.answers);
        return false;
    }
    let text = String::from_utf8_lossy(&vector.input);
    let Some(first) = seen.requests.first() else {
        assert_eq!(vector.complete, 0, "{name}: {}", seen.answers);
        return true;
    };
    let line = text.trim_start().lines().next().unwrap_or_default();
    let target = line.split(' ').nth(1).unwrap_or_default();
    assert!(first.head.contains(&format!(" {target} HTTP/1.1")), "{name}: {}", first.head);
    true
}

#[tokio::test]
async fn what_llhttp_refuses_goes_no_further() -> Result<()> {
    let bench = impatient().await?;
    let rejected: Vec<_> = vectors()?.into_iter().filter(|vector| vector.reject).collect();
    assert!(rejected.len() > 50, "only {} vectors", rejected.len());
    for vector in &rejected {
        for input in [vector.input.clone(), with_host(&vector.input)] {
            for whole in [true, false] {
                let seen = send(&bench, &input, whole).await.context(vector.name.clone())?;
                check_rejected(vector, &seen);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_llhttp_accepts_passes_or_breaks_a_stricter_rule() -> Result<()> {
    let bench = impatient().await?;
    let accepted: Vec<_> = vectors()?.into_iter().filter(|vector| !vector.reject).collect();
    assert!(accepted.len() > 50, "only {} vectors", accepted.len());
    let mut passed = 0;
    for vector in &accepted {
        for whole in [true, false] {
            let seen = send(&bench, &with_host(&vector.input), whole).await?;
            passed += usize::from(check_accepted(vector, &seen));
        }
    }
    assert!(passed > accepted.len(), "more than half pass: {passed} of {}", 2 * accepted.len());
    Ok(())
}
