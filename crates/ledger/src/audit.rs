//! The rules of the audit: what must hold in any copy of the books, each with its name.
//!
//! The store walks its rows and reports what breaks a rule; the names and words are here so that
//! both stores, the command and the documents say the same.

/// A rule of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// I1: per currency, all debits equal all credits.
    Balanced,
    /// I1: a transfer has exactly its two entries, with its amount and opposite signs.
    TransferEntries,
    /// I6: an account's entries are numbered from 1 without gaps.
    EntryNumbers,
    /// Every entry is found from its account: the list back from the newest one is whole.
    EntryList,
    /// I6: each entry's balance is the one before plus its amount.
    BalanceAfter,
    /// The account's counters are the sums of its entries.
    Counters,
    /// A house account's mark is the sum of the entries up to it.
    HouseMark,
    /// I5: no account is below its floor.
    Floor,
    /// A closed account holds nothing.
    ClosedAtZero,
    /// A customer has at most one open account of a kind.
    OneOfAKind,
    /// I3: every key has one operation, and its stored answer is what the books hold.
    Answers,
    /// Every operation names a member of staff who exists.
    Actors,
    /// No row points at a row that is not there.
    Orphans,
    /// Booking times never go back.
    BookingOrder,
    /// A reversal is the one opposite of an earlier transfer that is no reversal.
    Reversals,
}

impl Rule {
    /// All rules, in the order they are checked.
    pub const ALL: &[Self] = &[
        Self::Balanced,
        Self::TransferEntries,
        Self::EntryNumbers,
        Self::EntryList,
        Self::BalanceAfter,
        Self::Counters,
        Self::HouseMark,
        Self::Floor,
        Self::ClosedAtZero,
        Self::OneOfAKind,
        Self::Answers,
        Self::Actors,
        Self::Orphans,
        Self::BookingOrder,
        Self::Reversals,
    ];

    /// The short name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::TransferEntries => "transfer-entries",
            Self::EntryNumbers => "entry-numbers",
            Self::EntryList => "entry-list",
            Self::BalanceAfter => "balance-after",
            Self::Counters => "counters",
            Self::HouseMark => "house-mark",
            Self::Floor => "floor",
            Self::ClosedAtZero => "closed-at-zero",
            Self::OneOfAKind => "one-of-a-kind",
            Self::Answers => "answers",
            Self::Actors => "actors",
            Self::Orphans => "orphans",
            Self::BookingOrder => "booking-order",
            Self::Reversals => "reversals",
        }
    }

    /// What it says.
    #[must_use]
    pub const fn statement(self) -> &'static str {
        match self {
            Self::Balanced => "per currency, all debits equal all credits",
            Self::TransferEntries => "every transfer has its two entries, equal and opposite",
            Self::EntryNumbers => "the entries of an account are numbered from 1 without gaps",
            Self::EntryList => "every entry is found from its account's newest one",
            Self::BalanceAfter => "each entry carries the balance after it",
            Self::Counters => "an account's counters are the sums of its entries",
            Self::HouseMark => "a house account's mark is the sum of the entries up to it",
            Self::Floor => "no account is below its floor",
            Self::ClosedAtZero => "a closed account holds nothing",
            Self::OneOfAKind => "a customer has at most one open account of a kind",
            Self::Answers => "every key has one operation, whose answer is what the books hold",
            Self::Actors => "every operation names a member of staff who exists",
            Self::Orphans => "no row points at a row that is not there",
            Self::BookingOrder => "booking times never go back",
            Self::Reversals => "reversals are unique and equal to what they take back",
        }
    }
}
