//! What this server knows of how far the primary is, and since when.
//!
//! Every [`INTERVAL`] the primary is asked for its position. Whatever was acknowledged to anybody
//! before the question was sent is at or before the answer; so a copy that has reached the answer
//! shows everything up to the question. That needs no clock but this server's own, and no trust in
//! what a copy says of its age.
//!
//! Pure: the time is passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ledger::receipt::Position;

use crate::model::UnixMs;
use crate::visit::has_reached;

/// Four questions a second and server: nothing for the primary, and four chances for a copy to be
/// within [`SESSIONS_WITHIN`].
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);

/// A primary that takes longer is away. With [`INTERVAL`] it is found out no later than the last
/// proof becomes too old for sessions, so no request waits for a primary that hangs.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_millis(750);

/// How old a copy's word about a session may be. Whoever ends a session is answered when this is
/// over ([`SETTLED_AFTER`]), so after that answer no server takes it for live.
pub(crate) const SESSIONS_WITHIN: Duration = Duration::from_millis(1_000);

/// [`SESSIONS_WITHIN`] with a margin for clocks that run at different speed.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_millis(1_050);

/// While the primary is away its sessions are taken for live by those who only look, for as long
/// as a failover takes (Amazon says 60 to 120 s for RDS).
pub(crate) const SESSIONS_WHILE_AWAY: Duration = Duration::from_secs(120);

/// How far behind a copy may be that people are shown while the primary could be asked.
pub(crate) const BOOKS_WITHIN: Duration = Duration::from_secs(3);

/// What covers [`BOOKS_WITHIN`].
const KEPT: usize = 16;

/// Where the primary was when it answered.
#[derive(Debug, Clone, Copy)]
struct Proof {
    asked: Instant,
    asked_at: UnixMs,
    position: Position,
}

/// The latest answers of the primary.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// Oldest first.
    list: VecDeque<Proof>,
    /// Whether the last question had no answer.
    is_away: bool,
}

impl Proofs {
    pub(crate) fn add(&mut self, asked: Instant, asked_at: UnixMs, position: Position) {
        self.is_away = false;
        if self.list.len() >= KEPT {
            self.list.pop_front();
        }
        self.list.push_back(Proof { asked, asked_at, position });
    }

    pub(crate) fn set_away(&mut self) {
        self.is_away = true;
    }

    pub(crate) fn is_away(&self) -> bool {
        self.is_away
    }

    /// Where the primary was last seen.
    pub(crate) fn newest(&self) -> Option<Position> {
        self.list.back().map(|proof| proof.position)
    }

    /// Where a copy must be whose word about sessions counts; `None`: only the primary's does.
    pub(crate) fn for_sessions(&self, now: Instant, only_looks: bool) -> Option<Position> {
        let oldest = |within| self.list.iter().find(|proof| now - proof.asked <= within);
        let found = oldest(SESSIONS_WITHIN).or_else(|| {
            // The last that the primary wrote may have reached no copy: an earlier proof will do.
            if self.is_away && only_looks { oldest(SESSIONS_WHILE_AWAY) } else { None }
        });
        found.map(|proof| proof.position)
    }

    /// Where a copy must be to be shown; `None`: the primary is to be asked.
    pub(crate) fn for_books(&self, now: Instant) -> Option<Position> {
        let mut found = self.list.iter().find(|proof| now - proof.asked <= BOOKS_WITHIN);
        if found.is_none() && self.is_away {
            found = self.list.front();
        }
        // A server that has never seen the primary shows what there is.
        let anything = Position { timeline: 1, lsn: 0 };
        found.map(|proof| proof.position).or(self.is_away.then_some(anything))
    }

    /// A copy that is at `at` shows everything that was done before this.
    pub(crate) fn sight(&self, at: Position) -> Option<(Instant, UnixMs)> {
        let mut newest_first = self.list.iter().rev();
        let proof = newest_first.find(|proof| has_reached(at, proof.position))?;
        Some((proof.asked, proof.asked_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lsn: u64) -> Position {
        Position { timeline: 1, lsn }
    }

    /// Asked every 250 ms from `start`; the answers are 0, 10, 20 …
    fn proofs(start: Instant, count: u32) -> Proofs {
        let mut proofs = Proofs::default();
        for index in 0..count {
            let asked = start + INTERVAL * index;
            proofs.add(asked, i64::from(index) * 250, at(u64::from(index) * 10));
        }
        proofs
    }

    #[test]
    fn a_copy_may_be_behind_by_as_much_as_can_be_proved_and_no_more() {
        let start = Instant::now();
        let proofs = proofs(start, 8);
        let last = start + INTERVAL * 7;
        assert_eq!(proofs.for_sessions(last, false), Some(at(30)));
        assert_eq!(proofs.for_sessions(last + SESSIONS_WITHIN, false), Some(at(70)));
        let late = last + SESSIONS_WITHIN + Duration::from_millis(1);
        assert_eq!(proofs.for_sessions(late, true), None, "the primary must be asked");
        assert_eq!(proofs.for_books(late), Some(at(0)));
        assert_eq!(proofs.for_books(last + BOOKS_WITHIN * 2), None);
    }

    #[test]
    fn while_the_primary_is_away_those_who_look_are_let_in_for_two_minutes() {
        let start = Instant::now();
        let mut proofs = proofs(start, 8);
        proofs.set_away();
        let away = start + Duration::from_secs(10);
        assert_eq!(proofs.for_sessions(away, true), Some(at(0)));
        assert_eq!(proofs.for_sessions(away, false), None, "nothing is changed on such a word");
        let later = start + SESSIONS_WHILE_AWAY + INTERVAL * 8;
        assert_eq!(proofs.for_sessions(later, true), None);
        assert_eq!(proofs.for_books(later), Some(at(0)), "books are shown as they were");
        proofs.add(later, 9_000, at(500));
        assert_eq!(proofs.for_sessions(later, false), Some(at(500)));
    }

    #[test]
    fn a_server_that_has_not_heard_of_the_primary_asks_it_first() {
        let now = Instant::now();
        let mut proofs = Proofs::default();
        assert_eq!((proofs.for_books(now), proofs.for_sessions(now, true)), (None, None));
        proofs.set_away();
        assert_eq!(proofs.for_books(now), Some(at(0)));
        assert_eq!(proofs.for_sessions(now, true), None);
    }

    #[test]
    fn what_a_copy_shows_is_as_old_as_the_newest_proof_that_it_reached() {
        let start = Instant::now();
        let proofs = proofs(start, 8);
        assert_eq!(proofs.sight(at(35)), Some((start + INTERVAL * 3, 750)));
        assert_eq!(proofs.sight(at(1_000)), Some((start + INTERVAL * 7, 1_750)));
        let elsewhere = Position { timeline: 0, lsn: 1_000 };
        assert_eq!(proofs.sight(elsewhere), None);
    }
}
