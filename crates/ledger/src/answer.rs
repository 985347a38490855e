//! The answer to an operation, and its stored form.
//!
//! The stored form is what a repeated key gets, so it holds all that was said the first time. It
//! is a version byte and then, for each transfer, a tag and variable-length numbers: some 15
//! bytes a transfer, because a batch stores 8,000 of them under one key.
//!
//! A database that decides for itself writes the wide form, whose numbers are eight bytes, most
//! significant first: [`Answer::decode`] reads both.

use crate::id::{AccountNumber, TransferId};
use crate::operation::Refusal;

/// What was decided for one transfer. Balances are minor units of the transfer's currency and
/// `None` for house accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegAnswer {
    /// It is in the books.
    Accepted {
        /// Its id.
        transfer: TransferId,
        /// The balance of the debited account after it.
        debit_after: Option<i64>,
        /// The balance of the credited account after it.
        credit_after: Option<i64>,
    },
    /// The books are as if it had not been asked.
    Refused(Refusal),
}

/// What was decided for an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An account was opened.
    Opened {
        /// Its number.
        account: AccountNumber,
        /// The opening deposit, if there was one.
        deposit: Option<TransferId>,
    },
    /// No account was opened.
    OpenRefused(Refusal),
    /// Each transfer's fate, in the order of the request.
    Legs(Vec<LegAnswer>),
}

/// A stored answer that cannot be read: the books are damaged or newer than this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored answer cannot be read")]
pub struct AnswerUnreadable;

const OPENED: u8 = 1;
const OPENED_WITH_DEPOSIT: u8 = 2;
const OPEN_REFUSED: u8 = 3;
const LEGS: u8 = 4;
/// Added to the version byte: the numbers are eight bytes each.
const WIDE: u8 = 0x10;

impl Answer {
    /// The transfers that it says are in the books, in their order.
    pub fn transfers(&self) -> impl Iterator<Item = TransferId> {
        let (opened, legs) = match self {
            Self::Opened { deposit, .. } => (*deposit, [].as_slice()),
            Self::OpenRefused(_) => (None, [].as_slice()),
            Self::Legs(legs) => (None, legs.as_slice()),
        };
        opened.into_iter().chain(legs.iter().filter_map(|leg| match leg {
            LegAnswer::Accepted { transfer, .. } => Some(*transfer),
            LegAnswer::Refused(_) => None,
        }))
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Opened { account, deposit: None } => number(vec![OPENED], account.get()),
            Self::Opened { account, deposit: Some(transfer) } => {
                number(number(vec![OPENED_WITH_DEPOSIT], account.get()), transfer.get())
            }
            Self::OpenRefused(refusal) => vec![OPEN_REFUSED, refusal.code()],
            Self::Legs(legs) => {
                let mut out = Vec::with_capacity(legs.len().saturating_mul(16).saturating_add(1));
                out.push(LEGS);
                legs.iter().fold(out, encode_leg)
            }
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`AnswerUnreadable`] for anything that [`Self::encode`] does not write.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, AnswerUnreadable> {
        let input = &mut bytes;
        let version = take_byte(input)?;
        let take_number: TakeNumber =
            if version & WIDE == 0 { take_number } else { take_wide_number };
        let answer = match version & !WIDE {
            OPENED => {
                Self::Opened { account: AccountNumber::new(take_number(input)?), deposit: None }
            }
            OPENED_WITH_DEPOSIT => Self::Opened {
                account: AccountNumber::new(take_number(input)?),
                deposit: Some(TransferId::new(take_number(input)?)),
            },
            OPEN_REFUSED => {
                Self::OpenRefused(Refusal::from_code(take_byte(input)?).ok_or(AnswerUnreadable)?)
            }
            LEGS => {
                let mut legs = Vec::new();
                while !input.is_empty() {
                    legs.push(decode_leg(input, take_number)?);
                }
                Self::Legs(legs)
            }
            _ => return Err(AnswerUnreadable),
        };
        if input.is_empty() { Ok(answer) } else { Err(AnswerUnreadable) }
    }
}

/// Tags: a refusal is its code (below 0x80); an accepted transfer is 0x80 with bit 0 for a
/// debit balance and bit 1 for a credit balance.
const ACCEPTED: u8 = 0x80;

fn encode_leg(mut out: Vec<u8>, leg: &LegAnswer) -> Vec<u8> {
    match *leg {
        LegAnswer::Refused(refusal) => out.push(refusal.code()),
        LegAnswer::Accepted { transfer, debit_after, credit_after } => {
            let tag = u8::from(debit_after.is_some()) | (u8::from(credit_after.is_some()) << 1);
            out.push(ACCEPTED | tag);
            out = number(out, transfer.get());
            for balance in [debit_after, credit_after].into_iter().flatten() {
                out = number(out, balance);
            }
        }
    }
    out
}

