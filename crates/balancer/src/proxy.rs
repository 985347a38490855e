//! The data path: one request in, one answer out, with the policy asked at each turn.
//!
//! A request goes through: own endpoints, limits, choice of a server, headers, answer, log. hyper
//! speaks HTTP on both sides; which server, and whether a failed request may be repeated, is
//! decided by `policy`. Not here: connections of clients (`serve`) and of servers (`upstream`).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HeaderMap};
use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use crate::client;
use crate::policy::{Choice, Refusal, Repeatable};
use crate::reason::Reason;
use crate::shared::Shared;
use crate::upstream::{Connection, Upstream};

pub(crate) mod answer;
mod exchange;
mod failure;
mod headers;
mod own;
mod patience;
mod queue;
mod refusal;
mod trace;
mod upload;

pub(crate) use answer::AnswerBody;
pub(crate) use headers::Client;
pub(crate) use queue::Queue;
pub(crate) use upload::UploadBody;

use exchange::Exchange;
use failure::Seen;
use queue::Wait;
use upload::Upload;

/// Time a client gets to take in a refusal while it is still sending.
const LINGER: Duration = Duration::from_secs(1);
/// How often a connection out of the pool may turn out to be closed before a new one is made.
const STALE_MAX: u32 = 3;

/// A request as it is sent in every attempt.
struct Outgoing {
    head: Parts,
    upload: Option<Upload>,
}

/// An attempt that came to nothing.
enum Failed {
    /// Another server may be tried.
    Elsewhere,
    /// The client gets this.
    Refused(Reason),
}

/// Answers one request of a client.
pub(crate) async fn call(
    shared: &Arc<Shared>,
    client: &Client,
    connection: &client::Connection,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let version = head.version;
    if head.method.as_str() == client::REFUSED_METHOD
        && let Some(refused) = connection.take_refused()
    {
        shared.stats.requests.fetch_add(1, Relaxed);
        let (exchange, reason) = Exchange::refused(shared, client.ip, refused);
        let mut answer = answer::refuse(exchange, reason);
        headers::last_answer(answer.headers_mut(), version);
        return answer;
    }
    if let Some(endpoint) = own::endpoint(head.uri.path()) {
        let mut answer = Box::pin(own::answer(shared, &head.method, client.ip, endpoint)).await;
        if shared.is_draining() {
            headers::last_answer(answer.headers_mut(), version);
        }
        return answer;
    }
    shared.stats.requests.fetch_add(1, Relaxed);
    let exchange = Exchange::new(shared, &head, client.ip);
    let upload = (!body.is_end_stream())
        .then(|| Upload::new(shared, body, exchange.repeatable == Repeatable::Yes));
    let mut outgoing = Outgoing { head, upload };
    // Who has no chance is refused before anything else is done for it.
    let done = if shared.queue.has_place(shared.limits().queue_max) {
        Box::pin(forward(exchange, client, &mut outgoing, version)).await
    } else {
        Err((exchange, Reason::QueueFull))
    };
    match done {
        Ok(answer) => answer,
        Err((mut exchange, reason)) => {
            let violation = outgoing.upload.as_ref().and_then(Upload::violation);
            exchange.detail = violation.map(|violation| violation.detail);
            if let Some(upload) = &outgoing.upload
                && reason != Reason::ClientGone
            {
                Box::pin(upload.discard(LINGER)).await;
            }
            let is_last = shared.is_draining() || violation.is_some();
            let mut answer = answer::refuse(exchange, reason);
            if is_last {
                headers::last_answer(answer.headers_mut(), version);
            }
            answer
        }
    }
}

async fn forward(
    mut exchange: Exchange,
    client: &Client,
    outgoing: &mut Outgoing,
    version: Version,
) -> Result<Response<AnswerBody>, (Exchange, Reason)> {
    if let Err(reason) = admit(&exchange, client, outgoing).await {
        return Err((exchange, reason));
    }
    let now = exchange.shared.now();
    exchange.shared.policy().on_request(now);
    loop {
        if let Err(reason) = choose(&mut exchange).await {
            let reason = exchange.reason.unwrap_or(reason);
            return Err((exchange, reason));
        }
        match attempt(&mut exchange, outgoing).await {
            Ok((connection, answer)) => {
                let (mut head, body) = answer.into_parts();
                let verdict = failure::judge_answer(&head);
                exchange.on_answer(&mut head);
                if let Some(seen) = verdict.refused_by_balancer {
                    if can_resend(outgoing) && exchange.permits_retry(seen.sent) {
                        exchange.status = 0;
                        exchange.end_attempt(seen.outcome);
                        exchange.note(seen.reason, seen.sent);
                        continue;
                    }
                    exchange.reason = Some(seen.reason);
                } else {
                    exchange.reason = None;
                }
                headers::towards_client(&exchange, &mut head.headers, version);
                let body = AnswerBody::passing(body, verdict.outcome, exchange, connection);
                head.version = version;
                return Ok(Response::from_parts(head, body));
            }
            Err(Failed::Elsewhere) => {}
            Err(Failed::Refused(reason)) => return Err((exchange, reason)),
        }
    }
}

