//! The data path: Pingora's hooks, with the policy asked at each turn.
//!
//! A request goes through: own endpoints, limits, choice of a server, headers, answer, log. Each
//! attempt on a server is begun once and ended once in the policy, whatever happens in between.
//! A failed attempt is repeated by Pingora when the policy permits it and the body is still in
//! Pingora's buffer (64 KiB); a larger one is sent again from our own copy (`replay`).
//! Not here: which server and whether to repeat (`policy`), connections of clients (`serve`).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use crate::access_log::Line;
use crate::policy::{Outcome, Refusal, Sent};
use crate::reason::Reason;
use crate::shared::Shared;

pub(crate) mod answer;
mod context;
mod failure;
mod headers;
mod own;
mod replay;

pub(crate) use context::Context;

/// Time a client gets to take in a refusal while it is still sending.
const LINGER: Duration = Duration::from_secs(1);

/// The proxy of one process.
pub(crate) struct Proxy {
    pub(crate) shared: Arc<Shared>,
}

impl Proxy {
    /// Counts the request and notes what decides about repeating it.
    fn admit(&self, session: &mut Session, context: &mut Context) -> Result<(), Reason> {
        let limits = self.shared.limits();
        session.set_read_timeout(Some(Duration::from_millis(limits.client_read_timeout_ms)));
        session.set_write_timeout(Some(Duration::from_millis(limits.client_write_timeout_ms)));
        let header_bytes = session.as_http1().map_or(0, |h1| h1.get_headers_raw_bytes().len());
        if header_bytes > limits.header_bytes_max {
            return Err(Reason::HeaderTooLarge);
        }
        let request = session.req_header();
        let length = headers::content_length(request);
        if length.is_some_and(|length| length > limits.body_bytes_max) {
            return Err(Reason::BodyTooLarge);
        }
        context.repeatable = headers::repeatable(request);
        context.home_only = !self.shared.is_front_door() && headers::has_spilled(request);
        context.keep_body = replay::may_be_needed(request, context.repeatable, length);
        Ok(())
    }

    /// Ends the attempt under way.
    fn end_attempt(&self, context: &mut Context, outcome: Outcome) {
        let Some(attempt) = context.attempt.take() else { return };
        let now = self.shared.now();
        if let Some(upstream) = self.shared.upstreams.get(attempt.server) {
            if outcome == Outcome::Answered || context.status > 0 {
                upstream.stats.on_answer(context.status);
                upstream.stats.latency.record(now.saturating_sub(attempt.began));
            } else if outcome != Outcome::Unknown {
                upstream.stats.failures.fetch_add(1, Relaxed);
            }
        }
        self.shared.policy().end(attempt, now, outcome);
    }

    /// Ends a failed attempt and decides whether Pingora sends the request again.
    fn on_failed_attempt(
        &self,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut Context,
        seen: failure::Seen,
    ) -> Box<Error> {
        let answer_begun = answer::has_begun(session);
        if answer_begun {
            self.end_attempt(context, seen.outcome);
            context.note(seen.reason, seen.sent);
            error.set_retry(false);
            return error;
        }
        context.status = 0;
        self.end_attempt(context, seen.outcome);
        context.note(seen.reason, seen.sent);
        let truncated = session.as_ref().retry_buffer_truncated();
        let can_resend = !truncated || context.kept.is_some();
        let permitted = seen.may_repeat && can_resend && self.permits_retry(context, seen.sent);
        context.replay = permitted && truncated;
        error.set_retry(permitted && !truncated);
        error
    }

    fn permits_retry(&self, context: &mut Context, sent: Sent) -> bool {
        let failure = context.failure(sent);
        let permitted = self.shared.policy().permit_retry(self.shared.now(), &failure).is_ok();
        if permitted && sent == Sent::Something {
            context.repeats_after_sent += 1;
        }
        permitted
    }

    fn log(&self, session: &Session, context: &Context) {
        let Some(log) = self.shared.access_log.as_ref() else { return };
        let request = session.req_header();
        let server = context.server.and_then(|server| self.shared.upstreams.get(server));
        let line = Line {
            client: headers::client_ip(session),
            method: request.method.as_str(),
            path: request.uri.path(),
            status: context.status,
            reason: context.reason.map(Reason::word),
            server: server.map(|server| server.name.as_str()),
            attempts: context.tried.len(),
            time: self.shared.now().saturating_sub(context.began),
            bytes: session.body_bytes_sent(),
            request_id: headers::request_id(request, &context.request_id),
        };
        if !log.write(&line) {
            self.shared.stats.log_lines_dropped.fetch_add(1, Relaxed);
        }
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(Arc::clone(&self.shared))
    }

