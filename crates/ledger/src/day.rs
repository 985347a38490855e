//! The bank's day: a calendar day of UTC, from midnight up to the next.
//!
//! This is the one place that says so. Booking times are UTC on every server of every region, so
//! the day of an entry is the same wherever it is asked for and never changes with the season:
//! statements of closed days stay as they are, and "today's own operations" are the same at both
//! coasts. `post_group` of the migrations divides by the same [`Day::MS`]. Deliberately not here:
//! clocks, calendars and the names of days.

/// A day of the bank: so many days after 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// Milliseconds of a day; UTC as computers count it has no leap seconds.
    pub const MS: i64 = 86_400_000;

    /// The day so many days after 1970-01-01.
    #[must_use]
    pub const fn new(days: i64) -> Self {
        Self(days)
    }

    /// The day of a point in time: milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn of(at_ms: i64) -> Self {
        Self(at_ms.div_euclid(Self::MS))
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Its first millisecond.
    #[must_use]
    pub const fn begins_at_ms(self) -> i64 {
        self.0.saturating_mul(Self::MS)
    }

    /// The first millisecond that is no longer of it.
    #[must_use]
    pub const fn ends_at_ms(self) -> i64 {
        self.next().begins_at_ms()
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_first_millisecond_and_not_the_next_ones() {
        for (at_ms, day) in
            [(0, 0), (Day::MS - 1, 0), (Day::MS, 1), (-1, -1), (1_795_737_599_999, 20_783)]
        {
            assert_eq!(Day::of(at_ms).number(), day, "{at_ms}");
            let day = Day::of(at_ms);
            assert!(day.begins_at_ms() <= at_ms && at_ms < day.ends_at_ms(), "{at_ms}");
            assert_eq!(Day::of(day.ends_at_ms()), day.next());
        }
    }
}
