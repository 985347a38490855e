//! What one client connection is doing, as its task, the sweep and the limits see it.
//!
//! One word holds the requests under way and a flag for each thing that is waited for, so that
//! closing an idle connection and beginning its next request exclude each other whatever the
//! threads do. The times are those of the sweep's clock: reading it costs nothing.

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::violation::Violation;

/// The lower half counts the requests under way.
const UNDER_WAY: u64 = 0xffff_ffff;
/// A part of a head is there.
const IN_HEAD: u64 = 1 << 32;
/// The rest of a body is awaited.
const IN_BODY: u64 = 1 << 33;
/// The client does not take its answer.
const BLOCKED: u64 = 1 << 34;
/// Everything was said; what the client still sends is thrown away.
const LINGERS: u64 = 1 << 35;
/// To be closed without a word.
const CUT: u64 = 1 << 36;
/// To be refused because it sends too slowly.
const TOO_SLOW: u64 = 1 << 37;
/// Cut off because of HTTP/2 frames that ask for nothing.
const FLOODS: u64 = 1 << 38;

/// What a refused request asked for, as far as it can be told, for the answer and the log.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) violation: Violation,
    pub(crate) method: Option<String>,
    /// Without the query.
    pub(crate) path: Option<String>,
    /// When its first byte was read.
    pub(crate) began: Instant,
}

/// What the sweep has to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) is_idle: bool,
    pub(super) is_in_head: bool,
    pub(super) is_in_body: bool,
    pub(super) is_blocked: bool,
    pub(super) lingers: bool,
    pub(super) is_cut: bool,
    /// Sweep's clock at the end of the last request; later than that when the state is not idle.
    pub(super) idle_since_ms: u64,
    pub(super) head_since_ms: u64,
    pub(super) linger_since_ms: u64,
    pub(super) requests: u64,
    pub(super) body_bytes: u64,
    pub(super) written: u64,
}

/// One client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    client: IpAddr,
    word: AtomicU64,
    clock_ms: Arc<AtomicU64>,
    idle_since_ms: AtomicU64,
    head_since_ms: AtomicU64,
    linger_since_ms: AtomicU64,
    requests: AtomicU64,
    body_bytes: AtomicU64,
    written: AtomicU64,
    waker: Mutex<Option<Waker>>,
    refused: Mutex<Option<Refused>>,
}

impl Connection {
    pub(super) fn new(client: IpAddr, clock_ms: Arc<AtomicU64>) -> Self {
        let now = clock_ms.load(Relaxed);
        Self {
            client,
            word: AtomicU64::new(0),
            clock_ms,
            idle_since_ms: AtomicU64::new(now),
            head_since_ms: AtomicU64::new(now),
            linger_since_ms: AtomicU64::new(now),
            requests: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            written: AtomicU64::new(0),
            waker: Mutex::new(None),
            refused: Mutex::new(None),
        }
    }

    /// The other end of the connection.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    /// Requests begin: false when the connection is closed instead, so that none of them may be
    /// handed on.
    pub(crate) fn begin(&self, requests: u32) -> bool {
        let before = self.word.fetch_add(u64::from(requests), AcqRel);
        self.requests.fetch_add(u64::from(requests), Relaxed);
        // A head that became whole in the last moment was not too slow.
        self.clear(IN_HEAD | TOO_SLOW);
        before & CUT == 0
    }

    /// The answer to a request was handed to the connection, or given up.
    pub(crate) fn end(&self) {
        self.idle_since_ms.store(self.clock_ms.load(Relaxed), Relaxed);
        self.word.fetch_sub(1, AcqRel);
    }

    /// Was the connection cut off because of frames that ask for nothing?
    pub(crate) fn floods(&self) -> bool {
        self.word.load(Relaxed) & FLOODS != 0
    }

