//! How long an HTTP/2 client may leave an answer untaken.
//!
//! A client grants each stream a window, and one that grants none would hold the answer, and with
//! it the server's connection, for ever. Guarantees: a stream whose client took nothing for the
//! given time is reset, whatever the other streams of its connection do; time in which the server
//! is waited for does not count. Over HTTP/1.1 the guard and the sweep see to it.

use std::cell::Cell;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::Instant;

tokio::task_local! {
    /// Since when the client has not taken what it was given; none while the server is waited for.
    static GIVEN: Cell<Option<Instant>>;
}

/// Looks at a stream in the time that its client has. 4: a reset is late by a quarter at most.
const LOOKS: u32 = 4;

/// Runs the streams of HTTP/2 connections.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    /// How long nothing of an answer may be taken.
    pub(crate) longest: Duration,
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let longest = self.longest;
        tokio::spawn(GIVEN.scope(Cell::new(None), run(stream, longest)));
    }
}

async fn run(stream: impl Future, longest: Duration) {
    let mut stream = std::pin::pin!(stream);
    loop {
        tokio::select! {
            biased;
            _ = stream.as_mut() => return,
            () = tokio::time::sleep(longest / LOOKS) => {}
        }
        if GIVEN.with(Cell::get).is_some_and(|since| since.elapsed() >= longest) {
            return;
        }
    }
}

/// The client was given a part of an answer, or the next part is waited for.
pub(super) fn note(was_given: bool) {
    // HTTP/1.1 has no streams.
    let _ = GIVEN.try_with(|given| given.set(was_given.then(Instant::now)));
}
