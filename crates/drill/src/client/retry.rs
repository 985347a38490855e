//! Asking again until there is an answer.
//!
//! What is repeated: a call that is safe to repeat (a read, a keyed call, the creation of
//! something unique), after a broken connection, a timeout, 408, 429, 502, 503, 504, or 409
//! because the key is still in flight. The same key goes out each time, so the bank does it once
//! (architecture.md I3). Every other status is an answer and is handed back at once, 500 too: a
//! bank that makes mistakes should be seen to.

use std::{fmt, time::Duration};

use http::StatusCode;
use tokio::time::Instant;

use super::{Answer, Call, Client, SendError};

/// The first pause; doubled after each try. A killed server's neighbour answers at once, so the
/// first repetition comes soon.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// The longest pause: a restarted server should not be waited for much longer than it needs.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The patience ran out.
#[derive(Debug)]
pub struct GaveUp {
    /// How often the call was sent.
    pub tries: u32,
    /// How long it took in all.
    pub waited: Duration,
    /// What the last try got.
    pub last: String,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tries, waited, last } = self;
        let seconds = waited.as_secs_f64();
        write!(formatter, "no answer after {tries} tries in {seconds:.1} s; the last: {last}")
    }
}

impl std::error::Error for GaveUp {}

impl Client {
    /// Sends, and sends again while the bank cannot answer, for at most `patience`.
    ///
    /// # Errors
    /// When the patience ran out, or the call may not be repeated and got no answer.
    pub async fn send_until_answered(
        &mut self,
        call: &Call,
        patience: Duration,
    ) -> Result<Answer, GaveUp> {
        let started = Instant::now();
        let mut pause = PAUSE_FIRST;
        let mut tries = 0;
        loop {
            tries += 1;
            let (last, asked) = match self.send(call).await {
                Ok(answer) if !is_temporary(&answer) => return Ok(answer),
                Ok(answer) => (answer.excerpt(), answer.retry_after),
                Err(error) => (chain(&error), None),
            };
            let waited = started.elapsed();
            let wait = asked.unwrap_or_default().min(PAUSE_MAX).max(pause);
            if !call.repeatable || waited + wait > patience {
                return Err(GaveUp { tries, waited, last });
            }
            // Spread out, so that the clients of a fallen server do not all come back at once.
            tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

fn is_temporary(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        StatusCode::CONFLICT => answer.problem().is_some_and(|problem| {
            problem.contains("in-flight") || problem.contains("in-progress")
        }),
        _ => false,
    }
}

fn chain(error: &SendError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}
