//! What passes between the processes of a cluster, in round trips.
//!
//! Guarantees: a question that waits for its answer is one turn, whatever it holds and however many
//! pieces it comes in. Setting up a connection counts too (TLS and signing in are some turns).

use serde::{Deserialize, Serialize};

use super::Durability;

/// How far regions are from each other, and what was asked between processes so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// One way between two regions, in milliseconds.
    pub link_ms: u64,
    /// Where acknowledged commits are.
    pub durability: Durability,
    /// By who asked whom; pairs that never met are not in it.
    pub turns: Vec<Turns>,
}

/// What one process has asked another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// Who asked; nobody of this deployment when it is not known.
    pub from: Option<String>,
    /// Who was asked.
    pub to: String,
    /// Questions.
    pub count: u64,
}

impl Traffic {
    /// Questions of some processes to some others.
    #[must_use]
    pub fn between(&self, from: impl Fn(&str) -> bool, to: impl Fn(&str) -> bool) -> u64 {
        let is_between = |turns: &&Turns| turns.from.as_deref().is_some_and(&from) && to(&turns.to);
        self.turns.iter().filter(is_between).map(|turns| turns.count).sum()
    }
}
