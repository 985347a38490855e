//! Entries and statements. Each call reads one snapshot.
//!
//! Booking times never go back along an account's entry numbers, so the first entry of a period
//! is found by halving the numbers: no index on time is kept.

use ledger::{AccountNumber, Balance, Currency, OperationId, TransferId};
use rusqlite::{Connection, Params, Row};

use crate::STATEMENT_ENTRIES_MAX;
use crate::error::Error;
use crate::model::{Entry, Page, Period, Statement, UnixMs};
use crate::sqlite::{accounts, classify};

/// The columns that [`entry`] reads; `$tail` picks and orders the rows.
macro_rules! select_entries {
    ($tail:literal) => {
        concat!(
            "select e.number, e.transfer, t.operation, e.booked_at, t.description, o.kind, ",
            "case when t.debit = e.account then t.credit else t.debit end, e.amount, e.balance ",
            "from entries e join transfers t on t.id = e.transfer ",
            "join operations o on o.id = t.operation where e.account = ?1 ",
            $tail
        )
    };
}

const NEWEST: &str = select_entries!("and e.number < ?2 order by e.number desc limit ?3");
const BETWEEN: &str =
    select_entries!("and e.number >= ?2 and e.number < ?3 order by e.number limit ?4");
const BOOKED_AT: &str = "select booked_at from entries where account = ?1 and number = ?2";
const BALANCE_AT: &str = "select balance from entries where account = ?1 and number = ?2";

pub(crate) fn list(
    db: &mut Connection,
    account: AccountNumber,
    before: Option<i64>,
    limit: u32,
) -> Result<Option<Page<Entry>>, Error> {
    let db = db.transaction().map_err(classify)?;
    let Some(view) = accounts::find(&db, account)? else { return Ok(None) };
    let currency = view.account.currency;
    let before = before.unwrap_or(i64::MAX);
    let rows = rows(&db, NEWEST, [account.get(), before, i64::from(limit) + 1], currency)?;
    Ok(Some(Page::cut(rows, limit, |entry| entry.number)))
}

pub(crate) fn statement(
    db: &mut Connection,
    number: AccountNumber,
    period: Period,
) -> Result<Option<Statement>, Error> {
    let db = db.transaction().map_err(classify)?;
    let Some(account) = accounts::find(&db, number)? else { return Ok(None) };
    let count = account.account.entry_count;
    let (first, end) = match period {
        Period::Last(last) => (count.saturating_sub(i64::from(last)).max(0) + 1, count + 1),
        Period::Between(from, to) => (
            first_booked_at(&db, number, count, from).map_err(classify)?,
            first_booked_at(&db, number, count, to).map_err(classify)?,
        ),
    };
    let limit = i64::from(STATEMENT_ENTRIES_MAX);
    let currency = account.account.currency;
    let entries = rows(&db, BETWEEN, [number.get(), first, end, limit], currency)?;
    let opening = balance_at(&db, number, first - 1).map_err(classify)?;
    let opening = Balance::new(opening, currency);
    let closing = entries.last().map_or(opening, |entry| entry.balance);
    let truncated = end.saturating_sub(first) > limit;
    Ok(Some(Statement { account, opening, entries, closing, truncated }))
}

/// The number of the first entry booked at or after `at`; one past the last if there is none.
fn first_booked_at(
    db: &Connection,
    account: AccountNumber,
    count: i64,
    at: UnixMs,
) -> Result<i64, rusqlite::Error> {
    let mut statement = db.prepare_cached(BOOKED_AT)?;
    let (mut low, mut high) = (1, count + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let booked_at: UnixMs = statement.query_row([account.get(), middle], |row| row.get(0))?;
        if booked_at < at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The balance after an entry; zero before the first.
fn balance_at(
    db: &Connection,
    account: AccountNumber,
    number: i64,
) -> Result<i64, rusqlite::Error> {
    if number < 1 {
        return Ok(0);
    }
    db.prepare_cached(BALANCE_AT)?.query_row([account.get(), number], |row| row.get(0))
}

fn rows(
    db: &Connection,
    sql: &str,
    params: impl Params,
    currency: Currency,
) -> Result<Vec<Entry>, Error> {
    let read = || -> Result<Vec<Entry>, rusqlite::Error> {
        db.prepare_cached(sql)?.query_map(params, |row| entry(row, currency))?.collect()
    };
    read().map_err(classify)
}

fn entry(row: &Row<'_>, currency: Currency) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        number: row.get(0)?,
        transfer: TransferId::new(row.get(1)?),
        operation: OperationId::new(row.get(2)?),
        booked_at: row.get(3)?,
        description: row.get(4)?,
        kind: row.get(5)?,
        counterparty: AccountNumber::new(row.get(6)?),
        amount: Balance::new(row.get(7)?, currency),
        balance: Balance::new(row.get(8)?, currency),
    })
}
