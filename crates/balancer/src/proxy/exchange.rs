//! One request from its arrival to the last byte of its answer, and what is written of it.
//!
//! Guarantees: each attempt on a server is begun once and ended once in the policy, whatever
//! happens in between, also when the client leaves and the task is dropped; one line in the access
//! log and at most one count of a reason.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::{Method, Uri};

use super::failure::Seen;
use super::headers;
use super::refusal::Wanted;
use crate::access_log::Line;
use crate::client::Refused;
use crate::policy::{Attempt, Choice, Failure, Moment, Outcome, Repeatable, Sent, ServerSet};
use crate::reason::Reason;
use crate::shared::Shared;

/// One request under way.
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) client: IpAddr,
    pub(super) request_id: RequestId,
    pub(super) repeatable: Repeatable,
    pub(super) home_only: bool,
    pub(super) tried: ServerSet,
    /// The last choice.
    pub(super) choice: Option<Choice>,
    /// The status of the answer, 0 before there is one.
    pub(super) status: u16,
    pub(super) reason: Option<Reason>,
    /// The rule that the client broke, instead of the reason's own sentence.
    pub(super) detail: Option<&'static str>,
    /// In which form the client wants to be refused.
    pub(super) wanted: Wanted,
    /// Bytes of the answer's body.
    pub(super) bytes: usize,
    attempt: Option<Attempt>,
    began: Moment,
    repeats_after_sent: u32,
    /// Repeats of this kind by balancers behind this one, as they say.
    repeats_behind: u32,
    sent_something: bool,
    random: u64,
}

/// The id of a request.
pub(super) enum RequestId {
    /// 32 hexadecimal digits, for requests that come without one.
    Made([u8; 32]),
    Given(http::HeaderValue),
}

impl RequestId {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Made(digits) => digits,
            Self::Given(value) => value.as_bytes(),
        }
    }
}

impl Exchange {
    pub(super) fn new(
        shared: &Arc<Shared>,
        request: &http::request::Parts,
        client: IpAddr,
    ) -> Self {
        let trace: u128 = rand::random();
        let request_id = headers::given_request_id(&request.headers)
            .map_or_else(|| RequestId::Made(hexadecimal(trace)), RequestId::Given);
        Self {
            shared: Arc::clone(shared),
            method: request.method.clone(),
            uri: request.uri.clone(),
            client,
            request_id,
            repeatable: headers::repeatable(&request.method, &request.headers),
            home_only: !shared.is_front_door() && headers::has_spilled(&request.headers),
            tried: ServerSet::EMPTY,
            choice: None,
            status: 0,
            reason: None,
            detail: None,
            wanted: Wanted::by(&request.headers),
            bytes: 0,
            attempt: None,
            began: shared.now(),
            repeats_after_sent: 0,
            repeats_behind: 0,
            sent_something: false,
            random: u64::try_from(trace >> 64).unwrap_or(0),
        }
    }

    /// A request that was refused before it could be read, and the word for why.
    pub(super) fn refused(
        shared: &Arc<Shared>,
        client: IpAddr,
        refused: Refused,
    ) -> (Self, Reason) {
        let Refused { violation, method, path, began } = refused;
        let (mut head, ()) = http::Request::new(()).into_parts();
        let method = method.as_deref().unwrap_or("-");
        head.method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let path = path.as_deref().unwrap_or("-");
        head.uri = path.parse().unwrap_or_default();
        let mut exchange = Self::new(shared, &head, client);
        exchange.began = exchange.began.saturating_sub(began.elapsed());
        exchange.detail = Some(violation.detail);
        (exchange, violation.reason)
    }

