//! Answers: those of servers on their way to the client, and those that are written here.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::exchange::Exchange;
use super::headers::{REASON_HEADER, SERVER_HEADER, tell_repeats};
use super::refusal;
use crate::policy::Outcome;
use crate::reason::Reason;
use crate::upstream::Connection;

/// Seconds after which a refused client may try again. 1: a server is back or ejected by then.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What a page of ours may load: its own style, script, icon and data, nothing inline, no frame.
const OWN_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What [`client::is_offered`](crate::client::is_offered) lets through.
const OFFERED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// Written here, or already complete.
    Whole(Bytes),
    /// On its way from a server.
    Passing(Box<Passing>),
}

/// An answer on its way from a server. Its end is the end of the request.
pub(crate) struct Passing {
    source: Incoming,
    outcome: Outcome,
    exchange: Exchange,
    connection: Option<Connection>,
    patience: Option<Pin<Box<Sleep>>>,
}

/// The answer broke, so the client's connection is cut: a cut answer must look cut.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the server did not finish its answer")
    }
}

impl std::error::Error for Broken {}

impl AnswerBody {
    /// The body of a server's answer; an empty one ends the request here.
    pub(super) fn passing(
        source: Incoming,
        outcome: Outcome,
        exchange: Exchange,
        connection: Connection,
    ) -> Self {
        let mut passing =
            Passing { source, outcome, exchange, connection: Some(connection), patience: None };
        if passing.source.is_end_stream() {
            passing.finish();
            return Self::Whole(Bytes::new());
        }
        Self::Passing(Box::new(passing))
    }
}

impl Passing {
    fn finish(&mut self) {
        self.exchange.end_attempt(self.outcome);
        let Some(connection) = self.connection.take() else { return };
        let Some(choice) = self.exchange.choice else { return };
        let shared = &self.exchange.shared;
        if let Some(upstream) = shared.upstreams.get(choice.server) {
            upstream.give_back(connection, shared.now());
        }
    }

    fn fail(&mut self, outcome: Outcome, reason: Reason) -> Option<Result<Frame<Bytes>, Broken>> {
        self.connection = None;
        self.exchange.reason = Some(reason);
        self.exchange.end_attempt(outcome);
        Some(Err(Broken))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.source).poll_frame(context) else {
                let limit = self.exchange.shared.limits().response_timeout_ms;
                let patience = self.patience.get_or_insert_with(|| {
                    Box::pin(tokio::time::sleep(Duration::from_millis(limit)))
                });
                std::task::ready!(patience.as_mut().poll(context));
                return Poll::Ready(self.fail(Outcome::Silence, Reason::Timeout));
            };
            self.patience = None;
            return Poll::Ready(match frame {
                None => {
                    self.finish();
                    None
                }
                Some(Err(_)) => self.fail(Outcome::Reset, Reason::Reset),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.exchange.bytes += data.len();
                    // Nobody asks again after the last byte.
                    if self.source.is_end_stream() {
                        self.finish();
                    }
                    Some(Ok(Frame::data(data)))
                }
            });
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Passing(passing) => passing.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Passing(passing) => passing.source.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Passing(passing) => passing.source.size_hint(),
        }
    }
}

/// The refusal of a request, with its reason. It ends the exchange.
pub(super) fn refuse(mut exchange: Exchange, reason: Reason) -> Response<AnswerBody> {
    exchange.reason = Some(reason);
    exchange.status = reason.status();
    let is_head = exchange.method == http::Method::HEAD;
    let (kind, body) = refusal::body(exchange.wanted, &exchange.method, reason, exchange.detail);
    let mut answer = written(reason.status(), kind, body, is_head);
    let headers = answer.headers_mut();
    headers.insert(REASON_HEADER, HeaderValue::from_static(reason.word()));
    tell_repeats(&exchange, headers);
    if reason == Reason::MethodNotAllowed {
        headers.insert(ALLOW, HeaderValue::from_static(OFFERED_METHODS));
    }
    let server = exchange.choice.and_then(|choice| exchange.shared.upstreams.get(choice.server));
    if let Some(server) = server {
        headers.insert(SERVER_HEADER, server.name_value.clone());
    }
    if !is_head {
        exchange.bytes = usize::try_from(answer.body().size_hint().lower()).unwrap_or(0);
    }
    answer
}

/// An answer that is written here.
pub(super) fn written(
    status: u16,
    content_type: &'static str,
    body: Bytes,
    is_head: bool,
) -> Response<AnswerBody> {
    let length = body.len();
    let body = if is_head { Bytes::new() } else { body };
    let mut answer = Response::new(AnswerBody::Whole(body));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers: &mut HeaderMap = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, OWN_POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if matches!(status, 429 | 503) {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    answer
}

/// What a client gets whose connection is one too many: written before any request is read.
pub(crate) fn too_many_connections(reason: Reason) -> Bytes {
    let body = reason.problem();
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: 1\r\n\
         x-ballast-reason: {}\r\nconnection: close\r\n\r\n",
        reason.status(),
        reason.title(),
        body.len(),
        reason.word(),
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Bytes::from(answer)
}
