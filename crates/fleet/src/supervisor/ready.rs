//! Asking a process whether it is ready: `GET /readyz` answered by 200.
//!
//! Guarantees: each question has a hard limit, so a process that accepts and says nothing is asked
//! again; the end of the waiting is the caller's.
//!
//! Deliberately not here: the checks that decide about traffic; they belong to the balancers.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::http;

/// A ready process answers from memory or with one query.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A start takes tens of milliseconds; asking every few of them costs little and adds no wait.
const ASK_EVERY_FIRST: Duration = Duration::from_millis(10);

/// A slow start is asked less often.
const ASK_EVERY_LAST: Duration = Duration::from_millis(200);

/// Returns once the process is ready.
pub(super) async fn wait(address: SocketAddr, certificate: Option<&Path>, path: &str) {
    let mut pause = ASK_EVERY_FIRST;
    loop {
        let asked = timeout(ANSWER_WITHIN, http::get(address, certificate, path)).await;
        if asked.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == 200)) {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(ASK_EVERY_LAST);
    }
}
