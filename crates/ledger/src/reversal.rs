//! Undo: a new transfer with the opposite legs and the equal amount of an earlier one.
//!
//! Guarantees: nothing in the books changes, the two transfers name each other, and a transfer is
//! reversed at most once. A reversal is itself not reversible: whoever reversed by mistake posts
//! the money again as what it is, so that no chain of undone undoings has to be read. Whoever
//! reaches for others' transfers, or for those of earlier days, must be allowed to ([`Reach`]). All
//! other rules of posting hold: an account that is closed, or whose customer is deactivated, takes
//! no reversal until it is open and active again, and money that has left the account cannot be
//! taken back from it. Deliberately not here: who may reach how far (the web's routes know roles).

use crate::day::Day;
use crate::id::{AccountNumber, TransferId};
use crate::money::Amount;
use crate::operation::{Description, Refusal};
use crate::staff::UserId;

/// Why a transfer is reversed: never empty, at most as long as a [`Description`], which it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Description);

impl Reason {
    /// Reads a text; `None` if it is empty, too long or has control characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Description::parse(text).filter(|text| !text.as_str().is_empty()).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text as it stands on the reversing transfer.
    #[must_use]
    pub const fn description(&self) -> &Description {
        &self.0
    }
}

/// Whose transfers somebody may reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those that they booked themselves on the same day of the bank.
    OwnToday,
    /// Everybody's, of any day.
    Any,
}

/// A transfer that is to be reversed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// Which one.
    pub transfer: TransferId,
    /// Why.
    pub reason: Reason,
    /// Whose transfers whoever asks may reverse. Like the actor it is no part of the fingerprint.
    pub reach: Reach,
}

/// A transfer of the books that somebody asks to reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Where the money left.
    pub debit: AccountNumber,
    /// Where it went.
    pub credit: AccountNumber,
    /// How much.
    pub amount: Amount,
    /// Who booked it.
    pub user: UserId,
    /// When: milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// Whether it takes back another.
    pub is_reversal: bool,
    /// Whether another takes it back.
    pub is_reversed: bool,
}

impl Past {
    /// Whether somebody may reverse it on a day.
    ///
    /// # Errors
    /// [`Refusal::IsReversal`], [`Refusal::AlreadyReversed`], [`Refusal::NotOwnTransfer`],
    /// [`Refusal::NotOfToday`].
    pub fn may_be_reversed(&self, user: &UserId, reach: Reach, today: Day) -> Result<(), Refusal> {
        if self.is_reversal {
            return Err(Refusal::IsReversal);
        }
        if self.is_reversed {
            return Err(Refusal::AlreadyReversed);
        }
        match reach {
            Reach::Any => Ok(()),
            Reach::OwnToday if self.user != *user => Err(Refusal::NotOwnTransfer),
            Reach::OwnToday if Day::of(self.booked_at_ms) != today => Err(Refusal::NotOfToday),
            Reach::OwnToday => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    #[test]
    fn a_reason_is_some_text() {
        for (text, good) in
            [("wrong account", true), ("  ", false), ("a\nb", false), (&*"r".repeat(141), false)]
        {
            assert_eq!(Reason::parse(text).is_some(), good, "{text:?}");
        }
    }

    #[test]
    fn who_reaches_what() {
        let user = |text| UserId::parse(text).unwrap();
        let (own, other) = (user("C00000003"), user("C00000004"));
        let past = Past {
            debit: AccountNumber::new(100_840),
            credit: AccountNumber::new(AccountNumber::FIRST),
            amount: Amount::try_new(5, Currency::Usd).unwrap(),
            user: own.clone(),
            booked_at_ms: Day::MS - 1,
            is_reversal: false,
            is_reversed: false,
        };
        let reversal = Past { is_reversal: true, ..past.clone() };
        let reversed = Past { is_reversed: true, ..past.clone() };
        let (first, second) = (Day::new(0), Day::new(1));
        for (past, user, reach, today, expect) in [
            (&past, &own, Reach::OwnToday, first, Ok(())),
            (&past, &own, Reach::OwnToday, second, Err(Refusal::NotOfToday)),
            (&past, &other, Reach::OwnToday, first, Err(Refusal::NotOwnTransfer)),
            (&past, &other, Reach::Any, second, Ok(())),
            (&reversal, &other, Reach::Any, first, Err(Refusal::IsReversal)),
            (&reversed, &own, Reach::OwnToday, first, Err(Refusal::AlreadyReversed)),
        ] {
            assert_eq!(past.may_be_reversed(user, reach, today), expect);
        }
    }
}
