//! Who works here: user ids, roles, and the rule for passwords.

use std::fmt;

/// What a member of staff may do (the table is in the web crate's routes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Customers, and the opening and closing of accounts.
    Executive,
    /// Money at the counter.
    Cashier,
    /// Money at the counter.
    Teller,
    /// Reads everything, changes nothing.
    Auditor,
    /// Who may sign in, and as what; sees no customer and no money.
    Administrator,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] =
        [Self::Executive, Self::Cashier, Self::Teller, Self::Auditor, Self::Administrator];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Executive => "executive",
            Self::Cashier => "cashier",
            Self::Teller => "teller",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// The sign-in name of a member of staff: `C` and eight digits, matched without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Box<str>);

impl UserId {
    /// Reads a user id; `c00000001` is `C00000001`. `None` if it is not of that form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (letter, digits) = text.split_at_checked(1)?;
        let good = letter.eq_ignore_ascii_case("C")
            && digits.len() == 8
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| Self(text.to_ascii_uppercase().into()))
    }

    /// In capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// Why a password is not good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 10 to 128 characters with a letter, a digit and a sign")]
pub struct PasswordWeak;

/// Checks a new password: at least 10 characters (at most 128, so that hashing stays bounded)
/// with a letter, a digit and a sign.
///
/// # Errors
/// [`PasswordWeak`] if it is not so.
pub fn check_new_password(password: &str) -> Result<(), PasswordWeak> {
    let length = password.chars().count();
    let strong = (10..=128).contains(&length)
        && password.chars().any(char::is_alphabetic)
        && password.chars().any(|each| each.is_ascii_digit())
        && password.chars().any(|each| !each.is_alphanumeric());
    if strong { Ok(()) } else { Err(PasswordWeak) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_matched_without_regard_to_case() {
        assert_eq!(UserId::parse("c00000001"), UserId::parse("C00000001"));
        for bad in ["", "C1", "D00000001", "C0000000x", "C000000011", "É0000000"] {
            assert_eq!(UserId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn passwords_need_length_letter_digit_and_sign() {
        for (password, good) in [
            ("abcdefgh1!", true),
            ("abcdefg1!", false),
            ("abcdefghij!", false),
            ("1234567890!", false),
            ("abcdefgh12", false),
        ] {
            assert_eq!(check_new_password(password).is_ok(), good, "{password:?}");
        }
    }
}