    /// No compression, no modules: they would cost every request.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        if let Some(endpoint) = own::endpoint(session.req_header().uri.path()) {
            context.own = true;
            own::answer(&self.shared, session, endpoint).await?;
            return Ok(true);
        }
        self.shared.stats.requests.fetch_add(1, Relaxed);
        if let Err(reason) = self.admit(session, context) {
            context.reason = Some(reason);
            return Error::err_down(ErrorType::HTTPStatus(reason.status()));
        }
        Ok(false)
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        context: &mut Context,
    ) -> Result<Box<HttpPeer>> {
        let now = self.shared.now();
        let random = context.next_random();
        let chosen = {
            let mut policy = self.shared.policy();
            if context.tried.is_empty() {
                policy.on_request(now);
            }
            policy.choose(now, random, context.tried, context.home_only).inspect(|choice| {
                context.attempt = Some(policy.begin(choice.server, now));
            })
        };
        let choice = match chosen {
            Ok(choice) => choice,
            Err(refusal) => {
                let reason = match refusal {
                    Refusal::NoServer => Reason::NoServer,
                    Refusal::QueueFull => Reason::QueueFull,
                };
                context.reason.get_or_insert(reason);
                return Error::err_in(ErrorType::HTTPStatus(reason.status()));
            }
        };
        context.on_choice(choice);
        self.shared
            .upstreams
            .get(choice.server)
            .map(|upstream| Box::new(upstream.peer.clone()))
            .ok_or_else(|| Error::new_in(ErrorType::InternalError))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        headers::towards_server(&self.shared, session, upstream_request, context)?;
        context.on_request_header(upstream_request);
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end_of_stream: bool,
        context: &mut Context,
    ) -> Result<()> {
        let Some(body) = body.as_ref() else { return Ok(()) };
        context.body_bytes += u64::try_from(body.len()).unwrap_or(u64::MAX);
        if context.body_bytes > self.shared.limits().body_bytes_max {
            context.reason = Some(Reason::BodyTooLarge);
            return Error::err_down(ErrorType::HTTPStatus(413));
        }
        context.keep(body);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        if response.status.is_informational() {
            return Ok(());
        }
        let now = self.shared.now();
        if let Some(attempt) = context.attempt.as_mut() {
            self.shared.policy().on_first_byte(attempt, now);
        }
        context.status = response.status.as_u16();
        let verdict = failure::judge_answer(response);
        context.outcome = verdict.outcome;
        if let Some(seen) = verdict.refused_by_balancer
            && (!session.as_ref().retry_buffer_truncated() || context.kept.is_some())
        {
            self.try_elsewhere(context, seen)?;
        }
        context.reason = verdict.refused_by_balancer.map(|seen| seen.reason);
        headers::towards_client(&self.shared, response, context)
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        context: &mut Context,
        error: Box<Error>,
    ) -> Box<Error> {
        let seen = failure::while_connecting(&error);
        self.on_failed_attempt(session, error, context, seen)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut Context,
        _client_reused: bool,
    ) -> Box<Error> {
        if context.retry_permitted {
            // A balancer behind this front door said that it could not serve the request.
            context.retry_permitted = false;
            let truncated = session.as_ref().retry_buffer_truncated();
            context.replay = truncated;
            error.set_retry(!truncated);
            return error;
        }
        let seen = failure::while_proxying(&error, context.reason);
        self.on_failed_attempt(session, error, context, seen)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Context,
    ) -> FailToProxy {
        if context.replay {
            self.replay(session, context).await;
        } else {
            self.refuse(session, error, context).await;
        }
        FailToProxy { error_code: context.status, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Context) {
        if context.own {
            return;
        }
        let outcome = if error.is_some() { Outcome::Unknown } else { context.outcome };
        self.end_attempt(context, outcome);
        if let Some(reason) = context.reason {
            self.shared.stats.on_reason(reason);
        }
        self.log(session, context);
    }

    fn suppress_error_log(&self, _session: &Session, _context: &Context, _error: &Error) -> bool {
        // The access log and the metrics say it, with one word, once.
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _context: &Context,
        _error: &Error,
        _about: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

impl Proxy {
    /// An answer in which a balancer says that it could not serve: another region may.
    fn try_elsewhere(&self, context: &mut Context, seen: failure::Seen) -> Result<()> {
        if !self.permits_retry(context, seen.sent) {
            return Ok(());
        }
        self.end_attempt(context, seen.outcome);
        context.note(seen.reason, seen.sent);
        context.retry_permitted = true;
        context.status = 0;
        Error::err_up(ErrorType::HTTPStatus(seen.reason.status()))
    }

    /// Writes the refusal of a request that got no answer.
    async fn refuse(&self, session: &mut Session, error: &Error, context: &mut Context) {
        if answer::has_begun(session) {
            return;
        }
        let reason = context.reason.unwrap_or_else(|| failure::reason_of(error));
        context.reason = Some(reason);
        context.status = reason.status();
        if reason == Reason::ClientGone {
            return;
        }
        let server = context.server.and_then(|server| self.shared.upstreams.get(server));
        let refusal = answer::refusal(reason, server, session.req_header().method.as_str());
        let Ok((header, body)) = refusal else { return };
        // When this fails the client is gone, and there is nobody to tell.
        let _ = session.as_downstream_mut().write_error_response(header, body).await;
        if reason == Reason::BodyTooLarge || *error.esource() == ErrorSource::Internal {
            // Closing while the client still sends would reset the connection under its answer.
            session.set_total_drain_timeout(Some(LINGER));
            let _ = session.as_downstream_mut().drain_request_body().await;
        }
    }
}
