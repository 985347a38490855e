//! The state of every server and why, for `/status.json` and `/metrics`.

use super::server::{Health, Server};
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
    /// Requests in flight on it.
    pub outstanding: u32,
}

impl ServerState {
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

    fn state_of(&self, server: &Server, now: Moment) -> ServerState {
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
            ServerState::Ejected => server.ejection.map_or(String::new(), |ejection| {
                let left = ejection.until.saturating_sub(now).as_millis();
                format!("{}; out for {left} ms more", ejection.evidence)
            }),
        };
        ServerView { name: server.name.clone(), state, why, outstanding: server.outstanding }
    }
}
