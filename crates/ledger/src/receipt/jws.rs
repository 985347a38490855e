//! Signing and verifying: JWS compact serialisation, `EdDSA` over Ed25519 and nothing else.
//!
//! The header is exactly the one that [`Signer`] writes, with the id of a known key in it. No
//! other algorithm, no key from the receipt itself, no `crit`: what is not expected is refused
//! (RFC 8725 §3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::Deserialize;

use super::claims::{self, ClaimsError};
use super::{PublicKeys, Receipt};

/// `typ` of the header: these claims and no others (RFC 8725 §3.11).
const KIND: &str = "receipt+jwt";
const ALGORITHM: &str = "EdDSA";

/// The longest receipt that is looked at: three times the longest the bank writes.
const LENGTH_MAX: usize = 4_096;

/// Why a text is not a receipt of this bank.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a compact JWS with the header of a receipt.
    #[error("not a receipt")]
    Malformed,
    /// Signed with a key that is not among the bank's.
    #[error("signed with the unknown key {0}")]
    KeyUnknown(String),
    /// The signature does not fit: another text or another key.
    #[error("the signature does not fit")]
    Forged,
    /// The signature is the bank's and the text cannot be read.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
}

/// Signs receipts with one private key. Holds the secret: it has no `Debug` and no `Display`.
pub struct Signer {
    pair: Ed25519KeyPair,
    /// The header as it stands in each receipt, with the point behind it.
    prefix: String,
}

impl Signer {
    pub(super) fn new(pair: Ed25519KeyPair, id: &str) -> Self {
        let header = format!(r#"{{"alg":"{ALGORITHM}","kid":"{id}","typ":"{KIND}"}}"#);
        Self { pair, prefix: format!("{}.", URL_SAFE_NO_PAD.encode(header)) }
    }

    /// The receipt as text: three parts of base64url with points between. Equal receipts give
    /// equal texts. Some 30 µs (`examples/receipt_speed.rs`).
    #[must_use]
    pub fn sign(&self, receipt: &Receipt) -> String {
        let mut text = self.prefix.clone();
        URL_SAFE_NO_PAD.encode_string(claims::encode(receipt), &mut text);
        let signature = self.pair.sign(text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        text
    }
}

/// Verifies a text and reads what it attests.
pub(super) fn verify(keys: &PublicKeys, text: &str) -> Result<Receipt, VerifyError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Header {
        alg: String,
        kid: String,
        typ: String,
    }
    let text = if text.len() <= LENGTH_MAX { text } else { "" };
    let (signed, signature) = text.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Malformed);
    let (header, claims, signature) = (part(header)?, part(claims)?, part(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| VerifyError::Malformed)?;
    if header.alg != ALGORITHM || header.typ != KIND {
        return Err(VerifyError::Malformed);
    }
    let Some(key) = keys.find(&header.kid) else {
        return Err(VerifyError::KeyUnknown(header.kid));
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| VerifyError::Forged)?;
    Ok(claims::decode(&claims)?)
}
