//! Reads from a copy that is near.
//!
//! The copies are asked in the order of their addresses, each only while it answers its watch
//! ([`watch`]). The question where a copy is goes ahead of the question itself, on the same
//! connection and without waiting: one round trip, and what the first finds holds for the second,
//! because a copy only ever goes forward. A copy that is behind what must be shown is not believed,
//! and the caller asks the primary.
//!
//! Guarantees: a copy is shown to a visit only if it holds what the session wrote; its word that a
//! session is live counts only within the bounds of [`crate::postgres::proofs`].
//! Deliberately not here: what decides about money.

mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger::receipt::Position;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::config::TargetSessionAttrs;

use crate::error::Error;
use crate::model::{Health, Replica, UnixMs};
use crate::postgres::Params;
use crate::postgres::pool::{Failed, Pool};
use crate::postgres::position::{self, OF_COPY, Whereabouts};
use crate::postgres::proofs::Proofs;
use crate::postgres::url::ServerUrl;
use crate::visit::{Purpose, Visit, has_reached, later};

/// As for the primary: a look-up takes a millisecond, so they carry thousands a second.
const CONNECTIONS_MAX: usize = 8;

/// A copy that takes longer is left out until it answers its watch again.
const ANSWER_WITHIN: Duration = Duration::from_millis(1_000);

/// What a copy is given to catch up with what the session has just written: less than the way to
/// the primary and back. In milliseconds.
const CATCH_UP_MS: [u64; 4] = [2, 5, 10, 20];

/// The copies near this server, and what is known of the primary.
#[derive(Debug)]
pub(crate) struct Near {
    shared: Arc<Shared>,
    /// Ends with this value.
    _watches: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    /// Nearest first.
    copies: Vec<Source>,
    primary: [Pool; 2],
    proofs: Mutex<Proofs>,
}

#[derive(Debug)]
struct Source {
    pool: Pool,
    /// Where it was when it last answered its watch; `None` while it does not.
    seen: Mutex<Option<Whereabouts>>,
    /// The last place where it was.
    last: Mutex<Position>,
}

/// What a copy said.
struct Said {
    rows: Vec<Row>,
    at: Whereabouts,
}

impl Near {
    /// Begins to watch the primary and the copies; must be called where tasks can be started.
    /// `pools` lead to the primary, and are told when it does not answer.
    pub(crate) fn start(
        primary: &ServerUrl,
        pools: [Pool; 2],
        copies: &ServerUrl,
    ) -> Result<Self, Error> {
        let copies = copies.with_target(TargetSessionAttrs::Any).each_host();
        let copies = copies.iter().map(Source::try_new).collect::<Result<_, Error>>()?;
        let shared = Arc::new(Shared { copies, primary: pools, proofs: Mutex::default() });
        let watches = watch::start(&shared, primary)?;
        Ok(Self { shared, _watches: watches })
    }

    /// Rows to be shown; `None`: the primary is to be asked. That there are none is not to be
    /// believed while it answers: what was opened elsewhere a moment ago may be on its way.
    pub(crate) async fn books(
        &self,
        visit: &Visit,
        sql: &'static str,
        params: Params<'_>,
    ) -> Option<Vec<Row>> {
        let (floor, is_away) = {
            let proofs = self.shared.proofs();
            (proofs.for_books(Instant::now())?, proofs.is_away())
        };
        let said = self.ask(visit, floor, sql, params).await?;
        if said.rows.is_empty() && !is_away {
            return None;
        }
        let as_of = self.as_of(&said.at);
        visit.note_look(said.at.position, as_of);
        Some(said.rows)
    }

    /// Rows about a live session; `None`: the primary is to be asked. That there is no such session
    /// is not to be believed: it may have begun a moment ago.
    pub(crate) async fn session(
        &self,
        visit: &Visit,
        sql: &'static str,
        params: Params<'_>,
    ) -> Option<Vec<Row>> {
        let only_looks = visit.purpose() == Purpose::Looks;
        let floor = self.shared.proofs().for_sessions(Instant::now(), only_looks)?;
        let said = self.ask(visit, floor, sql, params).await?;
        Some(said.rows).filter(|rows| !rows.is_empty())
    }

    /// What is known without asking.
    pub(crate) fn health(&self) -> Health {
        let (is_away, newest) = {
            let proofs = self.shared.proofs();
            (proofs.is_away() || proofs.newest().is_none(), proofs.newest())
        };
        let replica = self.shared.copies.iter().find_map(Source::seen).map(|at| Replica {
            is_standby: at.is_standby,
            timeline: at.position.timeline,
            lag_bytes: newest.map(|newest| newest.lsn.saturating_sub(at.position.lsn)),
            lag_ms: self.lag(&at).and_then(|lag| u64::try_from(lag.as_millis()).ok()),
        });
        Health { primary_answers: !is_away, has_replicas: true, replica }
    }

