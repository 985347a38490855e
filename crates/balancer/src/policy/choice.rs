//! The choice of a server.
//!
//! In this order: usable servers of the first region in use that has any, and, when there is none,
//! every server that once passed a check (fail open). A region that is full does not overflow into
//! the next one. Among the candidates:
//! the one with fewer outstanding requests of two random picks (of equals the one that waited
//! longest), or the one of all that waited longest for its turn. A server in slow start takes part
//! in a growing share of the choices.

use std::cmp::Ordering;

use super::region::Regions;
use super::server::WARM;
use super::server_set::ServerSet;
use super::{Moment, Policy};
use crate::config::ChoicePolicy;

/// A server for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Position of the server in the configuration.
    pub server: usize,
    /// No server was usable; this one is tried in need.
    pub fail_open: bool,
    /// The server is not in the preferred region.
    pub other_region: bool,
}

/// There is no server to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None that may be tried.
    NoServer,
    /// All that may be tried have as many requests as they may have.
    QueueFull,
}

impl Policy {
    /// Chooses a server for an attempt; the caller then calls [`Policy::begin`]. `avoid` are the
    /// servers tried before; `home_only` keeps a request that came from another region here.
    ///
    /// # Errors
    /// [`Refusal`] when nobody may be tried.
    pub fn choose(
        &mut self,
        now: Moment,
        random: u64,
        avoid: ServerSet,
        home_only: bool,
    ) -> Result<Choice, Refusal> {
        let (candidates, fail_open) = self.candidates(now, avoid, home_only)?;
        let mut dice = Dice(random);
        let warm = self.without_cold(candidates, now, &mut dice);
        let server = match self.settings.choice {
            ChoicePolicy::LeastOutstanding => self.less_busy_of_two(warm, &mut dice),
            ChoicePolicy::RoundRobin => self.longest_unpicked(warm),
        };
        let Some(server) = server else { return Err(Refusal::NoServer) };
        let other_region = !self.regions.home().contains(server);
        self.counters.failed_open += u64::from(fail_open);
        self.counters.other_region += u64::from(other_region);
        Ok(Choice { server, fail_open, other_region })
    }

    /// Is there anybody to try besides these?
    #[must_use]
    pub fn has_other(&self, now: Moment, avoid: ServerSet, home_only: bool) -> bool {
        let usable = reach(&self.regions, home_only, self.usable).without(avoid);
        let known = reach(&self.regions, home_only, self.known).without(avoid);
        let open = if usable.is_empty() { known } else { self.regions.serving(usable, now) };
        !open.without(self.full).is_empty()
    }

    fn candidates(
        &mut self,
        now: Moment,
        avoid: ServerSet,
        home_only: bool,
    ) -> Result<(ServerSet, bool), Refusal> {
        let usable = reach(&self.regions, home_only, self.usable).without(avoid);
        if !usable.is_empty() {
            // What is too much for a region is refused: carried on, it would be too much for the
            // next one, and for the database behind both.
            let free = self.regions.first_with_any(usable, now).without(self.full);
            return if free.is_empty() { Err(Refusal::QueueFull) } else { Ok((free, false)) };
        }
        let known = reach(&self.regions, home_only, self.known).without(avoid);
        let free = known.without(self.full);
        if !free.is_empty() {
            return Ok((free, true));
        }
        Err(if known.is_empty() { Refusal::NoServer } else { Refusal::QueueFull })
    }

    /// Leaves servers in slow start out of some of the choices, unless nobody else is there.
    fn without_cold(&mut self, candidates: ServerSet, now: Moment, dice: &mut Dice) -> ServerSet {
        let cold = candidates.and(self.slow);
        if cold.is_empty() || candidates.without(cold).is_empty() {
            return candidates;
        }
        let (mut warm, picks) = (candidates, self.picks);
        for server in cold.iter() {
            let Some(state) = self.servers.get_mut(server) else { continue };
            let warmth = state.warmth(&self.settings, now);
            if warmth == WARM {
                self.slow.remove(server);
            } else if dice.roll(WARM) >= warmth {
                warm.remove(server);
                // Left out is a turn missed, or it would come next in every round.
                state.last_pick = picks;
            }
        }
        warm
    }

    fn less_busy_of_two(&self, candidates: ServerSet, dice: &mut Dice) -> Option<usize> {
        let count = u64::try_from(candidates.len()).unwrap_or(0);
        let first_turn = dice.roll(count);
        let first = candidates.iter().nth(usize::try_from(first_turn).unwrap_or(0))?;
        if count < 2 {
            return Some(first);
        }
        let mut second_turn = dice.roll(count - 1);
        if second_turn >= first_turn {
            second_turn += 1;
        }
        let second = candidates.iter().nth(usize::try_from(second_turn).unwrap_or(0))?;
        let busy = |server: usize| self.servers.get(server).map_or(u32::MAX, |s| s.outstanding);
        match busy(second).cmp(&busy(first)) {
            Ordering::Less => Some(second),
            Ordering::Greater => Some(first),
            // Idle servers take turns: with chance instead, the shares of eight of them are 7 %
            // apart after 10,000 requests. One in slow start always waited longer, but has no
            // claim: the order of the two picks is random.
            Ordering::Equal if self.slow.contains(first) || self.slow.contains(second) => {
                Some(first)
            }
            Ordering::Equal => {
                let mut equals = ServerSet::EMPTY;
                for server in candidates.without(self.slow).iter() {
                    equals.set(server, busy(server) <= busy(first));
                }
                self.longest_unpicked(equals)
            }
        }
    }

    fn longest_unpicked(&self, candidates: ServerSet) -> Option<usize> {
        candidates.iter().min_by_key(|&server| self.servers.get(server).map(|s| s.last_pick))
    }
}

fn reach(regions: &Regions, home_only: bool, servers: ServerSet) -> ServerSet {
    if home_only { servers.and(regions.home()) } else { servers }
}

/// Stretches the one random number of a call to as many as it needs (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(sides).unwrap_or(0)
    }
}