type TakeNumber = fn(&mut &[u8]) -> Result<i64, AnswerUnreadable>;

fn decode_leg(input: &mut &[u8], take_number: TakeNumber) -> Result<LegAnswer, AnswerUnreadable> {
    let tag = take_byte(input)?;
    if tag & ACCEPTED == 0 {
        return Refusal::from_code(tag).map(LegAnswer::Refused).ok_or(AnswerUnreadable);
    }
    let transfer = TransferId::new(take_number(input)?);
    let debit_after = if tag & 1 != 0 { Some(take_number(input)?) } else { None };
    let credit_after = if tag & 2 != 0 { Some(take_number(input)?) } else { None };
    Ok(LegAnswer::Accepted { transfer, debit_after, credit_after })
}

/// Appends a signed number as zigzag LEB128 (as Protocol Buffers' sint64).
fn number(mut out: Vec<u8>, value: i64) -> Vec<u8> {
    let mut rest = (value.unsigned_abs() << 1).wrapping_sub(u64::from(value < 0));
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or(0);
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn take_number(input: &mut &[u8]) -> Result<i64, AnswerUnreadable> {
    let mut value = 0_u64;
    for shift in (0..=63).step_by(7) {
        let byte = take_byte(input)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let half = i64::try_from(value >> 1).map_err(|_| AnswerUnreadable)?;
            return Ok(if value & 1 == 0 { half } else { !half });
        }
    }
    Err(AnswerUnreadable)
}

fn take_wide_number(input: &mut &[u8]) -> Result<i64, AnswerUnreadable> {
    let (number, rest) = input.split_first_chunk().ok_or(AnswerUnreadable)?;
    *input = rest;
    Ok(i64::from_be_bytes(*number))
}

fn take_byte(input: &mut &[u8]) -> Result<u8, AnswerUnreadable> {
    let (first, rest) = input.split_first().ok_or(AnswerUnreadable)?;
    *input = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leg() -> impl Strategy<Value = LegAnswer> {
        prop_oneof![
            (0..Refusal::ALL.len()).prop_map(|index| LegAnswer::Refused(Refusal::ALL[index])),
            (1..i64::MAX, any::<Option<i64>>(), any::<Option<i64>>()).prop_filter_map(
                "the books end one above the smallest number",
                |(transfer, debit_after, credit_after)| {
                    let small = [debit_after, credit_after].contains(&Some(i64::MIN));
                    (!small).then_some(LegAnswer::Accepted {
                        transfer: TransferId::new(transfer),
                        debit_after,
                        credit_after,
                    })
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(legs in proptest::collection::vec(leg(), 0..20)) {
            let answer = Answer::Legs(legs);
            prop_assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }

        #[test]
        fn damage_is_an_error_not_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(answer) = Answer::decode(&bytes) {
                prop_assert!(Answer::decode(&answer.encode()) == Ok(answer));
            }
        }
    }

    #[test]
    fn the_wide_form_is_read() {
        let bytes = |parts: &[&[u8]]| parts.concat();
        let (transfer, left, right) = (7_i64.to_be_bytes(), (-5_i64).to_be_bytes(), [0; 8]);
        let legs = bytes(&[&[0x14, 4, 0x83], &transfer, &left, &right, &[0x80], &transfer]);
        let accepted = |debit_after, credit_after| LegAnswer::Accepted {
            transfer: TransferId::new(7),
            debit_after,
            credit_after,
        };
        let refused = LegAnswer::Refused(Refusal::InsufficientFunds);
        let expect = vec![refused, accepted(Some(-5), Some(0)), accepted(None, None)];
        assert_eq!(Answer::decode(&legs), Ok(Answer::Legs(expect)));
        assert_eq!(Answer::decode(&legs[..legs.len() - 1]), Err(AnswerUnreadable));
        let account = AccountNumber::new(AccountNumber::FIRST);
        let number = account.get().to_be_bytes();
        let deposit = Some(TransferId::new(7));
        for (bytes, expect) in [
            (bytes(&[&[0x11], &number]), Answer::Opened { account, deposit: None }),
            (bytes(&[&[0x12], &number, &transfer]), Answer::Opened { account, deposit }),
            (vec![0x13, 9], Answer::OpenRefused(Refusal::AccountKindTaken)),
        ] {
            assert_eq!(Answer::decode(&bytes), Ok(expect));
        }
    }

    #[test]
    fn openings_are_read_back() {
        let account = AccountNumber::new(AccountNumber::FIRST);
        for answer in [
            Answer::Opened { account, deposit: None },
            Answer::Opened { account, deposit: Some(TransferId::new(7)) },
            Answer::OpenRefused(Refusal::AccountKindTaken),
        ] {
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
    }
}