    /// A random number, another one each time.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random ^ (self.random >> 33)
    }

    /// An attempt begins.
    pub(super) fn on_choice(&mut self, choice: Choice, attempt: Attempt) {
        self.tried.insert(choice.server);
        self.choice = Some(choice);
        self.attempt = Some(attempt);
    }

    /// The head of the answer arrived.
    pub(super) fn on_answer(&mut self, answer: &mut http::response::Parts) {
        self.status = answer.status.as_u16();
        let repeats = headers::take_repeats(&mut answer.headers);
        self.repeats_behind = self.repeats_behind.saturating_add(repeats);
        let now = self.shared.now();
        let mut policy = self.shared.policy();
        if let Some(attempt) = self.attempt.as_mut() {
            policy.on_first_byte(attempt, now);
        }
        if repeats > 0 {
            policy.on_repeats_behind(now, repeats);
        }
    }

    /// How often the request was sent again after a server may have seen it.
    pub(super) fn repeats(&self) -> u32 {
        self.repeats_after_sent.saturating_add(self.repeats_behind)
    }

    /// Ends the attempt under way.
    pub(super) fn end_attempt(&mut self, outcome: Outcome) {
        let Some(attempt) = self.attempt.take() else { return };
        let now = self.shared.now();
        if let Some(upstream) = self.shared.upstreams.get(attempt.server) {
            if self.status > 0 {
                upstream.stats.on_answer(self.status);
                upstream.stats.latency.record(now.saturating_sub(attempt.began));
            } else if outcome != Outcome::Unknown {
                upstream.stats.failures.fetch_add(1, Relaxed);
            }
        }
        self.shared.policy().end(attempt, now, outcome);
        self.shared.queue.call_next();
    }

    /// Ends a failed attempt; true when the request may go to another server.
    pub(super) fn on_failed_attempt(&mut self, seen: Seen, can_resend: bool) -> bool {
        self.status = 0;
        self.end_attempt(seen.outcome);
        self.note(seen.reason, seen.sent);
        seen.may_repeat && can_resend && self.permits_retry(seen.sent)
    }

    /// Takes a repeat out of the budget.
    pub(super) fn permits_retry(&mut self, sent: Sent) -> bool {
        let failure = Failure {
            sent,
            repeatable: self.repeatable,
            tried: self.tried,
            repeats_after_sent: self.repeats_after_sent,
            home_only: self.home_only,
        };
        let permitted = self.shared.policy().permit_retry(self.shared.now(), &failure).is_ok();
        if permitted && sent == Sent::Something {
            self.repeats_after_sent += 1;
        }
        permitted
    }

    /// Notes why an attempt failed. Once something was sent, a later refusal does not make it
    /// unsent, so the word that says so stays.
    pub(super) fn note(&mut self, reason: Reason, sent: Sent) {
        if !self.sent_something || sent == Sent::Something {
            self.reason = Some(reason);
        }
        self.sent_something |= sent == Sent::Something;
    }

    fn log(&self) {
        let Some(log) = self.shared.access_log.as_ref() else { return };
        let server = self.choice.and_then(|choice| self.shared.upstreams.get(choice.server));
        let path = self.uri.path();
        let line = Line {
            client: Some(self.client),
            method: self.method.as_str(),
            // Only a request that could not be read has none.
            path: if path.is_empty() { "-" } else { path },
            status: self.status,
            reason: self.reason.map(Reason::word),
            server: server.map(|server| server.name.as_str()),
            attempts: self.tried.len(),
            time: self.shared.now().saturating_sub(self.began),
            bytes: self.bytes,
            request_id: self.request_id.as_bytes(),
        };
        if !log.write(&line) {
            self.shared.stats.log_lines_dropped.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Exchange {
    /// The end of the request, whichever it was.
    fn drop(&mut self) {
        if self.attempt.is_some() {
            // The client left, or its connection was cut here.
            self.reason = Some(Reason::ClientGone);
            self.end_attempt(Outcome::Unknown);
        }
        if self.status == 0 {
            let reason = *self.reason.get_or_insert(Reason::ClientGone);
            self.status = reason.status();
        }
        if let Some(reason) = self.reason {
            self.shared.stats.on_reason(reason);
        }
        if self.status >= 500 {
            self.shared.stats.errors.fetch_add(1, Relaxed);
        }
        self.log();
    }
}

/// The digits of a random number.
pub(super) fn hexadecimal(number: u128) -> [u8; 32] {
    let mut digits = [b'0'; 32];
    for (position, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = u8::try_from((number >> (4 * position)) & 15).unwrap_or(0);
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    digits
}
