//! Those who wait for a server while all have as many requests as they may have.
//!
//! Guarantees: first come, first served; the queue is short and the wait is bounded, so an overload
//! is refused at once and not after everybody's patience is gone. Without a full server nobody
//! comes here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The queue of one process.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<oneshot::Sender<()>>>,
    /// Length of `waiting`, readable without the lock.
    length: AtomicUsize,
}

impl Queue {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length.load(SeqCst)
    }

    /// Waits for a turn. False when the queue is full or the deadline has passed.
    pub(super) async fn wait(&self, max: usize, deadline: Instant) -> bool {
        let turn = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // Who has left by itself takes no place.
            if waiting.len() >= max {
                waiting.retain(|turn| !turn.is_closed());
            }
            if waiting.len() >= max {
                return false;
            }
            let (sender, turn) = oneshot::channel();
            waiting.push_back(sender);
            self.length.store(waiting.len(), SeqCst);
            turn
        };
        matches!(timeout_at(deadline, turn).await, Ok(Ok(())))
    }

    /// A slot became free: the first in the queue gets its turn.
    pub(crate) fn call_next(&self) {
        if self.len() == 0 {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(turn) = waiting.pop_front() {
            if turn.send(()).is_ok() {
                break;
            }
        }
        self.length.store(waiting.len(), SeqCst);
    }

    /// Servers became usable: everybody gets a turn.
    pub(crate) fn call_all(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for turn in waiting.drain(..) {
            // Who has left is not there to hear it.
            let _ = turn.send(());
        }
        self.length.store(0, SeqCst);
    }
}
