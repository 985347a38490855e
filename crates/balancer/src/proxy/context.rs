//! What is known of one request while it is under way.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use pingora::http::RequestHeader;

use crate::policy::{Attempt, Choice, Failure, Moment, Outcome, Repeatable, Sent, ServerSet};
use crate::reason::Reason;
use crate::shared::Shared;

/// One request under way.
pub(crate) struct Context {
    shared: Arc<Shared>,
    pub(super) began: Moment,
    pub(super) attempt: Option<Attempt>,
    pub(super) tried: ServerSet,
    /// The last server chosen.
    pub(super) server: Option<usize>,
    pub(super) repeatable: Repeatable,
    pub(super) repeats_after_sent: u32,
    pub(super) home_only: bool,
    pub(super) fail_open: bool,
    pub(super) other_region: bool,
    /// The status of the answer, 0 before there is one.
    pub(super) status: u16,
    pub(super) reason: Option<Reason>,
    /// What the answer says of its server.
    pub(super) outcome: Outcome,
    /// One of our own endpoints.
    pub(super) own: bool,
    pub(super) body_bytes: u64,
    pub(super) keep_body: bool,
    pub(super) kept: Option<Box<Kept>>,
    /// The request is to be sent again from our copy.
    pub(super) replay: bool,
    /// The repeat of an answered request was permitted already.
    pub(super) retry_permitted: bool,
    /// 32 hexadecimal digits, for requests that come without an id.
    pub(super) request_id: [u8; 32],
    sent_something: bool,
    random: u64,
}

/// A request that can be sent again from memory.
pub(super) struct Kept {
    pub(super) header: RequestHeader,
    pub(super) body: Vec<Bytes>,
    pub(super) bytes: u64,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let trace: u128 = rand::random();
        let began = shared.now();
        Self {
            shared,
            began,
            attempt: None,
            tried: ServerSet::EMPTY,
            server: None,
            repeatable: Repeatable::No,
            repeats_after_sent: 0,
            home_only: false,
            fail_open: false,
            other_region: false,
            status: 0,
            reason: None,
            outcome: Outcome::Unknown,
            own: false,
            body_bytes: 0,
            keep_body: false,
            kept: None,
            replay: false,
            retry_permitted: false,
            request_id: hexadecimal(trace),
            sent_something: false,
            random: u64::try_from(trace >> 64).unwrap_or(0),
        }
    }

    /// A random number, another one each time.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random ^ (self.random >> 33)
    }

    pub(super) fn on_choice(&mut self, choice: Choice) {
        self.server = Some(choice.server);
        self.tried.insert(choice.server);
        self.fail_open = choice.fail_open;
        self.other_region = choice.other_region;
        self.outcome = Outcome::Unknown;
    }

    /// Notes why an attempt failed. Once something was sent, a later refusal does not make it
    /// unsent, so the word that says so stays.
    pub(super) fn note(&mut self, reason: Reason, sent: Sent) {
        if !self.sent_something || sent == Sent::Something {
            self.reason = Some(reason);
        }
        self.sent_something |= sent == Sent::Something;
    }

    pub(super) fn failure(&self, sent: Sent) -> Failure {
        Failure {
            sent,
            repeatable: self.repeatable,
            tried: self.tried,
            repeats_after_sent: self.repeats_after_sent,
            home_only: self.home_only,
        }
    }

    /// An attempt begins to send: the body is counted and kept from its beginning.
    pub(super) fn on_request_header(&mut self, header: &RequestHeader) {
        self.body_bytes = 0;
        self.release();
        if self.keep_body {
            self.kept = Some(Box::new(Kept { header: header.clone(), body: Vec::new(), bytes: 0 }));
        }
    }

    /// Keeps a part of the body, unless the memory for all kept bodies is used up.
    pub(super) fn keep(&mut self, part: &Bytes) {
        let Some(kept) = self.kept.as_mut() else { return };
        let bytes = u64::try_from(part.len()).unwrap_or(u64::MAX);
        let before = self.shared.replay_bytes.fetch_add(bytes, Relaxed);
        kept.bytes += bytes;
        kept.body.push(part.clone());
        if before.saturating_add(bytes) > self.shared.limits().replay_bytes_max {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.shared.replay_bytes.fetch_sub(kept.bytes, Relaxed);
        }
    }
}

impl Drop for Context {
    /// A request whose task is dropped must not count as outstanding for ever.
    fn drop(&mut self) {
        self.release();
        if let Some(attempt) = self.attempt.take() {
            let now = self.shared.now();
            self.shared.policy().end(attempt, now, Outcome::Unknown);
        }
    }
}

fn hexadecimal(number: u128) -> [u8; 32] {
    let mut digits = [b'0'; 32];
    for (position, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = u8::try_from((number >> (4 * position)) & 15).unwrap_or(0);
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    digits
}
