//! Numbers and keys as types of their own, so that one cannot be handed over for another.

use std::fmt;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a plain decimal number in the range of the id.
    #[error("must be a number from {first} up")]
    NotANumber {
        /// The first number there is.
        first: i64,
    },
    /// An idempotency key that is empty, too long or has odd characters.
    #[error("must be 1 to {max} visible ASCII characters", max = IdempotencyKey::LENGTH_MAX)]
    KeyMalformed,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $first:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i64);

        impl $name {
            /// The first number that is ever given.
            pub const FIRST: i64 = $first;

            /// A number that this bank made (from a row of its books).
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }

            /// Reads a decimal number from outside.
            ///
            /// # Errors
            /// [`IdError::NotANumber`] unless it is digits and not below [`Self::FIRST`].
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let digits = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
                match text.parse::<i64>() {
                    Ok(number) if digits && number >= Self::FIRST => Ok(Self(number)),
                    _ => Err(IdError::NotANumber { first: Self::FIRST }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

number!(
    /// The number of a customer's account, from 360110000 up. House accounts have numbers below
    /// (see [`crate::house`]) which [`Self::parse`] refuses: nobody outside can name them.
    AccountNumber,
    360_110_000
);
number!(
    /// The number of a customer, from 110110000 up.
    CustomerNumber,
    110_110_000
);
number!(
    /// An operation: what a person or client asked for. In the order of booking.
    OperationId,
    1
);
number!(
    /// A transfer: one debit, one credit, one amount. In the order of booking.
    TransferId,
    1
);

impl AccountNumber {
    /// Whether this is one of the bank's own accounts.
    #[must_use]
    pub const fn is_house(self) -> bool {
        self.0 < Self::FIRST
    }
}

/// A client's name for one operation: asked again with the same key, nothing happens twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The longest key in characters: room for a UUID with a long prefix, small in an index.
    pub const LENGTH_MAX: usize = 128;

    /// Reads a key.
    ///
    /// # Errors
    /// [`IdError::KeyMalformed`] unless it is 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let fits = !text.is_empty() && text.len() <= Self::LENGTH_MAX;
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::KeyMalformed)
        }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_from_outside_are_customers_accounts() {
        for (text, good) in [
            ("360110000", true),
            ("360109999", false),
            ("100840", false),
            ("+360110000", false),
            ("360_110_000", false),
            ("", false),
            ("99999999999999999999999", false),
        ] {
            assert_eq!(AccountNumber::parse(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn keys_are_visible_and_bounded() {
        for (text, good) in [
            ("0190-aa", true),
            ("", false),
            ("a b", false),
            ("ä", false),
            (&*"k".repeat(128), true),
            (&*"k".repeat(129), false),
        ] {
            assert_eq!(IdempotencyKey::parse(text).is_ok(), good, "{text:?}");
        }
    }
}
