//! The signed text of a receipt: a JSON object with its fields in a fixed order and no spaces.
//!
//! Money is decimal, numbers of the bank are strings (numbers of JavaScript lose digits above
//! 2^53), as in the API. A field that is not known makes the text unreadable: what somebody
//! signed must not be half understood.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Durability, Effect, Moved, Movement, MovementKind, Position, Receipt};
use crate::house::House;
use crate::id::{AccountNumber, IdempotencyKey, OperationId, TransferId};
use crate::money::{Amount, Balance, Currency};

/// The version of the text; a program that does not know it says so.
const VERSION: u64 = 1;

/// Why a signed text is not a receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// Not the JSON of a receipt.
    #[error("the signed text is no receipt: {0}")]
    Malformed(String),
    /// Made by a newer program.
    #[error("receipts of version {0} are not known here")]
    Version(u64),
    /// A field breaks its rule.
    #[error("field {0} of the signed text breaks its rule")]
    Field(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    v: u64,
    operation: String,
    key: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reverses: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Side>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    booked_at_ms: i64,
    server: String,
    durability: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<Place>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Side {
    account: String,
    balance: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    timeline: u32,
    lsn: String,
}

/// The signed text.
pub(super) fn encode(receipt: &Receipt) -> Vec<u8> {
    let mut claims = Claims {
        v: VERSION,
        operation: receipt.operation.to_string(),
        key: receipt.key.as_str().to_owned(),
        kind: receipt.effect.kind().to_owned(),
        account: None,
        transfer: None,
        reverses: None,
        from: None,
        to: None,
        amount: None,
        currency: None,
        accepted: None,
        refused: None,
        digest: None,
        booked_at_ms: receipt.booked_at_ms,
        server: receipt.server.to_string(),
        durability: receipt.durability.as_str().to_owned(),
        position: receipt
            .position
            .map(|place| Place { timeline: place.timeline, lsn: place.lsn_text() }),
    };
    let mut money = None;
    match &receipt.effect {
        Effect::Movement(_, movement) => {
            let Moved { debit, credit, amount, reverses } = movement.moved;
            let side = |account: AccountNumber, after: Option<i64>| {
                after.map(|minor| Side {
                    account: account.to_string(),
                    balance: Balance::new(minor, amount.currency()).to_string(),
                })
            };
            claims.transfer = Some(movement.transfer.to_string());
            claims.reverses = reverses.map(|transfer| transfer.to_string());
            claims.from = side(debit, movement.debit_after);
            claims.to = side(credit, movement.credit_after);
            money = Some(amount);
        }
        Effect::Opened { account, deposit } => {
            claims.account = Some(account.to_string());
            claims.transfer = deposit.map(|(transfer, _)| transfer.to_string());
            money = deposit.map(|(_, amount)| amount);
        }
        Effect::Batch { accepted, refused, digest } => {
            claims.accepted = Some(*accepted);
            claims.refused = Some(*refused);
            claims.digest = Some(URL_SAFE_NO_PAD.encode(digest));
        }
    }
    claims.amount = money.map(|amount| amount.to_string());
    claims.currency = money.map(|amount| amount.currency().to_string());
    // String keys and no failing parts, so this cannot fail.
    serde_json::to_vec(&claims).unwrap_or_default()
}

/// Reads the signed text.
pub(super) fn decode(text: &[u8]) -> Result<Receipt, ClaimsError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    let malformed = |error: serde_json::Error| ClaimsError::Malformed(error.to_string());
    let version = serde_json::from_slice::<Versioned>(text).map_err(malformed)?.v;
    if version != VERSION {
        return Err(ClaimsError::Version(version));
    }
    let claims: Claims = serde_json::from_slice(text).map_err(malformed)?;
    let operation = OperationId::parse(&claims.operation);
    let operation = operation.map_err(|_| ClaimsError::Field("operation"))?;
    let key = IdempotencyKey::parse(&claims.key).map_err(|_| ClaimsError::Field("key"))?;
    let durability = Durability::parse(&claims.durability);
    let position = match &claims.position {
        None => None,
        Some(Place { timeline, lsn }) => {
            let lsn = Position::parse_lsn(lsn).ok_or(ClaimsError::Field("position"))?;
            Some(Position { timeline: *timeline, lsn })
        }
    };
    Ok(Receipt {
        operation,
        key,
        effect: claims.effect()?,
        booked_at_ms: claims.booked_at_ms,
        durability: durability.ok_or(ClaimsError::Field("durability"))?,
        position,
        server: claims.server.into(),
    })
}

