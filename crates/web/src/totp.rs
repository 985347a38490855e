//! Codes of authenticator apps: time-based one-time passwords (RFC 6238), by SHA-1 with six digits
//! and thirty seconds, which is what every app reads.
//!
//! Guarantees: codes are compared in constant time; the step of a code is given, so that the
//! caller can refuse it a second time. Deliberately not here: where secrets are kept (`store`).

use qrcodegen::{QrCode, QrCodeEcc};
use rand::{Rng as _, RngCore as _};
use ring::hmac;
use subtle::ConstantTimeEq as _;

/// As long as the hash (RFC 4226, §4, R6).
const SECRET_BYTES: usize = 20;
const STEP_MS: i64 = 30_000;
const DIGITS: usize = 6;
const MODULUS: u32 = 1_000_000;
/// Telephones' clocks, and people who type slowly: one step either way (RFC 6238, §5.2).
const DRIFT_STEPS: i64 = 1;
/// How many recovery codes one gets.
pub(crate) const RECOVERY_CODES: usize = 10;
/// Base 32 of RFC 4648, §6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Of recovery codes: no letters that look like digits.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// The white frame that readers need (ISO/IEC 18004: four modules).
const QUIET_ZONE: i32 = 4;

/// A new secret.
pub(crate) fn new_secret() -> [u8; SECRET_BYTES] {
    let mut secret = [0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut secret);
    secret
}

/// The step whose code was typed, if it is one of those that count now. Spaces are let pass.
pub(crate) fn matching_step(secret: &[u8], typed: &str, now_ms: i64) -> Option<i64> {
    let typed: String = typed.chars().filter(|each| !each.is_whitespace()).collect();
    let now = now_ms.checked_div(STEP_MS)?;
    (now.saturating_sub(DRIFT_STEPS)..=now.saturating_add(DRIFT_STEPS))
        .find(|step| bool::from(code(secret, *step).as_bytes().ct_eq(typed.as_bytes())))
}

/// The code of a step (RFC 4226, §5.3).
fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let offset = tag.as_ref().last().map_or(0, |last| usize::from(last & 0x0f));
    let word = tag.as_ref().iter().skip(offset).take(4);
    let number = word.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:0DIGITS$}", number.checked_rem(MODULUS).unwrap_or(0))
}

/// A secret as people type it: base 32 in groups of four.
pub(crate) fn as_text(secret: &[u8]) -> String {
    let letters: Vec<char> = base32(secret).chars().collect();
    letters.chunks(4).map(|group| group.iter().collect()).collect::<Vec<String>>().join(" ")
}

fn base32(bytes: &[u8]) -> String {
    let group = |bytes: &[u8]| {
        let word = bytes.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
        (0..8).rev().map(move |place| (word >> (place * 5)) & 31).collect::<Vec<_>>()
    };
    let letters = bytes.chunks_exact(5).flat_map(group);
    let letter = |index| usize::try_from(index).ok().and_then(|index| BASE32.get(index).copied());
    letters.filter_map(letter).map(char::from).collect()
}

/// The picture that an app reads: the path of its dark squares and its size, frame included.
pub(crate) fn picture(user: &str, secret: &[u8]) -> Option<(String, i32)> {
    let secret = base32(secret);
    let uri = format!("otpauth://totp/Ballast:{user}?secret={secret}&issuer=Ballast");
    let code = QrCode::encode_text(&uri, QrCodeEcc::Medium).ok()?;
    let places = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    let dark = places.filter(|(x, y)| code.get_module(*x, *y));
    let square = |(x, y): (i32, i32)| format!("M{} {}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE);
    Some((dark.map(square).collect(), code.size() + 2 * QUIET_ZONE))
}

/// New recovery codes: two groups of five letters, some 50 bits each.
pub(crate) fn new_recovery_codes() -> Vec<String> {
    let mut random = rand::rng();
    let mut group = || -> String {
        let letter = |_| LETTERS.get(random.random_range(0..LETTERS.len())).copied();
        (0..5).filter_map(letter).map(char::from).collect()
    };
    (0..RECOVERY_CODES).map(|_| format!("{}-{}", group(), group())).collect()
}

/// A recovery code as it is compared: without spaces and hyphens, in small letters.
pub(crate) fn plain_recovery_code(typed: &str) -> String {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric).take(64);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let cases = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, expect) in cases {
            assert_eq!(code(SECRET, seconds / 30), expect);
            assert_eq!(matching_step(SECRET, expect, seconds * 1_000), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_counts_a_step_early_and_a_step_late() {
        let now = 1_111_111_111_000;
        for (steps, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let at = now + steps * STEP_MS;
            assert_eq!(matching_step(SECRET, "050 471", at).is_some(), good, "{steps}");
        }
        for wrong in ["", "05047", "0504711", "050472", "abcdef"] {
            assert_eq!(matching_step(SECRET, wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_base_32_and_the_picture_is_square() {
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(as_text(SECRET), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let (path, size) = picture("C00000005", SECRET).unwrap();
        assert!(path.starts_with("M4 4h1v1h-1z"), "the corner is dark");
        assert!((29..=61).contains(&size), "{size}");
    }

    #[test]
    fn recovery_codes_differ_and_are_read_as_people_type_them() {
        let codes = new_recovery_codes();
        let mut plain: Vec<_> = codes.iter().map(|code| plain_recovery_code(code)).collect();
        assert!(plain.iter().all(|code| code.len() == 10));
        assert_eq!(plain_recovery_code(&format!(" {} ", codes[0].to_uppercase())), plain[0]);
        plain.sort();
        plain.dedup();
        assert_eq!(plain.len(), RECOVERY_CODES);
    }
}
