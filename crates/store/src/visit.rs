//! One request's way through the copies of the books.
//!
//! A visit knows what its session has written (from where a replica must not be behind), collects
//! what it writes itself, and remembers how old what it was shown is. Positions come from clients:
//! they choose where to read and nothing else; a wrong one leads to the primary.
//!
//! Guarantees: within a visit reads never go back in time, and after one that the primary answered
//! all others go there too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::receipt::Position;

use crate::model::UnixMs;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It shows something.
    Looks,
    /// It may change something: whoever asks must be signed in by what is known within a second.
    Changes,
}

/// What is read and written for one request.
#[derive(Debug)]
pub struct Visit {
    purpose: Purpose,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    after: Option<Position>,
    wrote: Option<Position>,
    as_of: Option<UnixMs>,
    is_at_primary: bool,
}

impl Visit {
    /// A visit of somebody who must be shown at least what is at `after`.
    #[must_use]
    pub fn new(purpose: Purpose, after: Option<Position>) -> Self {
        Self { purpose, state: Mutex::new(State { after, ..State::default() }) }
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// At or after its last change; `None` if it changed nothing, or the books have no replicas.
    #[must_use]
    pub fn wrote(&self) -> Option<Position> {
        self.lock().wrote
    }

    /// The oldest that it was shown: the copy had everything that was done before this time, by the
    /// clock of this server. `None`: it was shown nothing but what the primary said.
    #[must_use]
    pub fn as_of(&self) -> Option<UnixMs> {
        self.lock().as_of
    }

    /// Where a copy must be to be shown to it; `None`: anywhere.
    pub(crate) fn after(&self) -> Option<Position> {
        self.lock().after
    }

    pub(crate) fn is_at_primary(&self) -> bool {
        self.lock().is_at_primary
    }

    pub(crate) fn stay_at_primary(&self) {
        self.lock().is_at_primary = true;
    }

    pub(crate) fn note_change(&self, at: Option<Position>) {
        let Some(at) = at else { return };
        let mut state = self.lock();
        state.wrote = Some(later(state.wrote, at));
        state.after = Some(later(state.after, at));
    }

    /// What was read next must not be older.
    pub(crate) fn note_look(&self, at: Position, as_of: Option<UnixMs>) {
        let mut state = self.lock();
        state.after = Some(later(state.after, at));
        state.as_of = match (state.as_of, as_of) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The later of two positions. A later timeline is later whatever its byte: it holds of the one
/// before all that was not lost, and what was lost nobody can be shown.
pub(crate) fn later(one: Option<Position>, other: Position) -> Position {
    match one {
        Some(one) if (one.timeline, one.lsn) > (other.timeline, other.lsn) => one,
        _ => other,
    }
}

/// Whether a copy that is at `at` holds what was done up to `need`. A later timeline begins inside
/// the one before, so being behind the byte on it means holding what of the earlier one counts.
pub(crate) fn has_reached(at: Position, need: Position) -> bool {
    at.timeline >= need.timeline && at.lsn >= need.lsn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { timeline, lsn }
    }

    #[test]
    fn a_copy_must_be_on_the_timeline_or_a_later_one_and_past_the_byte() {
        for (copy, need, expect) in [
            (at(1, 100), at(1, 100), true),
            (at(1, 99), at(1, 100), false),
            (at(2, 100), at(1, 100), true),
            (at(2, 99), at(1, 100), false),
            // A copy that went on along the old timeline.
            (at(1, 500), at(2, 100), false),
        ] {
            assert_eq!(has_reached(copy, need), expect, "{copy:?} {need:?}");
        }
    }

    #[test]
    fn a_visit_keeps_the_latest_position_and_the_oldest_sight() {
        let visit = Visit::new(Purpose::Looks, Some(at(1, 50)));
        visit.note_look(at(1, 60), Some(2_000));
        visit.note_look(at(1, 40), Some(3_000));
        assert_eq!((visit.after(), visit.as_of()), (Some(at(1, 60)), Some(2_000)));
        assert_eq!(visit.wrote(), None);
        visit.note_change(Some(at(2, 10)));
        visit.note_change(None);
        visit.note_change(Some(at(1, 900)));
        assert_eq!((visit.after(), visit.wrote()), (Some(at(2, 10)), Some(at(2, 10))));
    }
}
