//! Entries and what statements are made of. Each call reads one snapshot.
//!
//! An account's entries are a list from the newest back; every [`MARK_EVERY`]th is marked, so any
//! entry is at most that many steps from a known one. Booking times never go back along the
//! numbers, so the first entry of a period is found by halving: no index on time is kept.

use ledger::{Account, AccountNumber, Balance, Currency, OperationId, TransferId};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::STATEMENT_ENTRIES_MAX;
use crate::error::Error;
use crate::model::{AccountView, Entry, Extract, Page, Period, UnixMs};
use crate::sqlite::{accounts, classify, row};

/// How many entries lie between two marks: a mark costs a page of log, a step back a microsecond.
pub(crate) const MARK_EVERY: i64 = 64;

/// From entry ?1 back, at most ?2 entries.
const BACK_FROM: &str = "with recursive list (id, step) as ( \
         select ?1, 1 union all \
         select e.previous, l.step + 1 from list l join entries e on e.id = l.id \
         where e.previous is not null and l.step < ?2) \
     select e.number, e.transfer, t.operation, e.booked_at, t.description, o.kind, \
     case when t.debit = e.account then t.credit else t.debit end, e.amount, e.balance, \
     o.user, r.reverses, b.transfer \
     from list l join entries e on e.id = l.id join transfers t on t.id = e.transfer \
     join operations o on o.id = t.operation left join reversals r on r.transfer = t.id \
     left join reversals b on b.reverses = t.id order by l.step";
const LAST_ENTRY: &str = "select last_entry from accounts where number = ?1";
const MARK_AT_OR_AFTER: &str = "select entry from entry_marks \
     where account = ?1 and number >= ?2 order by number limit 1";
const STEP: &str = "select number, previous, booked_at from entries where id = ?1";

pub(crate) fn list(
    db: &mut Connection,
    account: AccountNumber,
    before: Option<i64>,
    limit: u32,
) -> Result<Option<Page<Entry>>, Error> {
    let db = db.transaction().map_err(classify)?;
    let Some(view) = accounts::find(&db, account)? else { return Ok(None) };
    let top = before.map_or(view.account.entry_count, |before| before.saturating_sub(1));
    let rows = back_from(&db, &view.account, top, i64::from(limit) + 1).map_err(classify)?;
    Ok(Some(Page::cut(rows, limit, |entry| entry.number)))
}

pub(crate) fn extract(
    db: &mut Connection,
    number: AccountNumber,
    period: Period,
) -> Result<Option<Extract>, Error> {
    let db = db.transaction().map_err(classify)?;
    let Some(account) = accounts::find(&db, number)? else { return Ok(None) };
    read_extract(&db, account, period).map(Some).map_err(classify)
}

fn read_extract(
    db: &Connection,
    view: AccountView,
    period: Period,
) -> Result<Extract, rusqlite::Error> {
    let account = &view.account;
    let past = account.entry_count + 1;
    let (first, end) = match period {
        Period::Last(last) => (past.saturating_sub(i64::from(last)).max(1), past),
        Period::Numbers { first, last } => (first.clamp(1, past), last.saturating_add(1)),
        Period::Booked { from, until, up_to } => {
            let end = first_booked_at(db, account, until)?;
            let known = up_to.unwrap_or(i64::MAX - 1).saturating_add(1);
            (first_booked_at(db, account, from)?, end.min(known))
        }
    };
    let end = end.clamp(first, past);
    let (before, entry_count) = (first - 1, end - first);
    let entries = if entry_count > i64::from(STATEMENT_ENTRIES_MAX) {
        None
    } else {
        let mut entries = back_from(db, account, end - 1, entry_count)?;
        entries.reverse();
        Some(entries)
    };
    let opening = balance_after(db, account, before)?;
    Ok(Extract { before, opening, entry_count, entries, is_passed: end < past, account: view })
}

/// The balance after an entry; zero before the first.
fn balance_after(
    db: &Connection,
    account: &Account,
    number: i64,
) -> Result<Balance, rusqlite::Error> {
    let zero = Balance::new(0, account.currency);
    Ok(back_from(db, account, number, 1)?.first().map_or(zero, |entry| entry.balance))
}

/// At most `limit` entries from number `top` back, newest first.
fn back_from(
    db: &Connection,
    account: &Account,
    top: i64,
    limit: i64,
) -> Result<Vec<Entry>, rusqlite::Error> {
    let top = top.min(account.entry_count);
    if top < 1 || limit < 1 {
        return Ok(Vec::new());
    }
    let Some(start) = find(db, account, top)? else { return Ok(Vec::new()) };
    db.prepare_cached(BACK_FROM)?
        .query_map([start.id, limit], |row| entry(row, account.currency))?
        .collect()
}

/// An entry's place in the list.
struct Place {
    id: i64,
    booked_at: UnixMs,
}

/// The entry of a number: from the next mark, or the newest entry, back to it.
fn find(db: &Connection, account: &Account, number: i64) -> Result<Option<Place>, rusqlite::Error> {
    let marked: Option<i64> = db
        .prepare_cached(MARK_AT_OR_AFTER)?
        .query_row([account.number.get(), number], |row| row.get(0))
        .optional()?;
    let mut next = match marked {
        Some(entry) => Some(entry),
        None => {
            db.prepare_cached(LAST_ENTRY)?.query_row([account.number.get()], |row| row.get(0))?
        }
    };
    let mut statement = db.prepare_cached(STEP)?;
    while let Some(id) = next {
        let (here, previous, booked_at): (i64, Option<i64>, UnixMs) =
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if here == number {
            return Ok(Some(Place { id, booked_at }));
        }
        next = previous;
    }
    Ok(None)
}

/// The number of the first entry booked at or after `at`; one past the last if there is none.
fn first_booked_at(db: &Connection, account: &Account, at: UnixMs) -> Result<i64, rusqlite::Error> {
    let (mut low, mut high) = (1, account.entry_count + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let is_before = find(db, account, middle)?.is_some_and(|place| place.booked_at < at);
        if is_before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
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
        user: row::user(row, 9)?,
        reverses: row.get::<_, Option<i64>>(10)?.map(TransferId::new),
        reversed_by: row.get::<_, Option<i64>>(11)?.map(TransferId::new),
    })
}
