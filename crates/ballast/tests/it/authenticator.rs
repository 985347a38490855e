//! An authenticator app, by the words of RFC 4226 and RFC 6238.

use ring::hmac;

/// Seconds that a code is shown.
const STEP_MS: i64 = 30_000;

/// The app with the key of one account in it; without one until it has seen a page.
#[derive(Default)]
pub(crate) struct Authenticator {
    key: Vec<u8>,
}

impl Authenticator {
    /// Takes the key as pages show it: RFC 4648, section 6, without padding; blanks are for people.
    pub(crate) fn of(text: &str) -> Self {
        let (mut bits, mut count, mut key) = (0_u32, 0, Vec::new());
        for letter in text.chars().filter(|letter| *letter != ' ') {
            let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
            bits = (bits << 5) | u32::try_from(value).unwrap();
            count += 5;
            if count >= 8 {
                count -= 8;
                key.push(u8::try_from((bits >> count) & 255).unwrap());
            }
        }
        assert_eq!(key.len(), 20, "{text}");
        Self { key }
    }

    /// The code of now, or of so many steps later.
    pub(crate) fn code(&self, steps_later: i64) -> String {
        let step = store::now_ms() / STEP_MS + steps_later;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.key);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = usize::from(tag.as_ref()[19] & 15);
        let word: [u8; 4] = tag.as_ref()[offset..offset + 4].try_into().unwrap();
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}