    /// What the request was that the guard refused.
    pub(crate) fn take_refused(&self) -> Option<Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ready when the connection is to be closed.
    pub(crate) fn poll_cut(&self, context: &Context<'_>) -> Poll<()> {
        self.wake_by(context);
        if self.is_cut() { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(super) fn set_refused(&self, refused: Refused) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
    }

    /// The sweep's clock.
    pub(super) fn clock_ms(&self) -> u64 {
        self.clock_ms.load(Relaxed)
    }

    pub(super) fn on_flood(&self) {
        self.set(FLOODS);
    }

    /// Part of a head has arrived.
    pub(super) fn on_part_of_head(&self) {
        if self.word.load(Relaxed) & IN_HEAD == 0 {
            self.head_since_ms.store(self.clock_ms.load(Relaxed), Relaxed);
            self.word.fetch_or(IN_HEAD, AcqRel);
        }
    }

    pub(super) fn on_body_awaited(&self) {
        self.set(IN_BODY);
    }

    pub(super) fn on_body(&self, bytes: usize) {
        self.body_bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
        self.clear(IN_BODY | TOO_SLOW);
    }

    pub(super) fn on_blocked(&self) {
        self.set(BLOCKED);
    }

    pub(super) fn on_written(&self, bytes: usize) {
        self.written.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
        self.clear(BLOCKED);
    }

    pub(super) fn on_linger(&self) {
        if self.word.load(Relaxed) & LINGERS == 0 {
            self.linger_since_ms.store(self.clock_ms.load(Relaxed), Relaxed);
            self.word.fetch_or(LINGERS, AcqRel);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.word.load(Acquire) & CUT != 0
    }

    pub(super) fn is_too_slow(&self) -> bool {
        self.word.load(Acquire) & TOO_SLOW != 0
    }

    /// Lets the sweep wake the task that polls with this context.
    pub(super) fn wake_by(&self, context: &Context<'_>) {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Closes the connection if no request is under way; true when it was this call that did.
    pub(super) fn cut_if_waiting(&self) -> bool {
        let cut = |word| (word & (UNDER_WAY | LINGERS | CUT) == 0).then_some(word | CUT);
        let is_cut = self.word.fetch_update(AcqRel, Acquire, cut).is_ok();
        if is_cut {
            self.wake();
        }
        is_cut
    }

    /// Closes the connection whatever it does.
    pub(super) fn cut(&self) {
        self.word.fetch_or(CUT, AcqRel);
        self.wake();
    }

    pub(super) fn refuse_slow_head(&self) {
        self.refuse_if(IN_HEAD);
    }

    pub(super) fn refuse_slow_body(&self) {
        self.refuse_if(IN_BODY);
    }

    pub(super) fn seen(&self) -> Seen {
        let word = self.word.load(Acquire);
        let has = |flag| word & flag != 0;
        Seen {
            is_idle: word & (UNDER_WAY | IN_HEAD | LINGERS | CUT) == 0,
            is_in_head: has(IN_HEAD),
            is_in_body: has(IN_BODY),
            is_blocked: has(BLOCKED),
            lingers: has(LINGERS),
            is_cut: has(CUT),
            idle_since_ms: self.idle_since_ms.load(Relaxed),
            head_since_ms: self.head_since_ms.load(Relaxed),
            linger_since_ms: self.linger_since_ms.load(Relaxed),
            requests: self.requests.load(Relaxed),
            body_bytes: self.body_bytes.load(Relaxed),
            written: self.written.load(Relaxed),
        }
    }

    fn refuse_if(&self, flag: u64) {
        let refuse = |word| (word & flag != 0).then_some(word | TOO_SLOW);
        if self.word.fetch_update(AcqRel, Acquire, refuse).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Writes only when something changes: the usual request changes nothing.
    fn set(&self, flag: u64) {
        if self.word.load(Relaxed) & flag == 0 {
            self.word.fetch_or(flag, AcqRel);
        }
    }

    fn clear(&self, flag: u64) {
        if self.word.load(Relaxed) & flag != 0 {
            self.word.fetch_and(!flag, AcqRel);
        }
    }
}
