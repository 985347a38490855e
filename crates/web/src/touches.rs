//! Notes that sessions are at work, off the path of their requests.
//!
//! A page does not wait for it: the primary may be on the other coast, or away. What waits is
//! noted together, one call at a time; what fails is noted by a later page of that session.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::{Store, now_ms};

/// A minute's work of a server's browsers; beyond it a session waits for its next page.
const WAITING_MAX: usize = 10_000;

/// The sessions that wait to be noted.
#[derive(Debug, Default)]
pub(crate) struct Touches {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeSet<i64>,
    is_noting: bool,
}

impl Touches {
    /// Notes it soon.
    pub(crate) fn note(&self, store: &Store, session: i64) {
        let mut state = lock(&self.state);
        if state.waiting.len() < WAITING_MAX {
            state.waiting.insert(session);
        }
        if !state.is_noting {
            state.is_noting = true;
            tokio::spawn(note_all(store.clone(), Arc::clone(&self.state)));
        }
    }
}

async fn note_all(store: Store, state: Arc<Mutex<State>>) {
    loop {
        let sessions: Vec<i64> = {
            let mut state = lock(&state);
            state.is_noting = !state.waiting.is_empty();
            if !state.is_noting {
                return;
            }
            std::mem::take(&mut state.waiting).into_iter().collect()
        };
        if let Err(error) = store.touch_sessions(sessions, now_ms()).await {
            tracing::warn!(%error, "work of sessions was not noted");
        }
    }
}

/// Each change is whole before anything can panic.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
