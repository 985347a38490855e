//! A front door's picture of the whole deployment: its own status, and what each balancer behind
//! it says of itself.
//!
//! The balancers are asked only while somebody looks, at most once a second whatever the number of
//! lookers, all at once, each with a hard limit on time and bytes. One that does not answer keeps
//! its last answer, with its age.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Status, ms, own};
use crate::policy::Moment;
use crate::shared::Shared;

/// From connecting to the last byte. 500 ms: half of the time between two looks.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// An answer serves everybody who looks this much later; a little less than the page's second.
const FRESH: Duration = Duration::from_millis(900);
/// Longest answer, head included. 256 KiB: four times a balancer with 64 servers.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// A deployment as the process at its entrance sees it.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    #[serde(flatten)]
    pub(super) own: Status,
    /// Of a front door: in the order of its upstreams.
    pub(super) balancers: Vec<Told>,
}

/// What one balancer said.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Told {
    pub(super) name: String,
    /// Why there is no fresh answer.
    pub(super) problem: Option<&'static str>,
    /// Age of the answer below.
    pub(super) age_ms: Option<u64>,
    pub(super) status: Option<Status>,
    #[serde(skip)]
    answered: Option<Moment>,
}

/// The last answers.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    asked: Option<Moment>,
    told: Vec<Told>,
}

pub(super) async fn picture(shared: &Shared) -> Picture {
    let balancers =
        if shared.is_front_door() { shared.cache.balancers(shared).await } else { Vec::new() };
    Picture { own: own(shared), balancers }
}

impl Cache {
    async fn balancers(&self, shared: &Shared) -> Vec<Told> {
        // Held while asking, so that all who look at once wait for the same answers.
        let mut held = self.0.lock().await;
        let now = shared.now();
        if held.asked.is_none_or(|asked| now.saturating_sub(asked) >= FRESH) {
            ask_all(shared, &mut held.told).await;
            held.asked = Some(now);
        }
        let now = shared.now();
        let mut told = held.told.clone();
        for one in &mut told {
            one.age_ms = one.answered.map(|at| ms(now.saturating_sub(at)));
        }
        told
    }
}

async fn ask_all(shared: &Shared, told: &mut Vec<Told>) {
    if told.is_empty() {
        let names = shared.upstreams.iter().map(|upstream| upstream.name.clone());
        told.extend(names.map(|name| Told { name, ..Told::default() }));
    }
    let mut asking = JoinSet::new();
    for (position, upstream) in shared.upstreams.iter().enumerate() {
        let address = upstream.address();
        asking.spawn(async move {
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask(address)).await;
            (position, answer.unwrap_or(Err("did not answer in time")))
        });
    }
    while let Some(asked) = asking.join_next().await {
        let Ok((position, answer)) = asked else { continue };
        let Some(one) = told.get_mut(position) else { continue };
        match answer {
            Ok(status) => {
                one.problem = None;
                one.status = Some(status);
                one.answered = Some(shared.now());
            }
            Err(problem) => one.problem = Some(problem),
        }
    }
}

async fn ask(address: SocketAddr) -> Result<Status, &'static str> {
    const BROKEN: &str = "broke the connection";
    let mut stream = TcpStream::connect(address).await.map_err(|_| "cannot be connected to")?;
    let request = format!(
        "GET /status.json HTTP/1.1\r\nhost: {address}\r\nuser-agent: ballast-status\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(|_| BROKEN)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.map_err(|_| BROKEN)?;
    read(&answer).ok_or("does not tell its status")
}

fn read(answer: &[u8]) -> Option<Status> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    head.starts_with(b"HTTP/1.1 200").then(|| serde_json::from_slice(body).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_status_is_read_and_versions_may_differ() {
        let status = read(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"name\":\"ALB\",\"new_field\":1}");
        assert_eq!(status.map(|status| status.name).as_deref(), Some("ALB"));
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\n{\"name\":\"ALB\"}",
            "HTTP/1.1 200 OK\r\n\r\n{\"name\":\"AL",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
        ] {
            assert!(read(answer.as_bytes()).is_none(), "{answer}");
        }
    }
}