/// Lets a request in that keeps the limits, and gives it the form for servers.
async fn admit(
    exchange: &Exchange,
    client: &Client,
    outgoing: &mut Outgoing,
) -> Result<(), Reason> {
    let shared = &exchange.shared;
    if !shared.request_rate.permits(client.ip, shared.now()) {
        return Err(Reason::RateLimited);
    }
    let limits = shared.limits();
    let Outgoing { head, upload } = outgoing;
    if !client::is_offered(head.method.as_str().as_bytes()) {
        return Err(Reason::MethodNotAllowed);
    }
    if headers::size(head) > limits.header_bytes_max {
        return Err(Reason::HeaderTooLarge);
    }
    if content_length(&head.headers).is_some_and(|length| length > limits.body_bytes_max) {
        return Err(Reason::BodyTooLarge);
    }
    headers::normalize(head)?;
    let is_chunked = upload.as_ref().is_some_and(|upload| upload.length().is_none());
    headers::towards_server(exchange, client, &mut head.headers, is_chunked);
    match upload {
        Some(upload) => upload.read_first().await,
        None => Ok(()),
    }
}

/// Chooses a server and begins the attempt; waits for a short while when all are full.
async fn choose(exchange: &mut Exchange) -> Result<(), Reason> {
    let shared = Arc::clone(&exchange.shared);
    let mut deadline = None;
    let mut is_over = false;
    loop {
        // Who comes new does not pass those who wait.
        let must_wait = deadline.is_none() && shared.queue.len() > 0;
        if !must_wait {
            match pick(exchange) {
                Ok(()) => return Ok(()),
                Err(Refusal::NoServer) => return Err(Reason::NoServer),
                Err(Refusal::QueueFull) if is_over => return Err(Reason::QueueFull),
                Err(Refusal::QueueFull) => {}
            }
        }
        let limits = shared.limits();
        let now = Instant::now();
        let deadline =
            *deadline.get_or_insert_with(|| now + Duration::from_millis(limits.queue_wait_ms));
        let longest = deadline.saturating_duration_since(now);
        match Box::pin(shared.queue.wait(limits.queue_max, longest)).await {
            Wait::Turn => {}
            // A slot may have become free in the same moment.
            Wait::InVain => is_over = true,
            Wait::NoPlace => return Err(Reason::QueueFull),
        }
    }
}

fn pick(exchange: &mut Exchange) -> Result<(), Refusal> {
    let shared = Arc::clone(&exchange.shared);
    let random = exchange.next_random();
    let now = shared.now();
    let mut policy = shared.policy();
    let choice = policy.choose(now, random, exchange.tried, exchange.home_only)?;
    let attempt = policy.begin(choice.server, now);
    drop(policy);
    exchange.on_choice(choice, attempt);
    Ok(())
}

/// One attempt on the chosen server.
async fn attempt(
    exchange: &mut Exchange,
    outgoing: &Outgoing,
) -> Result<(Connection, Response<Incoming>), Failed> {
    let shared = Arc::clone(&exchange.shared);
    let chosen = exchange.choice.and_then(|Choice { server, .. }| shared.upstreams.get(server));
    let Some(upstream) = chosen else { return Err(Failed::Refused(Reason::Internal)) };
    match send(exchange, outgoing, upstream).await {
        Ok(answered) => Ok(answered),
        Err(seen) => {
            if exchange.on_failed_attempt(seen, can_resend(outgoing)) {
                Err(Failed::Elsewhere)
            } else {
                Err(Failed::Refused(exchange.reason.unwrap_or(seen.reason)))
            }
        }
    }
}

async fn send(
    exchange: &Exchange,
    outgoing: &Outgoing,
    upstream: &Upstream,
) -> Result<(Connection, Response<Incoming>), Seen> {
    let shared = &exchange.shared;
    let upload = outgoing.upload.as_ref();
    let limit = Duration::from_millis(shared.limits().response_timeout_ms);
    let mut stale = 0;
    loop {
        let idle = if stale < STALE_MAX { upstream.idle_connection(shared.now()) } else { None };
        let mut connection = match idle {
            Some(connection) => connection,
            None => Box::pin(upstream.connect())
                .await
                .map_err(|error| failure::while_connecting(&error))?,
        };
        let body = upload.map_or(UploadBody::EMPTY, Upload::body);
        let mut request = Request::from_parts(outgoing.head.clone(), body);
        headers::mark_spill(exchange, request.headers_mut());
        let answer = connection.sender.try_send_request(request);
        let Some(answer) = upload::within(shared, upload, limit, answer).await else {
            return Err(failure::SILENT);
        };
        match answer {
            Ok(answer) if failure::is_ambiguous(answer.status(), answer.headers()) => {
                return Err(failure::AMBIGUOUS);
            }
            Ok(answer) => return Ok((connection, answer)),
            Err(mut error) => {
                if let Some(reason) = upload.and_then(Upload::failure) {
                    return Err(failure::of_client(reason));
                }
                // It was closed while it was idle, which says nothing about the server.
                if error.take_message().is_some() && connection.reused {
                    stale += 1;
                    continue;
                }
                return Err(failure::while_proxying(error.error()));
            }
        }
    }
}

fn can_resend(outgoing: &Outgoing) -> bool {
    outgoing.upload.as_ref().is_none_or(Upload::can_resend)
}

/// The announced length of the body.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}
