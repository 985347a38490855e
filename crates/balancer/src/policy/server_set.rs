//! A set of servers as one machine word: at most [`crate::config::UPSTREAMS_MAX`] of them.

/// A set of positions in the configured list of servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerSet(u64);

impl ServerSet {
    /// No server.
    pub const EMPTY: Self = Self(0);

    /// The set of one server.
    #[must_use]
    pub fn only(server: usize) -> Self {
        let mut set = Self::EMPTY;
        set.insert(server);
        set
    }

    /// Adds a server.
    pub fn insert(&mut self, server: usize) {
        self.0 |= bit(server);
    }

    /// Takes a server out.
    pub fn remove(&mut self, server: usize) {
        self.0 &= !bit(server);
    }

    /// Adds or takes out.
    pub fn set(&mut self, server: usize, present: bool) {
        if present { self.insert(server) } else { self.remove(server) }
    }

    /// Is it in?
    #[must_use]
    pub fn contains(self, server: usize) -> bool {
        self.0 & bit(server) != 0
    }

    /// Is nobody in?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.0.count_ones()).unwrap_or(0)
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in this one and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The positions, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let position = rest.trailing_zeros();
            rest &= rest - 1;
            usize::try_from(position).ok()
        })
    }
}

fn bit(server: usize) -> u64 {
    u32::try_from(server).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
}
