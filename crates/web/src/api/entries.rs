//! Entries and statements by the API.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use ledger::{AccountNumber, Balance};
use serde::Serialize;
use store::{Entry, Period};
use utoipa::ToSchema;

use super::accounts::unknown;
use super::answer::{Digits, Sum, Time, json};
use super::cursor::{self, List};
use super::money::Money;
use crate::call::Call;
use crate::fields::Fields;
use crate::openapi::Doc;
use crate::problem::Problem;
use crate::route::{Access, Handled, Route, handler};

/// The most entries of a statement by number (the old bank's three digits).
pub(crate) const LAST_MAX: u32 = 999;
/// What a statement shows unless asked otherwise.
pub(crate) const LAST_DEFAULT: u32 = 20;

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/api/v1/accounts/{number}/entries", Access::ENTRIES, handler!(entries)).doc(
        Doc::new("The entries of an account, newest first")
            .query(&[("cursor", "from the page before"), ("limit", "1 to 500")])
            .ok::<EntriesOut<'static>>()
            .problems(&[404]),
    ),
    Route::get("/api/v1/accounts/{number}/statement", Access::ENTRIES, handler!(statement)).doc(
        Doc::new("A statement: the last entries, or those of a range of days in UTC")
            .query(&[
                ("last", "1 to 999"),
                ("from", "first day, YYYY-MM-DD"),
                ("to", "last day, YYYY-MM-DD"),
            ])
            .ok::<StatementOut<'static>>()
            .problems(&[404]),
    ),
];

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

#[derive(Serialize, ToSchema)]
#[schema(as = Statement)]
struct StatementOut<'a> {
    account: Digits,
    #[schema(value_type = Money)]
    opening_balance: Sum,
    /// Oldest first.
    entries: Vec<EntryOut<'a>>,
    #[schema(value_type = Money)]
    closing_balance: Sum,
    from: Option<String>,
    to: Option<String>,
    /// Whether entries were left out because there are more than a statement holds.
    truncated: bool,
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
    let page = call.server.store.entries(call.account()?, before, limit).await?;
    let page = page.ok_or_else(unknown)?;
    Ok(json(&EntriesOut {
        entries: page.rows.iter().map(EntryOut::new).collect(),
        next_cursor: page.next.map(|place| cursor::encode(List::Entries, place)),
    }))
}

async fn statement(call: Call) -> Handled {
    let query = call.query();
    query.only(&["last", "from", "to"])?;
    let asked = Asked::parse(&query)?;
    let statement = find(&call, call.account()?, &asked).await?;
    Ok(json(&StatementOut {
        account: Digits(statement.account.account.number.get()),
        opening_balance: Sum(statement.opening),
        entries: statement.entries.iter().map(EntryOut::new).collect(),
        closing_balance: Sum(statement.closing),
        from: asked.from.map(|day| day.to_string()),
        to: asked.to.map(|day| day.to_string()),
        truncated: statement.truncated,
    }))
}

/// Reads a statement.
pub(crate) async fn find(
    call: &Call,
    account: AccountNumber,
    asked: &Asked,
) -> Result<store::Statement, Problem> {
    call.server.store.statement(account, asked.period).await?.ok_or_else(unknown)
}

/// Which statement is asked for.
pub(crate) struct Asked {
    pub(crate) period: Period,
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
}

impl Asked {
    /// Reads `last`, or `from` and `to` (either may be open); days are those of UTC.
    pub(crate) fn parse(query: &Fields) -> Result<Self, Problem> {
        let last = query.count("last", LAST_MAX)?;
        let from = day(query, "from")?;
        let to = day(query, "to")?;
        if from.is_none() && to.is_none() {
            let period = Period::Last(last.unwrap_or(LAST_DEFAULT));
            return Ok(Self { period, from, to });
        }
        if last.is_some() {
            return Err(Problem::field("last", "must not be given with from or to"));
        }
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Problem::field("to", "must not be before from"));
        }
        let begin = from.map_or(0, |day| midnight_ms(Some(day)));
        let end = to.map_or(i64::MAX, |day| midnight_ms(day.checked_add(1.day()).ok()));
        Ok(Self { period: Period::Between(begin, end), from, to })
    }
}

fn day(query: &Fields, name: &'static str) -> Result<Option<Date>, Problem> {
    let Some(text) = query.find(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match text.parse::<Date>() {
        Ok(day) if plain => Ok(Some(day)),
        _ => Err(Problem::field(name, "must be a day such as 2026-11-23")),
    }
}

fn midnight_ms(day: Option<Date>) -> i64 {
    day.and_then(|day| day.to_zoned(TimeZone::UTC).ok())
        .map_or(i64::MAX, |midnight| Timestamp::from(&midnight).as_millisecond())
}
