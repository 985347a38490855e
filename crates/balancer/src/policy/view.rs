//! The state of every server and why, for `/status.json` and `/metrics`.

use super::evidence::{CheckResult, Evidence};
use super::server::{Health, Server};
use super::server_set::ServerSet;
use super::{Moment, Policy};

/// The state of a server in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Waiting for its first passed check.
    New,
    /// In use.
    Healthy,
    /// In use, with less than its share.
    SlowStart,
    /// Out by passive evidence.
    Ejected,
    /// Out by checks.
    Unhealthy,
    /// Gets no new request.
    Draining,
}

/// A server as a person sees it.
#[derive(Debug, Clone)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ServerState,
    /// Why it is in that state; empty when there is nothing to explain.
    pub why: String,
    /// Since when it has been in that state.
    pub since: Moment,
    /// What ejected it, and when it may come back at the earliest.
    pub ejection: Option<(Evidence, Moment)>,
    /// When its last check ended, and how.
    pub last_check: Option<(Moment, CheckResult)>,
    /// How often each evidence ejected it, in the order of [`Evidence::ALL`].
    pub ejections: [u64; Evidence::ALL.len()],
    /// Requests in flight on it.
    pub outstanding: u32,
}

/// A region as a person sees it.
#[derive(Debug, Clone)]
pub struct RegionView {
    /// Its name.
    pub name: String,
    /// It comes first.
    pub preferred: bool,
    /// It lost its last usable server, and has not been well again for long enough.
    pub left: bool,
    /// When it is used again if it stays well; `None` when it was not left or is not well.
    pub returns_at: Option<Moment>,
}

impl ServerState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Healthy, Self::SlowStart, Self::Ejected, Self::Unhealthy, Self::Draining];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Healthy => "healthy",
            Self::SlowStart => "slow_start",
            Self::Ejected => "ejected",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
        }
    }
}

impl Policy {
    /// The servers in the order of the configuration.
    #[must_use]
    pub fn view(&self, now: Moment) -> Vec<ServerView> {
        self.servers.iter().map(|server| self.view_one(server, now)).collect()
    }

    /// One server.
    #[must_use]
    pub fn view_of(&self, server: usize, now: Moment) -> Option<ServerView> {
        self.servers.get(server).map(|server| self.view_one(server, now))
    }

    /// The state of one server.
    #[must_use]
    pub fn state(&self, server: usize, now: Moment) -> Option<ServerState> {
        self.servers.get(server).map(|server| self.state_of(server, now))
    }

    /// The regions in the order of preference; none when regions make no difference.
    #[must_use]
    pub fn view_of_regions(&self, now: Moment) -> Vec<RegionView> {
        self.regions.view(now)
    }

    /// The servers that new requests go to.
    #[must_use]
    pub fn serving(&self, now: Moment) -> ServerSet {
        self.regions.serving(self.usable, now)
    }

    /// Is no server usable, so that requests go to any that ever passed a check?
    #[must_use]
    pub fn fails_open(&self) -> bool {
        self.usable.is_empty() && !self.known.is_empty()
    }

    /// Repeats that the budget allows now.
    pub fn retries_left(&mut self, now: Moment) -> u64 {
        self.budget.left(now)
    }

    /// Since when a server has been in its state. All changes are noted when they happen, but the
    /// end of a slow start, which is only the passing of time.
    pub(super) fn since(&self, server: &Server, now: Moment) -> Moment {
        let (noted, at) = server.noted;
        let state = self.state_of(server, now);
        if state == noted {
            return at;
        }
        if (noted, state) == (ServerState::SlowStart, ServerState::Healthy) {
            return at.saturating_add(self.settings.slow_start).min(now);
        }
        now
    }

    pub(super) fn state_of(&self, server: &Server, now: Moment) -> ServerState {
        let cold = |since: Moment| now.saturating_sub(since) < self.settings.slow_start;
        if server.draining {
            ServerState::Draining
        } else if server.health == Health::New {
            ServerState::New
        } else if server.health == Health::Down {
            ServerState::Unhealthy
        } else if server.is_ejected() {
            ServerState::Ejected
        } else if server.slow_start_since.is_some_and(cold) {
            ServerState::SlowStart
        } else {
            ServerState::Healthy
        }
    }

    fn view_one(&self, server: &Server, now: Moment) -> ServerView {
        let state = self.state_of(server, now);
        let failure = server.last_failure.map(|failure| failure.to_string());
        let why = match state {
            ServerState::Healthy => String::new(),
            ServerState::Draining => "asked to drain".to_owned(),
            ServerState::SlowStart => "came back and gets less than its share".to_owned(),
            ServerState::Unhealthy => failure.unwrap_or_default(),
            ServerState::New => {
                let wait = "waiting for the first passed check";
                failure.map_or(wait.to_owned(), |failure| format!("{wait}: {failure}"))
            }
            ServerState::Ejected => {
                server.ejection.map_or(String::new(), |ejection| ejection.evidence.to_string())
            }
        };
        ServerView {
            name: server.name.clone(),
            state,
            why,
            since: self.since(server, now),
            ejection: server.ejection.map(|ejection| (ejection.evidence, ejection.until)),
            last_check: server.last_check,
            ejections: server.ejections,
            outstanding: server.outstanding,
        }
    }
}
