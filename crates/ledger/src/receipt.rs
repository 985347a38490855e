//! Receipts: the bank's signed word that an operation is in the books.
//!
//! A receipt is a JWS in compact serialisation (RFC 7515) signed with Ed25519 (RFC 8037), so that
//! any JOSE library verifies it with the bank's public keys (a JWK set, RFC 7517). After a
//! disaster the receipts that clients kept say whether the books still hold all that the bank
//! acknowledged.
//!
//! Guarantees: pure; the same receipt has the same bytes and the same signature; the signed text
//! is compared with the books field by field ([`Effect`]); a receipt names accounts, never people:
//! no name, social security number or description. Deliberately not here: randomness, files,
//! clocks, the look-up in the books.

mod claims;
mod jws;
mod keys;
#[cfg(test)]
mod tests;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::answer::{Answer, LegAnswer};
use crate::house::House;
use crate::id::{AccountNumber, IdempotencyKey, OperationId, TransferId};
use crate::money::{Amount, Balance};
use crate::operation::Request;

pub use claims::ClaimsError;
pub use jws::{Signer, VerifyError};
pub use keys::{KeyError, PublicKeys, SigningKeys};

/// What one receipt attests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The operation in the books.
    pub operation: OperationId,
    /// The key it was asked under.
    pub key: IdempotencyKey,
    /// What it did.
    pub effect: Effect,
    /// When it was booked: milliseconds since 1970-01-01 UTC, by the books.
    pub booked_at_ms: i64,
    /// The server that signed.
    pub server: Box<str>,
    /// What the commit had to reach before it was acknowledged.
    pub durability: Durability,
    /// Where the commit is in the database's log; `None` for the embedded database, and when an
    /// earlier operation is attested again.
    pub position: Option<Position>,
}

/// How far a commit must have got before the bank says that it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk of one machine.
    Machine,
    /// On a second machine of the same region; the other region follows later.
    Zone,
    /// On a machine of each region.
    Region,
    /// As far as the database server is set up to carry it, which the bank does not know.
    Server,
}

impl Durability {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::Machine, Self::Zone, Self::Region, Self::Server];

    /// The word in receipts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Zone => "zone",
            Self::Region => "region",
            Self::Server => "server",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == word)
    }
}

/// A place in the log of a database cluster: the history it belongs to, and how far along.
///
/// Two positions can be ordered only on one timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// PostgreSQL's timeline: a failover begins a new one.
    pub timeline: u32,
    /// PostgreSQL's log sequence number, in bytes.
    pub lsn: u64,
}

impl Position {
    /// Reads the text of a log sequence number, such as `0/16B3740`.
    #[must_use]
    pub fn parse_lsn(text: &str) -> Option<u64> {
        let (high, low) = text.split_once('/')?;
        let half = |text: &str| {
            let digits = (1..=8).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
            if digits { u64::from_str_radix(text, 16).ok() } else { None }
        };
        Some((half(high)? << 32) | half(low)?)
    }

    /// The log sequence number as PostgreSQL writes it.
    #[must_use]
    pub fn lsn_text(self) -> String {
        format!("{:X}/{:X}", self.lsn >> 32, self.lsn & 0xffff_ffff)
    }
}

/// The kind of an operation that moves money once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// Cash in.
    Deposit,
    /// Cash out.
    Withdrawal,
    /// Between two customers' accounts.
    Transfer,
    /// The opposite of an earlier transfer, see [`Moved::reverses`].
    Reversal,
}

impl MovementKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Deposit, Self::Withdrawal, Self::Transfer, Self::Reversal];

    /// The word in books and receipts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::Transfer => "transfer",
            Self::Reversal => "reversal",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == word)
    }
}

/// A transfer without its words: what moved from where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Where the money left.
    pub debit: AccountNumber,
    /// Where it went.
    pub credit: AccountNumber,
    /// How much.
    pub amount: Amount,
    /// The transfer that it takes back, if it is a reversal.
    pub reverses: Option<TransferId>,
}

/// A transfer as the books hold it, with the balances after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// Its id.
    pub transfer: TransferId,
    /// What moved.
    pub moved: Moved,
    /// The balance of the debited account in minor units; `None` for house accounts.
    pub debit_after: Option<i64>,
    /// The balance of the credited account in minor units; `None` for house accounts.
    pub credit_after: Option<i64>,
}

/// What an operation did to the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Money moved once.
    Movement(MovementKind, Movement),
    /// An account was opened, perhaps with a deposit.
    Opened {
        /// Its number.
        account: AccountNumber,
        /// The opening deposit.
        deposit: Option<(TransferId, Amount)>,
    },
    /// Many transfers under one key.
    Batch {
        /// How many are in the books.
        accepted: u64,
        /// How many were refused.
        refused: u64,
        /// SHA-256 over the accepted ones, see [`batch_digest`].
        digest: [u8; 32],
    },
}

