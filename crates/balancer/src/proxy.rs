//! The data path: Pingora's hooks, with the policy asked at each turn.
//!
//! A request goes through: own endpoints, limits, choice of a server, headers, answer, log. Each
//! attempt on a server is begun once and ended once in the policy, whatever happens in between.
//! A failed attempt is repeated by Pingora when the policy permits it and the body is still in
//! Pingora's buffer (64 KiB); a larger one is sent again from our own copy (`replay`).
//! Not here: which server and whether to repeat (`policy`), connections of clients (`serve`).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use crate::policy::{Outcome, Refusal};
use crate::reason::Reason;
use crate::shared::Shared;

pub(crate) mod answer;
mod attempt;
mod context;
mod failure;
mod headers;
mod own;
mod replay;

pub(crate) use context::Context;

/// The proxy of one process.
pub(crate) struct Proxy {
    pub(crate) shared: Arc<Shared>,
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
