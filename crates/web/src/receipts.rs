//! Receipts of what this server acknowledges, and the public keys that verify them.
//!
//! Guarantees: only what is in the books is attested: a receipt is made after the commit, or of
//! what was read from the books. Refusals, failures and unknown outcomes earn none. One operation,
//! one receipt: a batch of 8,000 transfers has one signature over one digest, as it had one
//! commit; a signature for each transfer would cost three times what posting it does
//! (measured: 29 µs and 9 µs).

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ledger::receipt::{Effect, KeyError, Position, Receipt, Signer, SigningKeys};
use ledger::{IdempotencyKey, OperationId};
use store::{Booked, Decided, UnixMs};
use utoipa::ToSchema;

use crate::app::Server;
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::Kind;
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] =
    &[Route::get("/.well-known/jwks.json", Access::Public, handler!(keys)).doc(
        Doc::new("The public keys that verify receipts (RFC 7517)").ok::<JwkSet>().problems(&[404]),
    )];

/// What a server needs to give receipts. Holds the private key: its debug form says nothing.
pub struct Receipts {
    signer: Signer,
    public: Bytes,
}

impl Receipts {
    /// Receipts signed with the first of these keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn try_new(keys: &SigningKeys) -> Result<Self, KeyError> {
        Ok(Self { signer: keys.signer()?, public: keys.to_public_json().into() })
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Receipts")
    }
}

/// The receipt of an operation that was just decided; `None` without an effect, and on a server
/// that has no key.
pub(crate) fn of_decided(
    server: &Server,
    key: IdempotencyKey,
    decided: &Decided,
    effect: Option<Effect>,
) -> Option<String> {
    // The stored answer of an earlier call was committed further up in the log.
    let position = decided.position.filter(|_| !decided.replayed);
    sign(server, decided.operation, key, decided.booked_at, effect, position)
}

/// The receipt of an operation that was read from the books.
pub(crate) fn of_booked(server: &Server, booked: &Booked) -> Option<String> {
    sign(server, booked.operation, booked.key.clone(), booked.booked_at, booked.effect(), None)
}

fn sign(
    server: &Server,
    operation: OperationId,
    key: IdempotencyKey,
    booked_at_ms: UnixMs,
    effect: Option<Effect>,
    position: Option<Position>,
) -> Option<String> {
    let receipts = server.config.receipts.as_deref()?;
    Some(receipts.signer.sign(&Receipt {
        operation,
        key,
        effect: effect?,
        booked_at_ms,
        server: server.config.name.as_str().into(),
        durability: server.config.durability,
        position,
    }))
}

/// Verifiers may keep the set for five minutes: the next key is in it long before it signs.
const KEYS_CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

async fn keys(call: Call) -> Handled {
    let receipts = call.server.config.receipts.as_deref().ok_or(Kind::NotFound)?;
    let mut response = Response::new(Body::from(receipts.public.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    headers.insert(CACHE_CONTROL, KEYS_CACHED);
    Ok(response)
}

/// A JWK set: the key that signs, the next one, and those that signed before.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `ledger` writes")]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// An Ed25519 key (RFC 8037).
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `ledger` writes")]
struct Jwk {
    #[schema(example = "OKP")]
    kty: String,
    #[schema(example = "Ed25519")]
    crv: String,
    #[schema(example = "EdDSA")]
    alg: String,
    #[schema(example = "sig")]
    r#use: String,
    /// The thumbprint of the key (RFC 7638), as in the header of receipts.
    kid: String,
    /// The public key in base64url.
    x: String,
}
