//! The keys of receipts as JWK sets (RFC 7517, Ed25519 by RFC 8037).
//!
//! The bank's own file holds, in this order: the key that signs, the next one, and keys that
//! signed before. The next one is published before it is used, so that at a rotation no verifier
//! meets a key that it could not know; old ones stay without their private part, so that old
//! receipts verify for ever. An id is the key's thumbprint (RFC 7638): it cannot name another key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Receipt;
use super::jws::{self, Signer, VerifyError};

/// The most keys of one file: a rotation each month for eighty years.
const KEYS_MAX: usize = 1_000;

/// Why a file of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a JWK set.
    #[error("not a JWK set (RFC 7517) with 1 to {KEYS_MAX} keys")]
    Malformed,
    /// A key that is not an Ed25519 key, or whose parts do not belong together.
    #[error("key {0} of the set is not a whole Ed25519 key with its own thumbprint as id")]
    KeyMalformed(usize),
    /// The first two keys must have their private parts.
    #[error("the first two keys of the set must hold their private parts")]
    NotPrivate,
}

/// A key in its file. The private part is never printed: no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    alg: String,
    #[serde(rename = "use")]
    purpose: String,
    kid: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// The public keys of a bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys {
    keys: Vec<(String, [u8; 32])>,
}

/// The bank's own keys.
pub struct SigningKeys {
    keys: Vec<Jwk>,
}

impl PublicKeys {
    /// Reads a JWK set; private parts are left aside, so the bank's own file will do.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let keys = read(text)?.into_iter().enumerate();
        let keys = keys.map(|(index, jwk)| {
            let x = jwk.check().ok_or(KeyError::KeyMalformed(index))?;
            Ok((jwk.kid, x))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// Verifies a receipt and reads what it attests.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(&self, text: &str) -> Result<Receipt, VerifyError> {
        jws::verify(self, text)
    }

    pub(super) fn find(&self, id: &str) -> Option<&[u8; 32]> {
        self.keys.iter().find(|(each, _)| each == id).map(|(_, key)| key)
    }
}

impl SigningKeys {
    /// New keys from two random seeds: the one that signs and the next one.
    ///
    /// # Errors
    /// [`KeyError::KeyMalformed`], never with 32 random bytes.
    pub fn from_seeds(first: [u8; 32], next: [u8; 32]) -> Result<Self, KeyError> {
        let keys = [first, next].into_iter().enumerate();
        let keys =
            keys.map(|(index, seed)| Jwk::private(&seed).ok_or(KeyError::KeyMalformed(index)));
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// Reads the bank's own file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let keys = read(text)?;
        for (index, jwk) in keys.iter().enumerate() {
            jwk.check().ok_or(KeyError::KeyMalformed(index))?;
        }
        match keys.as_slice() {
            [first, next, ..] if first.d.is_some() && next.d.is_some() => Ok(Self { keys }),
            _ => Err(KeyError::NotPrivate),
        }
    }

    /// The file: holds secrets.
    #[must_use]
    pub fn to_secret_json(&self) -> String {
        as_json(self.keys.clone())
    }

    /// The public parts as a JWK set.
    #[must_use]
    pub fn to_public_json(&self) -> String {
        as_json(self.keys.iter().map(Jwk::public).collect())
    }

    /// The id of the key that signs.
    #[must_use]
    pub fn signing_id(&self) -> &str {
        self.keys.first().map_or("", |jwk| &jwk.kid)
    }

    /// The signer of the first key.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`], never after a constructor.
    pub fn signer(&self) -> Result<Signer, KeyError> {
        let first = self.keys.first().ok_or(KeyError::NotPrivate)?;
        let pair = first.pair().ok_or(KeyError::NotPrivate)?;
        Ok(Signer::new(pair, &first.kid))
    }

    /// The next key signs from now on, a new one made of this seed is the next, and the one that
    /// signed loses its private part.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the file is full.
    pub fn rotate(&self, seed: [u8; 32]) -> Result<Self, KeyError> {
        let [first, next, old @ ..] = self.keys.as_slice() else {
            return Err(KeyError::NotPrivate);
        };
        if self.keys.len() >= KEYS_MAX {
            return Err(KeyError::Malformed);
        }
        let fresh = Jwk::private(&seed).ok_or(KeyError::KeyMalformed(1))?;
        let mut keys = vec![next.clone(), fresh, first.public()];
        keys.extend_from_slice(old);
        Ok(Self { keys })
    }
}

impl Jwk {
    fn private(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        Some(Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            purpose: "sig".to_owned(),
            kid: thumbprint(&x),
            x,
            d: Some(URL_SAFE_NO_PAD.encode(seed)),
        })
    }

    fn public(&self) -> Self {
        Self { d: None, ..self.clone() }
    }

    /// The public key, if all parts are right.
    fn check(&self) -> Option<[u8; 32]> {
        let named = self.kty == "OKP" && self.crv == "Ed25519" && self.alg == "EdDSA";
        let whole = named && self.purpose == "sig" && self.kid == thumbprint(&self.x);
        if self.d.is_some() && self.pair().is_none() {
            return None;
        }
        if whole { decode(&self.x) } else { None }
    }

    /// Both parts, if they belong together.
    fn pair(&self) -> Option<Ed25519KeyPair> {
        let seed: [u8; 32] = decode(self.d.as_deref()?)?;
        Ed25519KeyPair::from_seed_and_public_key(&seed, &decode(&self.x)?).ok()
    }
}

fn decode(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// RFC 7638 with the members of RFC 8037, appendix A.3.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

fn read(text: &[u8]) -> Result<Vec<Jwk>, KeyError> {
    let set: JwkSet = serde_json::from_slice(text).map_err(|_| KeyError::Malformed)?;
    let fits = (1..=KEYS_MAX).contains(&set.keys.len());
    if fits { Ok(set.keys) } else { Err(KeyError::Malformed) }
}

fn as_json(keys: Vec<Jwk>) -> String {
    // String keys and no failing parts, so this cannot fail.
    serde_json::to_string(&JwkSet { keys }).unwrap_or_default()
}
