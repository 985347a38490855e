//! Failed sign-ins make the next one wait, per name and per address, growing with each failure.
//!
//! Names are counted whether or not such a user exists, so that a lock tells nobody which do.
//! What is kept is a hash: people type passwords into the wrong field.

use sha2::{Digest, Sha256};

/// Failures that cost nothing: a person who mistypes (OWASP's guidance is 3 to 5).
pub(crate) const FREE_FAILURES_OF_USER: u32 = 5;
/// A whole branch sits behind one address.
pub(crate) const FREE_FAILURES_OF_ADDRESS: u32 = 50;
/// The first wait; each further failure doubles it.
pub(crate) const WAIT_FIRST_MS: i64 = 1_000;
/// The longest wait.
pub(crate) const WAIT_MAX_MS: i64 = 15 * 60 * 1_000;
/// Failures are forgotten after a day without one.
pub(crate) const FORGET_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long the next try must wait after so many failures.
pub(crate) fn wait_ms(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(beyond) => WAIT_FIRST_MS.saturating_mul(1 << beyond.min(20)).min(WAIT_MAX_MS),
    }
}

pub(crate) fn subject(kind: &str, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update([0]);
    hash.update(text.to_ascii_uppercase());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let cases = [(1, 0), (4, 0), (5, 1_000), (6, 2_000), (9, 16_000), (40, WAIT_MAX_MS)];
        for (failures, expect) in cases {
            assert_eq!(wait_ms(failures, FREE_FAILURES_OF_USER), expect, "{failures}");
        }
    }
}
