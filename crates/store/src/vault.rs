//! The bank's data keys: what is sealed in the books, and how sealed values are found again.
//!
//! Guarantees: AES-256-GCM with a random nonce for each value (NIST SP 800-38D, §8.2.2: good for
//! 2³² values a key); what was sealed for one purpose does not open for another; the id of the key
//! stands before each value, so that an older key goes on opening what it sealed. The index is
//! HMAC-SHA-256 under a key of its own: without the file nobody can try all nine-digit numbers.
//! Nothing here is shown by `Debug`.
//! Deliberately not here: files; reading and making them is the binary's work.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::error::Error;

const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
/// Of the layout: this byte, the key's id, the nonce, the sealed text with its tag.
const LAYOUT: u8 = 1;

/// Why a file of data keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It is not what [`Vault::generate`] writes.
    #[error("the file of data keys must hold an index key and at least one key, of 32 bytes each")]
    Malformed,
    /// The system gave no randomness.
    #[error("the system gave no randomness")]
    NoRandomness,
}

/// The file: the first key seals, all open.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    index: String,
    keys: Vec<String>,
}

/// What seals, opens and indexes.
pub struct Vault {
    index: hmac::Key,
    keys: Vec<([u8; ID_BYTES], LessSafeKey)>,
    random: SystemRandom,
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Vault({} keys)", self.keys.len())
    }
}

impl Vault {
    /// The text of a new file.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn generate() -> Result<String, VaultError> {
        let random = SystemRandom::new();
        let secret = || {
            let mut bytes = [0; KEY_BYTES];
            random.fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
            Ok(URL_SAFE_NO_PAD.encode(bytes))
        };
        let file = KeyFile { index: secret()?, keys: vec![secret()?] };
        serde_json::to_string(&file).map_err(|_| VaultError::Malformed)
    }

    /// Reads the text of a file: `{"index": "…", "keys": ["…", …]}`, 32 bytes each as base64url.
    /// A new key is put before the others; the index key never changes.
    ///
    /// # Errors
    /// [`VaultError::Malformed`].
    pub fn parse(text: &[u8]) -> Result<Self, VaultError> {
        let file: KeyFile = serde_json::from_slice(text).map_err(|_| VaultError::Malformed)?;
        let secret = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| VaultError::Malformed)?;
            if bytes.len() == KEY_BYTES { Ok(bytes) } else { Err(VaultError::Malformed) }
        };
        let index = hmac::Key::new(hmac::HMAC_SHA256, &secret(&file.index)?);
        let key = |text| {
            let bytes = secret(text)?;
            let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| VaultError::Malformed)?;
            Ok((id(&bytes), LessSafeKey::new(key)))
        };
        let keys = file.keys.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(VaultError::Malformed);
        }
        Ok(Self { index, keys, random: SystemRandom::new() })
    }

    /// Seals a value for a purpose, such as `second factor of C00000001`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system gives no randomness.
    pub fn seal(&self, purpose: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = || Error::Unavailable { reason: "a value cannot be sealed", source: None };
        let (id, key) = self.keys.first().ok_or_else(failed)?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| failed())?;
        let mut body = value.to_vec();
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce_once, Aad::from(purpose.as_bytes()), &mut body)
            .map_err(|_| failed())?;
        Ok([&[LAYOUT], id.as_slice(), &nonce, &body].concat())
    }

    /// Opens what was sealed for the same purpose.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it is damaged, was sealed for another purpose or under a key that
    /// the file does not hold.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let failed =
            || Error::Unavailable { reason: "a sealed value cannot be opened", source: None };
        let rest = sealed.strip_prefix(&[LAYOUT]).ok_or_else(failed)?;
        let (id, rest) = rest.split_at_checked(ID_BYTES).ok_or_else(failed)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut body = body.to_vec();
        let plain = key
            .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut body)
            .map_err(|_| failed())?;
        Ok(plain.to_vec())
    }

    /// What stands for a value where it must be found by equality.
    #[must_use]
    pub fn index(&self, purpose: &str, value: &str) -> [u8; 32] {
        let text = [purpose.as_bytes(), &[0], value.as_bytes()].concat();
        let tag = hmac::sign(&self.index, &text);
        let mut index = [0; 32];
        index.copy_from_slice(tag.as_ref());
        index
    }
}

/// The name of a key: a hash of it, so that nobody has to think of one.
fn id(key: &[u8]) -> [u8; ID_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"ballast data key id");
    let mut id = [0; ID_BYTES];
    for (byte, from) in id.iter_mut().zip(tag.as_ref()) {
        *byte = *from;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::parse(Vault::generate().unwrap().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_under_its_key_alone() {
        let (own, other) = (vault(), vault());
        let sealed = own.seal("a", b"value").unwrap();
        assert_eq!(own.open("a", &sealed).unwrap(), b"value");
        assert_ne!(own.seal("a", b"value").unwrap(), sealed, "a nonce is used once");
        assert!(own.open("b", &sealed).is_err());
        assert!(other.open("a", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(own.open("a", &damaged).is_err(), "byte {place}");
            assert!(own.open("a", &sealed[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn older_keys_go_on_opening_and_the_index_stays() {
        let text = Vault::generate().unwrap();
        let old = Vault::parse(text.as_bytes()).unwrap();
        let mut file: KeyFile = serde_json::from_str(&text).unwrap();
        file.keys.insert(0, URL_SAFE_NO_PAD.encode([7; 32]));
        let new = Vault::parse(serde_json::to_string(&file).unwrap().as_bytes()).unwrap();
        assert_eq!(new.open("a", &old.seal("a", b"x").unwrap()).unwrap(), b"x");
        assert!(old.open("a", &new.seal("a", b"x").unwrap()).is_err());
        assert_eq!(old.index("a", "1"), new.index("a", "1"));
        assert_ne!(old.index("a", "1"), old.index("b", "1"));
        assert_ne!(old.index("a", "1"), vault().index("a", "1"));
    }

    #[test]
    fn broken_files_are_refused_and_nothing_shows_a_key() {
        let short = r#"{"index":"AAAA","keys":["AAAA"]}"#;
        let none = format!(r#"{{"index":"{}","keys":[]}}"#, URL_SAFE_NO_PAD.encode([1; 32]));
        for text in ["", "{}", short, &none] {
            assert_eq!(Vault::parse(text.as_bytes()).err(), Some(VaultError::Malformed), "{text}");
        }
        assert_eq!(format!("{:?}", vault()), "Vault(1 keys)");
    }
}
