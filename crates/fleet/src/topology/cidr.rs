//! IPv4 networks in CIDR notation (RFC 4632), as far as the rules of a topology need them.
//!
//! Guarantees: the address of a [`Cidr`] has no bits set outside its prefix.
//!
//! Deliberately not here: carving subnets; Terraform does that from the same numbers.

use std::net::Ipv4Addr;

/// The private networks of RFC 1918, section 3.
const PRIVATE: [(Ipv4Addr, u8); 3] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: u32,
    prefix: u8,
}

impl Cidr {
    /// Reads `10.1.0.0/16`.
    ///
    /// # Errors
    /// The rule that is broken, as a sentence without a full stop.
    pub fn parse(text: &str) -> Result<Self, String> {
        let malformed = || format!("an IPv4 network is written like 10.1.0.0/16, not `{text}`");
        let (address, prefix) = text.split_once('/').ok_or_else(malformed)?;
        let address: Ipv4Addr = address.parse().map_err(|_| malformed())?;
        let prefix: u8 = prefix.parse().map_err(|_| malformed())?;
        if prefix > 32 {
            return Err(malformed());
        }
        let base = address.to_bits() & mask(prefix);
        if base != address.to_bits() {
            let start = Ipv4Addr::from_bits(base);
            return Err(format!("{text} is not the start of a network; that is {start}/{prefix}"));
        }
        Ok(Self { base, prefix })
    }

    /// Length of the prefix in bits.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the whole network is private (RFC 1918).
    #[must_use]
    pub fn is_private(self) -> bool {
        PRIVATE.iter().any(|&(base, prefix)| {
            self.prefix >= prefix && self.base & mask(prefix) == base.to_bits()
        })
    }

    /// Whether the two networks share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = mask(self.prefix.min(other.prefix));
        self.base & shorter == other.base & shorter
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}
