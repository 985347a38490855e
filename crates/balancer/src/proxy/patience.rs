//! How long a client may take over a body: it may not be silent for too long, nor slower than the
//! least rate.
//!
//! Over HTTP/1 the sweep (`client`) watches this as well, before anything is read here. Over
//! HTTP/2, where a hundred bodies share a connection, each is watched here alone: a byte every few
//! seconds on each of them would otherwise hold as many places on the servers for as long as its
//! client likes. Only time in which the body is waited for counts.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use crate::config::Limits;
use crate::policy::Moment;

/// What is left of the patience with one body.
#[derive(Debug, Default)]
pub(super) struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the next part is waited for.
    since: Option<Moment>,
    /// How long parts were waited for in this window, and what came of it.
    waited: Duration,
    bytes: u64,
}

impl Patience {
    /// Nothing has come; ready when the client has been silent for too long.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        now: Moment,
        limits: &Limits,
    ) -> Poll<()> {
        self.since.get_or_insert(now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(window(limits))));
        timer.as_mut().poll(context)
    }

    /// A part has come; false when it took too long, with those before it.
    pub(super) fn lasts(&mut self, bytes: u64, now: Moment, limits: &Limits) -> bool {
        self.timer = None;
        let Some(since) = self.since.take() else { return true };
        self.waited += now.saturating_sub(since);
        self.bytes = self.bytes.saturating_add(bytes);
        let window = window(limits);
        if self.waited < window {
            return true;
        }
        let owed = limits
            .client_body_bytes_per_second_min
            .saturating_mul(u64::try_from(window.as_millis()).unwrap_or(u64::MAX))
            / 1_000;
        let came = std::mem::take(&mut self.bytes);
        self.waited = Duration::ZERO;
        came >= owed
    }
}

fn window(limits: &Limits) -> Duration {
    Duration::from_millis(limits.client_read_timeout_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body whose parts of this size come this far apart; how many were waited for.
    async fn parts(bytes: u64, apart_ms: u64) -> u64 {
        let limits = Limits::default();
        let mut patience = Patience::default();
        let mut now = Duration::ZERO;
        for part in 1..1_000 {
            std::future::poll_fn(|context| {
                assert!(patience.poll(context, now, &limits).is_pending());
                Poll::Ready(())
            })
            .await;
            now += Duration::from_millis(apart_ms);
            if !patience.lasts(bytes, now, &limits) {
                return part;
            }
        }
        1_000
    }

    #[tokio::test]
    async fn a_body_has_a_least_rate() {
        assert_eq!(parts(1, 9_000).await, 2, "a byte now and then");
        assert_eq!(parts(100, 250).await, 40, "400 bytes a second");
        assert_eq!(parts(150, 250).await, 1_000, "600 bytes a second");
        assert_eq!(parts(8_000, 9_000).await, 1_000, "few large parts");
    }

    #[tokio::test]
    async fn silence_has_an_end() {
        let mut patience = Patience::default();
        let limits = Limits { client_read_timeout_ms: 30, ..Limits::default() };
        let began = tokio::time::Instant::now();
        std::future::poll_fn(|context| patience.poll(context, began.elapsed(), &limits)).await;
        assert!(began.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn time_in_which_nothing_was_waited_for_is_free() {
        let mut patience = Patience::default();
        for second in 0..60 {
            let now = Duration::from_secs(second * 20);
            assert!(patience.lasts(1, now, &Limits::default()), "{second}");
        }
    }
}
