//! The body of a request: read from the client once, sent to a server once or twice.
//!
//! The parts of a body that may have to be sent again are kept while they pass (shared, not
//! copied). A short body of known length is read whole before a server is chosen, so a client that
//! sends slowly holds no server's slot. Guarantees: a body over the limit is never passed on
//! whole; the memory for all kept bodies is bounded, and what does not fit is not repeated.
//! Trailers are not passed on.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::patience::Patience;
use crate::client::{Violation, violation_in};
use crate::policy::Moment;
use crate::reason::Reason;
use crate::shared::Shared;

/// Bodies of known length up to this are read whole first. 16 KiB: forms and single operations
/// are below 1 KiB, and all connections together stay below 64 MiB.
const READ_FIRST_BYTES: u64 = 16 * 1_024;

/// The body of one request of a client.
#[derive(Clone)]
pub(super) struct Upload {
    state: Arc<Mutex<State>>,
    length: Option<u64>,
}

struct State {
    shared: Arc<Shared>,
    source: Incoming,
    kept: Vec<Bytes>,
    /// What of `kept` counts against the memory for all kept bodies.
    counted: u64,
    keeping: bool,
    read: u64,
    last_part: Moment,
    patience: Patience,
    ended: bool,
    failure: Option<Reason>,
    /// The rule that the client broke.
    violation: Option<Violation>,
}

impl Upload {
    /// `repeatable` says whether the body is worth keeping.
    pub(super) fn new(shared: &Arc<Shared>, source: Incoming, repeatable: bool) -> Self {
        let length = source.size_hint().exact();
        let keeping = repeatable || length.is_some_and(|length| length <= READ_FIRST_BYTES);
        let state = State {
            shared: Arc::clone(shared),
            source,
            kept: Vec::new(),
            counted: 0,
            keeping,
            read: 0,
            last_part: shared.now(),
            patience: Patience::default(),
            ended: false,
            failure: None,
            violation: None,
        };
        Self { state: Arc::new(Mutex::new(state)), length }
    }

    /// Its length, if it was announced.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The body for one attempt, from its beginning.
    pub(super) fn body(&self) -> UploadBody {
        UploadBody(Some(Reader { upload: self.clone(), position: 0 }))
    }

    /// Reads a short body of known length to its end.
    pub(super) async fn read_first(&self) -> Result<(), Reason> {
        if self.length.is_none_or(|length| length > READ_FIRST_BYTES) {
            return Ok(());
        }
        std::future::poll_fn(|context| self.state().read_to_end(context)).await
    }

    /// Takes in and forgets what the client still sends, so that it can read its refusal.
    pub(super) async fn discard(&self, limit: Duration) {
        let all = std::future::poll_fn(|context| {
            let mut state = self.state();
            loop {
                match ready!(Pin::new(&mut state.source).poll_frame(context)) {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Poll::Ready(()),
                }
            }
        });
        // Who is slower than this does not get to read it.
        let _ = tokio::time::timeout(limit, all).await;
    }

    /// Can the body be sent from its beginning once more?
    pub(super) fn can_resend(&self) -> bool {
        let state = self.state();
        state.failure.is_none() && (state.keeping || state.read == 0)
    }

    /// Why the client's side failed, if it did.
    pub(super) fn failure(&self) -> Option<Reason> {
        self.state().failure
    }

    /// The rule that the client broke in the body, if it did.
    pub(super) fn violation(&self) -> Option<Violation> {
        self.state().violation
    }

    /// When the client last sent a part; the server is not silent while it does.
    pub(super) fn last_part(&self) -> Moment {
        self.state().last_part
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read_to_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        while ready!(self.read(context))?.is_some() {}
        Poll::Ready(Ok(()))
    }

    /// The next part from the client.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Reason>> {
        if let Some(reason) = self.failure {
            return Poll::Ready(Err(reason));
        }
        loop {
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            let Poll::Ready(frame) = Pin::new(&mut self.source).poll_frame(context) else {
                return self.wait(context);
            };
            match frame {
                None => self.ended = true,
                Some(Ok(frame)) => {
                    let Ok(part) = frame.into_data() else { continue };
                    return Poll::Ready(self.take_in(part).map(Some));
                }
                Some(Err(error)) => {
                    self.violation = violation_in(&error);
                    let reason = self.violation.map_or(Reason::ClientGone, |broken| broken.reason);
                    return Poll::Ready(Err(self.fail(reason)));
                }
            }
        }
    }

    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Reason>> {
        ready!(self.patience.poll(context, self.shared.now(), self.shared.limits()));
        Poll::Ready(Err(self.fail(Reason::ClientTooSlow)))
    }

    fn take_in(&mut self, part: Bytes) -> Result<Bytes, Reason> {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(length);
        if self.read > self.shared.limits().body_bytes_max {
            return Err(self.fail(Reason::BodyTooLarge));
        }
        self.last_part = self.shared.now();
        if !self.patience.lasts(length, self.last_part, self.shared.limits()) {
            return Err(self.fail(Reason::ClientTooSlow));
        }
        if self.keeping {
            self.kept.push(part.clone());
            if self.read > READ_FIRST_BYTES {
                let uncounted = self.read - self.counted;
                self.counted = self.read;
                let before = self.shared.replay_bytes.fetch_add(uncounted, Relaxed);
                if before.saturating_add(uncounted) > self.shared.limits().replay_bytes_max {
                    self.release();
                }
            }
        }
        Ok(part)
    }

    fn fail(&mut self, reason: Reason) -> Reason {
        self.failure = Some(reason);
        reason
    }

    fn release(&mut self) {
        self.keeping = false;
        self.kept.clear();
        self.shared.replay_bytes.fetch_sub(self.counted, Relaxed);
        self.counted = 0;
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.release();
    }
}

/// What is sent to a server in one attempt; empty for requests without a body.
pub(crate) struct UploadBody(Option<Reader>);

struct Reader {
    upload: Upload,
    position: usize,
}

impl UploadBody {
    pub(super) const EMPTY: Self = Self(None);
}

/// The client's side failed; [`Upload::failure`] has the reason.
#[derive(Debug)]
pub(crate) struct UploadError;

impl fmt::Display for UploadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the client did not send the whole request")
    }
}

impl std::error::Error for UploadError {}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Some(Reader { upload, position }) = self.0.as_mut() else { return Poll::Ready(None) };
        let mut state = upload.state();
        if let Some(part) = state.kept.get(*position) {
            *position += 1;
            return Poll::Ready(Some(Ok(Frame::data(part.clone()))));
        }
        let part = ready!(state.read(context));
        *position += 1;
        Poll::Ready(match part {
            Ok(Some(part)) => Some(Ok(Frame::data(part))),
            Ok(None) => None,
            Err(_) => Some(Err(UploadError)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|reader| reader.upload.length == Some(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.as_ref() {
            None => SizeHint::with_exact(0),
            Some(reader) => reader.upload.length.map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

/// Waits for an answer; the time limit counts from the last part that the client sent.
pub(super) async fn within<T>(
    shared: &Shared,
    upload: Option<&Upload>,
    limit: Duration,
    answer: impl Future<Output = T>,
) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    let mut deadline = Instant::now() + limit;
    loop {
        if let Ok(answer) = tokio::time::timeout_at(deadline, answer.as_mut()).await {
            return Some(answer);
        }
        let silent = upload.map(|upload| shared.now().saturating_sub(upload.last_part()))?;
        deadline = Instant::now() + limit.checked_sub(silent).filter(|rest| !rest.is_zero())?;
    }
}