impl Effect {
    /// What a decided operation did: its kind's word, its answer, and what moved in each accepted
    /// transfer, in their order. `None` if nothing happened (a refusal earns no receipt) or if
    /// the parts do not fit together.
    #[must_use]
    pub fn of(kind: &str, answer: &Answer, moved: &[Moved]) -> Option<Self> {
        match answer {
            Answer::OpenRefused(_) => None,
            Answer::Opened { account, deposit } => {
                let deposit = match (deposit, moved) {
                    (None, []) => None,
                    (Some(transfer), [moved]) => Some((*transfer, moved.amount)),
                    _ => return None,
                };
                (kind == "open_account").then_some(Self::Opened { account: *account, deposit })
            }
            Answer::Legs(legs) => {
                let movements = movements(legs, moved)?;
                if kind == "batch" {
                    let accepted = u64::try_from(movements.len()).ok()?;
                    let refused = u64::try_from(legs.len()).ok()?.checked_sub(accepted)?;
                    let digest = batch_digest(&movements);
                    return (accepted > 0).then_some(Self::Batch { accepted, refused, digest });
                }
                let [movement] = movements.as_slice() else { return None };
                let kind = MovementKind::parse(kind)?;
                let fits = (kind == MovementKind::Reversal) == movement.moved.reverses.is_some();
                fits.then_some(Self::Movement(kind, *movement))
            }
        }
    }

    /// The word for the kind of operation.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Movement(kind, _) => kind.as_str(),
            Self::Opened { .. } => "open_account",
            Self::Batch { .. } => "batch",
        }
    }
}

impl Receipt {
    /// The first field in which the books say something else, by its name in receipts. `operation`
    /// and what follows are what the books hold under the receipt's key.
    #[must_use]
    pub fn difference(
        &self,
        operation: OperationId,
        booked_at_ms: i64,
        effect: Option<&Effect>,
    ) -> Option<&'static str> {
        if self.operation != operation {
            return Some("operation");
        }
        if self.booked_at_ms != booked_at_ms {
            return Some("booked_at_ms");
        }
        match effect {
            Some(effect) if effect.kind() == self.effect.kind() => {
                (self.effect != *effect).then(|| self.effect.difference(effect))
            }
            _ => Some("kind"),
        }
    }
}

impl Effect {
    /// Where two unequal effects of one kind differ.
    fn difference(&self, other: &Self) -> &'static str {
        match (self, other) {
            (Self::Movement(_, ours), Self::Movement(_, theirs)) => {
                let (one, two) = (&ours.moved, &theirs.moved);
                [
                    ("transfer", ours.transfer == theirs.transfer),
                    ("from", one.debit == two.debit && ours.debit_after == theirs.debit_after),
                    ("to", one.credit == two.credit && ours.credit_after == theirs.credit_after),
                    ("currency", one.amount.currency() == two.amount.currency()),
                    ("reverses", one.reverses == two.reverses),
                ]
                .into_iter()
                .find_map(|(name, equal)| (!equal).then_some(name))
                .unwrap_or("amount")
            }
            (Self::Opened { account, .. }, Self::Opened { account: other, .. }) => {
                if account == other { "amount" } else { "account" }
            }
            (
                Self::Batch { accepted, refused, .. },
                Self::Batch { accepted: a, refused: r, .. },
            ) => {
                if (accepted, refused) == (a, r) {
                    "digest"
                } else {
                    "accepted"
                }
            }
            _ => "kind",
        }
    }
}

impl Request {
    /// What moves if all of it is accepted; an opening's deposit goes to `opened`. Of a reversal
    /// only the books know.
    #[must_use]
    pub fn movements(&self, opened: Option<AccountNumber>) -> Vec<Moved> {
        if let Self::Open(opening) = self {
            let deposit = opening.deposit.zip(opened).map(|(amount, credit)| Moved {
                debit: House::Cash.account(amount.currency()),
                credit,
                amount,
                reverses: None,
            });
            return deposit.into_iter().collect();
        }
        let moved = |leg: &crate::Leg| Moved {
            debit: leg.debit,
            credit: leg.credit,
            amount: leg.amount,
            reverses: None,
        };
        self.legs().iter().map(moved).collect()
    }
}

/// Of what was asked for, what the answer accepted.
#[must_use]
pub fn accepted(answer: &Answer, asked: &[Moved]) -> Vec<Moved> {
    let Answer::Legs(legs) = answer else { return asked.to_vec() };
    let fates = legs.iter().zip(asked);
    fates.filter(|(leg, _)| is_accepted(leg)).map(|(_, moved)| *moved).collect()
}

const fn is_accepted(leg: &LegAnswer) -> bool {
    match leg {
        LegAnswer::Accepted { .. } => true,
        LegAnswer::Refused(_) => false,
    }
}

/// Joins accepted answers with what moved; `None` if their numbers differ.
fn movements(legs: &[LegAnswer], moved: &[Moved]) -> Option<Vec<Movement>> {
    let mut rest = moved.iter();
    let mut movements = Vec::with_capacity(moved.len());
    for leg in legs {
        if let LegAnswer::Accepted { transfer, debit_after, credit_after } = *leg {
            let moved = *rest.next()?;
            movements.push(Movement { transfer, moved, debit_after, credit_after });
        }
    }
    rest.next().is_none().then_some(movements)
}

/// SHA-256 over one line for each accepted transfer, in order, each ended by a line feed:
/// transfer, debited account, credited account, amount, currency, both balances after it;
/// decimals as in answers, one space between. A client makes the same lines from its request and
/// the answer's results.
#[must_use]
pub fn batch_digest(movements: &[Movement]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut line = String::new();
    for Movement { transfer, moved, debit_after, credit_after } in movements {
        line.clear();
        let currency = moved.amount.currency();
        let after = |minor: &Option<i64>| Balance::new(minor.unwrap_or_default(), currency);
        // Writing into a text cannot fail.
        let _ = fmt::Write::write_fmt(
            &mut line,
            format_args!(
                "{transfer} {} {} {} {currency} {} {}\n",
                moved.debit,
                moved.credit,
                moved.amount,
                after(debit_after),
                after(credit_after),
            ),
        );
        hash.update(&line);
    }
    hash.finalize().into()
}
