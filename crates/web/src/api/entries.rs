//! Entries by the API.

use ledger::Balance;
use serde::Serialize;
use store::Entry;
use utoipa::ToSchema;

use super::accounts::unknown;
use super::answer::{Digits, Sum, Time, json};
use super::cursor::{self, List};
use super::money::Money;
use crate::call::Call;
use crate::openapi::Doc;
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] =
    &[Route::get("/api/v1/accounts/{number}/entries", Access::ENTRIES, handler!(entries)).doc(
        Doc::new("The entries of an account, newest first")
            .query(&[("cursor", "from the page before"), ("limit", "1 to 500")])
            .ok::<EntriesOut<'static>>()
            .problems(&[404]),
    )];

#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
struct EntryOut<'a> {
    number: i64,
    transfer: Digits,
    operation: Digits,
    booked_at: Time,
    description: &'a str,
    kind: &'a str,
    /// `credit` or `debit`.
    direction: &'static str,
    /// Left out when the other side is the bank itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    counterparty: Option<Digits>,
    #[schema(value_type = Money)]
    amount: Sum,
    /// After this entry.
    #[schema(value_type = Money)]
    balance: Sum,
    /// The transfer that a reversal takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<Digits>,
    /// The reversal that takes this transfer back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reversed_by: Option<Digits>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Entries)]
struct EntriesOut<'a> {
    entries: Vec<EntryOut<'a>>,
    next_cursor: Option<String>,
}

impl<'a> EntryOut<'a> {
    fn new(entry: &'a Entry) -> Self {
        let minor = entry.amount.minor();
        let amount = Balance::new(minor.checked_abs().unwrap_or(i64::MAX), entry.amount.currency());
        let counterparty = entry.counterparty;
        Self {
            number: entry.number,
            transfer: Digits(entry.transfer.get()),
            operation: Digits(entry.operation.get()),
            booked_at: Time(entry.booked_at),
            description: &entry.description,
            kind: &entry.kind,
            direction: if minor < 0 { "debit" } else { "credit" },
            counterparty: (!counterparty.is_house()).then(|| Digits(counterparty.get())),
            amount: Sum(amount),
            balance: Sum(entry.balance),
            reverses: entry.reverses.map(|transfer| Digits(transfer.get())),
            reversed_by: entry.reversed_by.map(|transfer| Digits(transfer.get())),
        }
    }
}

async fn entries(call: Call) -> Handled {
    let query = call.query();
    query.only(&["cursor", "limit"])?;
    let (before, limit) = cursor::page(List::Entries, &query)?;
    let page = call.books.entries(call.account()?, before, limit).await?;
    let page = page.ok_or_else(unknown)?;
    Ok(json(&EntriesOut {
        entries: page.rows.iter().map(EntryOut::new).collect(),
        next_cursor: page.next.map(|place| cursor::encode(List::Entries, place)),
    }))
}
