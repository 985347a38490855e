//! The active checks: one task a server, so all are checked in parallel.
//!
//! The policy says when and with which hard limit (from connecting to the status line); this file
//! asks and reports. Each check uses its own connection, as a client would that comes new.
//! A change of state is logged here, once, with its reason.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::policy::{CheckFailure, CheckPlan, CheckResult, ServerState};
use crate::shared::Shared;

/// A suspect is noticed this much later at most.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// `HTTP/1.1 200`: what is needed of the answer.
const STATUS_LINE_BYTES: usize = 12;

/// Checks one server for ever.
pub(crate) async fn watch(shared: Arc<Shared>, server: usize) {
    let configured = shared.config.upstreams.get(server);
    let Some((upstream, configured)) = shared.upstreams.get(server).zip(configured) else { return };
    let path = configured.health_path.as_ref().unwrap_or(&shared.config.health.path);
    let mut state = ServerState::New;
    let mut was_frozen = false;
    loop {
        let plan = shared.policy().plan_check(server, shared.now());
        match plan {
            CheckPlan::Wait(time) => tokio::time::sleep(time.min(LOOK_EVERY)).await,
            CheckPlan::Check(limit) => {
                let asked = tokio::time::timeout(limit, ask(upstream.address(), path)).await;
                let result = asked.unwrap_or(Err(CheckFailure::Timeout));
                count(&shared, server, result);
                let random = rand::random();
                shared.policy().on_check(server, shared.now(), random, result);
            }
        }
        report_change(&shared, server, &mut state);
        let is_frozen = shared.policy().is_frozen(server);
        if is_frozen && !was_frozen {
            free_the_waiting(&shared, server);
        }
        was_frozen = is_frozen;
    }
}

/// Ends the connections to a frozen server, so that what hangs on it can go to another one.
fn free_the_waiting(shared: &Shared, server: usize) {
    if let Some(upstream) = shared.upstreams.get(server) {
        upstream.sever();
    }
}

async fn ask(address: SocketAddr, path: &str) -> CheckResult {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: ballast-check\r\n\
         connection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.map_err(|error| classify(&error))?;
    stream.write_all(request.as_bytes()).await.map_err(|error| classify(&error))?;
    let mut answer = Vec::with_capacity(256);
    while answer.len() < STATUS_LINE_BYTES {
        let read = stream.read_buf(&mut answer).await.map_err(|error| classify(&error))?;
        if read == 0 {
            return Err(CheckFailure::Broken);
        }
    }
    judge(&answer)
}

fn judge(answer: &[u8]) -> CheckResult {
    let status = answer
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| answer.strip_prefix(b"HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse::<u16>().ok())
        .ok_or(CheckFailure::Garbage)?;
    if (200..300).contains(&status) { Ok(()) } else { Err(CheckFailure::Status(status)) }
}

fn classify(error: &std::io::Error) -> CheckFailure {
    match error.kind() {
        ErrorKind::ConnectionRefused => CheckFailure::Refused,
        ErrorKind::TimedOut => CheckFailure::Timeout,
        _ => CheckFailure::Broken,
    }
}

fn count(shared: &Shared, server: usize, result: CheckResult) {
    let Some(upstream) = shared.upstreams.get(server) else { return };
    let counter = match result {
        Ok(()) => &upstream.stats.checks_passed,
        Err(_) => &upstream.stats.checks_failed,
    };
    counter.fetch_add(1, Relaxed);
}

fn report_change(shared: &Shared, server: usize, before: &mut ServerState) {
    let now = shared.now();
    let policy = shared.policy();
    let Some(state) = policy.state(server, now).filter(|state| state != before) else { return };
    let view = policy.view_of(server, now);
    drop(policy);
    let Some(view) = view else { return };
    let out_for = view.ejection.map_or(Duration::ZERO, |(_, until)| until.saturating_sub(now));
    tracing::info!(
        server.name = view.name,
        server.state = state.word(),
        server.state_before = before.word(),
        server.why = view.why,
        server.out_ms = u64::try_from(out_for.as_millis()).unwrap_or(u64::MAX),
        "a server changed its state"
    );
    *before = state;
    shared.queue.call_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_of_success_passes() {
        for (answer, expect) in [
            ("HTTP/1.1 200 OK\r\n", Ok(())),
            ("HTTP/1.0 204 No Content", Ok(())),
            ("HTTP/1.1 503 Service Unavailable", Err(CheckFailure::Status(503))),
            ("HTTP/1.1 301 Moved", Err(CheckFailure::Status(301))),
            ("SSH-2.0-OpenSSH_9.2", Err(CheckFailure::Garbage)),
            ("HTTP/1.1 abc", Err(CheckFailure::Garbage)),
        ] {
            assert_eq!(judge(answer.as_bytes()), expect, "{answer}");
        }
    }
}