impl Claims {
    /// The fields of the kind; those of other kinds must be absent.
    fn effect(&self) -> Result<Effect, ClaimsError> {
        let batch = self.accepted.is_some() || self.refused.is_some() || self.digest.is_some();
        let sides = self.from.is_some() || self.to.is_some() || self.reverses.is_some();
        match MovementKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind) {
            Some(kind) if !batch && self.account.is_none() => {
                Ok(Effect::Movement(kind, self.movement(kind)?))
            }
            None if self.kind == "open_account" && !batch && !sides => self.opening(),
            None if self.kind == "batch" && !sides && self.account.is_none() => self.batch(),
            _ => Err(ClaimsError::Field("kind")),
        }
    }

    fn movement(&self, kind: MovementKind) -> Result<Movement, ClaimsError> {
        let amount = self.money()?.ok_or(ClaimsError::Field("amount"))?;
        let currency = amount.currency();
        let house = (House::Cash.account(currency), None);
        let (from_house, to_house) = match kind {
            MovementKind::Deposit => (true, false),
            MovementKind::Withdrawal => (false, true),
            MovementKind::Transfer => (false, false),
            // The opposite of cash in or out, or of a transfer: one side at least is a customer's.
            MovementKind::Reversal => (self.from.is_none(), self.to.is_none()),
        };
        if from_house && to_house {
            return Err(ClaimsError::Field("from"));
        }
        let side = |side: &Option<Side>, is_house, field| match (side, is_house) {
            (None, true) => Ok(house),
            (Some(side), false) => {
                let account = AccountNumber::parse(&side.account).ok();
                let balance = parse_balance(&side.balance, currency);
                match (account, balance) {
                    (Some(account), Some(balance)) => Ok((account, Some(balance))),
                    _ => Err(ClaimsError::Field(field)),
                }
            }
            _ => Err(ClaimsError::Field(field)),
        };
        let (debit, debit_after) = side(&self.from, from_house, "from")?;
        let (credit, credit_after) = side(&self.to, to_house, "to")?;
        let transfer = self.transfer()?.ok_or(ClaimsError::Field("transfer"))?;
        let reverses = self.reverses.as_deref().map(TransferId::parse).transpose();
        let reverses = reverses.map_err(|_| ClaimsError::Field("reverses"))?;
        if (kind == MovementKind::Reversal) != reverses.is_some() {
            return Err(ClaimsError::Field("reverses"));
        }
        let moved = Moved { debit, credit, amount, reverses };
        Ok(Movement { transfer, moved, debit_after, credit_after })
    }

    fn opening(&self) -> Result<Effect, ClaimsError> {
        let account = self.account.as_deref().and_then(|text| AccountNumber::parse(text).ok());
        let account = account.ok_or(ClaimsError::Field("account"))?;
        let deposit = match (self.transfer()?, self.money()?) {
            (None, None) => None,
            (Some(transfer), Some(amount)) => Some((transfer, amount)),
            (None, Some(_)) => return Err(ClaimsError::Field("transfer")),
            (Some(_), None) => return Err(ClaimsError::Field("amount")),
        };
        Ok(Effect::Opened { account, deposit })
    }

    fn batch(&self) -> Result<Effect, ClaimsError> {
        if self.transfer.is_some() || self.amount.is_some() || self.currency.is_some() {
            return Err(ClaimsError::Field("kind"));
        }
        let digest = self.digest.as_deref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let digest = digest.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        Ok(Effect::Batch {
            accepted: self.accepted.ok_or(ClaimsError::Field("accepted"))?,
            refused: self.refused.ok_or(ClaimsError::Field("refused"))?,
            digest: digest.ok_or(ClaimsError::Field("digest"))?,
        })
    }

    fn transfer(&self) -> Result<Option<TransferId>, ClaimsError> {
        let parsed = self.transfer.as_deref().map(TransferId::parse).transpose();
        parsed.map_err(|_| ClaimsError::Field("transfer"))
    }

    fn money(&self) -> Result<Option<Amount>, ClaimsError> {
        let (amount, currency) = match (&self.amount, &self.currency) {
            (None, None) => return Ok(None),
            (Some(amount), Some(currency)) => (amount, currency),
            _ => return Err(ClaimsError::Field("currency")),
        };
        let currency = Currency::parse(currency).map_err(|_| ClaimsError::Field("currency"))?;
        let amount = Amount::parse(amount, currency).map_err(|_| ClaimsError::Field("amount"))?;
        Ok(Some(amount))
    }
}

/// Reads what [`Balance`] writes: all decimals of the currency, a minus sign when below zero.
fn parse_balance(text: &str, currency: Currency) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let minor: i64 = format!("{whole}{fraction}").parse().ok()?;
    (Balance::new(minor, currency).to_string() == text).then_some(minor)
}
