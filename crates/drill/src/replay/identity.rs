//! Names that depend on the file's content only: keys, social security numbers, customer names.
//!
//! Guarantees that the same bytes give the same names on every machine and in every version:
//! changing anything here makes finished replays run again as new ones. Different files never
//! share a key (SHA-256).

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The hash of a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity([u8; 32]);

impl FileIdentity {
    /// The identity of these bytes.
    pub(super) fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// The names of one account of the file.
    pub(super) fn account(&self, name: &str) -> AccountIdentity {
        let mut hash = Sha256::new();
        hash.update(b"ballast replay account\0");
        hash.update(self.0);
        hash.update(name);
        AccountIdentity { hex: hex(&hash.finalize(), 16) }
    }

    /// The first digits, for people.
    pub(super) fn short(&self) -> String {
        hex(&self.0, 4)
    }
}

/// The names of one account of one file.
#[derive(Debug, Clone)]
pub(super) struct AccountIdentity {
    hex: String,
}

impl AccountIdentity {
    /// The customer's name, by which a second run knows its customer again.
    pub(super) fn customer_name(&self) -> String {
        format!("Replay {}", self.hex)
    }

    /// The social security number to try. Nine digits cannot be unique for ever: when one
    /// belongs to somebody else, the next `attempt` gives another.
    pub(super) fn ssn(&self, attempt: u32) -> String {
        let hash = Sha256::digest(format!("ssn\0{}\0{attempt}", self.hex));
        let number = hash.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        format!("{:09}", number % 1_000_000_000)
    }

    /// The key that opens the account.
    pub(super) fn opening_key(&self) -> String {
        format!("replay-{}-open", self.hex)
    }

    /// The key of a row, counted within the account.
    pub(super) fn row_key(&self, row: usize) -> String {
        format!("replay-{}-{row}", self.hex)
    }
}

fn hex(bytes: &[u8], count: usize) -> String {
    bytes.iter().take(count).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::FileIdentity;

    #[test]
    fn names_never_change_between_versions() {
        let account = FileIdentity::of(b"content").account("25");
        assert_eq!(account.row_key(7), format!("replay-{}-7", account.hex));
        assert_eq!(account.hex, "ad63c50ba8494be55291bf54427e9af5");
        assert_eq!(account.ssn(0), "666827773");
        assert_ne!(account.ssn(0), account.ssn(1));
    }
}
