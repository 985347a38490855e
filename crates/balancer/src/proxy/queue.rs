//! Those who wait for a server while all have as many requests as they may have.
//!
//! Guarantees: first come, first served; the queue is short and the wait is bounded, so an overload
//! is refused at once and not after everybody's patience is gone. Without a full server nobody
//! comes here. A queue that was not empty for a while is no burst that passes: it makes nobody's
//! chances better, so it becomes short (controlled delay: Maurer, "Fail at Scale", ACM Queue
//! 13/8, 2015).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// A queue that was not empty for this long is a standing one. 100 ms: as in the source above.
const STANDING_AFTER: Duration = Duration::from_millis(100);
/// Longest wait in a standing queue. 5 ms: as in the source above.
const STANDING_WAIT: Duration = Duration::from_millis(5);

/// Places in a standing queue. 8: enough that no free slot waits for somebody to take it, and who
/// has no chance costs no timer.
const STANDING_MAX: usize = 8;

/// The queue of one process.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    line: Mutex<Line>,
    /// Length of the line, readable without the lock.
    length: AtomicUsize,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<oneshot::Sender<()>>,
    /// When the line began that is not empty yet.
    began: Option<Instant>,
}

impl Line {
    /// How many may wait, and how long who comes now.
    fn terms(&self, now: Instant, max: usize, longest: Duration) -> (usize, Duration) {
        let stands = |began| now.saturating_duration_since(began) >= STANDING_AFTER;
        if self.began.is_some_and(stands) {
            (max.min(STANDING_MAX), longest.min(STANDING_WAIT))
        } else {
            (max, longest)
        }
    }

    /// Whether one more may wait here. Who has left by itself takes no place.
    fn has_place(&mut self, max: usize) -> bool {
        if self.waiting.len() >= max {
            self.waiting.retain(|turn| !turn.is_closed());
        }
        self.waiting.len() < max
    }
}

impl Queue {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length.load(SeqCst)
    }

    /// Whether who comes now could wait in a line of at most `max`, if it had to.
    pub(super) fn has_place(&self, max: usize) -> bool {
        // Below this no queue is full, so the lock is left to those who wait.
        if self.len() < max.min(STANDING_MAX) {
            return true;
        }
        let mut line = self.line();
        let (max, _) = line.terms(Instant::now(), max, Duration::ZERO);
        line.has_place(max)
    }

    /// Waits for a turn in a line of at most `max`, for `longest` or, in a standing queue, shorter.
    pub(super) async fn wait(&self, max: usize, longest: Duration) -> Wait {
        let (turn, deadline) = {
            let mut line = self.line();
            let now = Instant::now();
            let (max, longest) = line.terms(now, max, longest);
            if !line.has_place(max) {
                return Wait::NoPlace;
            }
            line.began.get_or_insert(now);
            let (sender, turn) = oneshot::channel();
            line.waiting.push_back(sender);
            self.length.store(line.waiting.len(), SeqCst);
            (turn, now + longest)
        };
        match timeout_at(deadline, turn).await {
            Ok(Ok(())) => Wait::Turn,
            Ok(Err(_)) | Err(_) => Wait::InVain,
        }
    }

    /// A slot became free: the first in the queue gets its turn.
    pub(crate) fn call_next(&self) {
        if self.len() == 0 {
            return;
        }
        let mut line = self.line();
        while let Some(turn) = line.waiting.pop_front() {
            if turn.send(()).is_ok() {
                break;
            }
        }
        if line.waiting.is_empty() {
            line.began = None;
        }
        self.length.store(line.waiting.len(), SeqCst);
    }

    /// Servers became usable: everybody gets a turn.
    pub(crate) fn call_all(&self) {
        let mut line = self.line();
        for turn in line.waiting.drain(..) {
            // Who has left is not there to hear it.
            let _ = turn.send(());
        }
        line.began = None;
        self.length.store(0, SeqCst);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Turn,
    /// The time is up.
    InVain,
    /// The queue was full.
    NoPlace,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(25);

    #[tokio::test]
    async fn a_standing_queue_keeps_fewer_people_for_a_shorter_time() {
        let queue = Queue::default();
        assert_eq!(queue.wait(64, Duration::from_millis(1)).await, Wait::InVain);
        // Nobody got a turn since, so the line of those who left still stands.
        let began = queue.line().began.expect("a line");
        let at = |after| queue.line().terms(began + after, 64, LONGEST);
        assert_eq!(at(Duration::from_millis(99)), (64, LONGEST), "it may be a burst");
        assert_eq!(at(STANDING_AFTER), (8, Duration::from_millis(5)));
        queue.call_next();
        assert_eq!(at(STANDING_AFTER), (64, LONGEST), "the queue was empty in between");
    }

    #[tokio::test]
    async fn the_first_gets_the_turn_and_a_full_queue_takes_nobody() {
        let queue = Queue::default();
        let first = queue.wait(1, LONGEST);
        let second = queue.wait(1, LONGEST);
        tokio::pin!(first);
        assert!(poll_once(first.as_mut()).await.is_none());
        assert_eq!(second.await, Wait::NoPlace);
        queue.call_next();
        assert_eq!(first.await, Wait::Turn);
        assert_eq!(queue.len(), 0);
    }

    /// Polls once.
    async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