    /// The nearest copy's word, if one has reached `floor` and what the visit must be shown.
    async fn ask(
        &self,
        visit: &Visit,
        floor: Position,
        sql: &'static str,
        params: Params<'_>,
    ) -> Option<Said> {
        let need = later(visit.after(), floor);
        for copy in &self.shared.copies {
            if copy.seen().is_none() {
                continue;
            }
            let mut waits = CATCH_UP_MS.iter();
            let said = loop {
                let Some(said) = copy.ask(sql, params).await else { break None };
                if has_reached(said.at.position, need) {
                    break Some(said);
                }
                // Only what was written a moment ago is worth a wait.
                let is_close = has_reached(said.at.position, floor);
                let Some(wait) = waits.next().filter(|_| is_close) else { break None };
                tokio::time::sleep(Duration::from_millis(*wait)).await;
            };
            if said.is_some() {
                metrics::counter!("ballast_store_near_reads_total").increment(1);
                return said;
            }
        }
        metrics::counter!("ballast_store_near_misses_total").increment(1);
        None
    }

    fn lag(&self, at: &Whereabouts) -> Option<Duration> {
        let (sight, _) = self.shared.proofs().sight(at.position)?;
        Some(sight.elapsed())
    }

    /// When what the copy shows was so for sure: the later of what this server can prove and what
    /// the copy says.
    fn as_of(&self, at: &Whereabouts) -> Option<UnixMs> {
        let proved = self.shared.proofs().sight(at.position).map(|(_, asked_at)| asked_at);
        proved.max(at.changed_at)
    }
}

impl Shared {
    /// The primary does not answer.
    fn set_away(&self) {
        self.proofs().set_away();
        self.primary.iter().for_each(Pool::suspect);
    }

    fn proofs(&self) -> MutexGuard<'_, Proofs> {
        // Each change is whole before anything can panic.
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn try_new(url: &ServerUrl) -> Result<Self, Error> {
        let pool = Pool::try_new(url, CONNECTIONS_MAX, &[])?;
        let nowhere = Position { timeline: 0, lsn: 0 };
        Ok(Self { pool, seen: Mutex::default(), last: Mutex::new(nowhere) })
    }

    fn seen(&self) -> Option<Whereabouts> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_seen(&self, at: Option<Whereabouts>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// What it says of itself, with the timeline that it is on. While it receives none it says an
    /// older one; but beyond a byte where it was on a timeline it is on that one or a later.
    fn know(&self, mut at: Whereabouts) -> Whereabouts {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if at.position.lsn >= last.lsn {
            at.position.timeline = at.position.timeline.max(last.timeline);
        }
        if at.position.lsn >= last.lsn || at.position.timeline > last.timeline {
            *last = at.position;
        }
        at
    }

    async fn ask(&self, sql: &'static str, params: Params<'_>) -> Option<Said> {
        match timeout(ANSWER_WITHIN, self.pool.ask_after(OF_COPY, sql, params)).await {
            Ok(Ok((at, rows))) => {
                let at = self.know(position::read_copy(&at)?);
                Some(Said { rows, at })
            }
            // A question that got in the way of the replay, say: the primary will answer it.
            Ok(Err(Failed::Refused(_))) => None,
            Ok(Err(Failed::NotSent(_) | Failed::Lost(_))) | Err(_) => {
                self.pool.give_up_idle();
                self.set_seen(None);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(timeline: u32, lsn: u64) -> Whereabouts {
        Whereabouts { position: Position { timeline, lsn }, changed_at: None, is_standby: true }
    }

    #[tokio::test]
    async fn a_copy_that_receives_nothing_is_still_on_its_timeline() {
        let url = ServerUrl::parse("postgres://bank@127.0.0.1:1/bank").unwrap();
        let copy = Source::try_new(&url).unwrap();
        let timeline = |at| copy.know(at).position.timeline;
        assert_eq!(timeline(said(3, 100)), 3);
        assert_eq!(timeline(said(1, 100)), 3, "the primary is lost");
        assert_eq!(timeline(said(1, 90)), 1, "it began again before that byte");
        assert_eq!(timeline(said(1, 110)), 3, "and came there");
        assert_eq!(timeline(said(4, 105)), 4, "it was rewound and follows another");
        assert_eq!(timeline(said(2, 106)), 4);
    }
}
