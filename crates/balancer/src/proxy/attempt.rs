//! The turns of a request between the hooks: let in, an attempt that ended, a refusal, the log.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType, Result};

use super::{Context, Proxy, answer, failure, headers, replay};
use crate::access_log::Line;
use crate::policy::{Outcome, Sent};
use crate::reason::Reason;

/// Time a client gets to take in a refusal while it is still sending.
const LINGER: Duration = Duration::from_secs(1);

impl Proxy {
    /// Counts the request and notes what decides about repeating it.
    pub(super) fn admit(&self, session: &mut Session, context: &mut Context) -> Result<(), Reason> {
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
    pub(super) fn end_attempt(&self, context: &mut Context, outcome: Outcome) {
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
    pub(super) fn on_failed_attempt(
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

    pub(super) fn permits_retry(&self, context: &mut Context, sent: Sent) -> bool {
        let failure = context.failure(sent);
        let permitted = self.shared.policy().permit_retry(self.shared.now(), &failure).is_ok();
        if permitted && sent == Sent::Something {
            context.repeats_after_sent += 1;
        }
        permitted
    }

    pub(super) fn log(&self, session: &Session, context: &Context) {
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

impl Proxy {
    /// An answer in which a balancer says that it could not serve: another region may.
    pub(super) fn try_elsewhere(&self, context: &mut Context, seen: failure::Seen) -> Result<()> {
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
    pub(super) async fn refuse(&self, session: &mut Session, error: &Error, context: &mut Context) {
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
