//! The code on a statement: with the number it proves that the bank made it.
//!
//! The first part stands for the number alone and the rest for all that the statement says, each
//! cut from a keyed hash that only the bank can make. So whoever guesses is sent away before
//! anything is read from the books, and nothing is learnt from a guess. The codes are made where
//! the keys are; here is what they look like: Crockford's base 32, six groups of four.

use std::fmt;

/// 32 signs that cannot be taken for each other; small letters are read too, and O, I, L as what
/// they look like (Crockford, "Base 32").
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 40 bits: a guess costs the bank one hash, and one of 10¹² passes.
const TICKET_BYTES: usize = 5;
/// 80 bits: nobody meets one by trying.
const CONTENT_BYTES: usize = 10;
const BYTES: usize = TICKET_BYTES + CONTENT_BYTES;
/// Eight signs for each five bytes.
const GROUP_BYTES: usize = 5;

/// A code as it stands on a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerificationCode([u8; BYTES]);

impl VerificationCode {
    /// A code from the keyed hash of the number and that of all that the statement says.
    #[must_use]
    pub fn new(number: &[u8; 32], content: &[u8; 32]) -> Self {
        let mut code = [0; BYTES];
        let from = number.iter().take(TICKET_BYTES).chain(content.iter().take(CONTENT_BYTES));
        for (byte, from) in code.iter_mut().zip(from) {
            *byte = *from;
        }
        Self(code)
    }

    /// Reads a code; blanks and dashes do not count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Longer than a code with a blank between any two signs.
        const LENGTH_MAX: usize = 60;
        if text.len() > LENGTH_MAX {
            return None;
        }
        let mut signs = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).map(value);
        let mut code = [0; BYTES];
        for group in code.chunks_mut(GROUP_BYTES) {
            let mut bits = 0_u64;
            for _ in 0..8 {
                bits = (bits << 5) | u64::from(signs.next()??);
            }
            for (byte, from) in group.iter_mut().zip(bits.to_be_bytes().into_iter().skip(3)) {
                *byte = from;
            }
        }
        signs.next().is_none().then_some(Self(code))
    }

    /// What stands for the number.
    #[must_use]
    pub fn ticket(&self) -> &[u8] {
        self.0.get(..TICKET_BYTES).unwrap_or_default()
    }

    /// The whole code.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl fmt::Display for VerificationCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.chunks(GROUP_BYTES).enumerate() {
            let bits = group.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            for (place, shift) in (0..8_u32).rev().enumerate() {
                if place == 4 || (place == 0 && index > 0) {
                    out.write_str("-")?;
                }
                let sign = (bits >> shift.saturating_mul(5)) & 31;
                let sign = usize::try_from(sign).ok().and_then(|sign| SIGNS.get(sign));
                write!(out, "{}", char::from(*sign.unwrap_or(&b'0')))?;
            }
        }
        Ok(())
    }
}

/// A code is a secret of its holder.
impl fmt::Debug for VerificationCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("VerificationCode")
    }
}

fn value(sign: u8) -> Option<u8> {
    let sign = match sign.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    SIGNS.iter().position(|each| *each == sign).and_then(|place| u8::try_from(place).ok())
}
