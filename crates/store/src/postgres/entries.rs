//! Entries and what statements are made of.
//!
//! How an entry is found is in `migrations/postgres/0001_posting.sql` (`entries_back`).

use ledger::{AccountNumber, Balance, Currency, OperationId, TransferId};
use tokio_postgres::Row;

use crate::STATEMENT_ENTRIES_MAX;
use crate::error::Error;
use crate::model::{AccountView, Entry, Extract, Page, Period};
use crate::postgres::row::{self, get};
use crate::postgres::{Database, Params, accounts};

/// The columns that [`entry`] reads, of the entries `e`, and what else is asked for.
macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "select e.number, e.transfer, t.operation, e.booked_at, t.description, o.kind, ",
            "case when t.debit = e.account then t.credit else t.debit end, e.amount, e.balance, ",
            "o.user_id, r.reverses, b.transfer",
            $rest
        )
    };
}

const BACK: &str = select_entries!(
    " from entries_back($1, $2, $3) e join transfers t on t.id = e.transfer \
     join operations o on o.id = t.operation left join reversals r on r.transfer = t.id \
     left join reversals b on b.reverses = t.id order by e.number desc"
);
/// A period and its entries: one statement, so one snapshot and one round trip. The newest ($2),
/// the numbers from $3 to $4, or those booked from $5 and before $6 up to number $7. With them
/// comes the entry before the period, alone if there are more than $8. What finds the period is
/// materialized: put into the rows it would be looked for again with each of them.
const EXTRACT: &str = concat!(
    "with account as materialized (select entry_count + 1 as past from accounts \
         where number = $1), ",
    "start as materialized (select past, \
         case when $2::bigint is not null then greatest(past - $2, 1) ",
    "when $3::bigint is not null then greatest(least($3, past), 1) ",
    "else entry_booked_from($1, $5) end as first from account), ",
    "period as materialized (select past, first, greatest(first, least(past, case ",
    "when $2 is not null then past when $3 is not null then $4::bigint + 1 ",
    "else least(entry_booked_from($1, $6), coalesce($7::bigint + 1, past)) end)) as behind ",
    "from start) ",
    select_entries!(
        ", p.first - 1, p.behind - p.first, p.behind < p.past \
         from period p left join lateral entries_back($1, \
         case when p.behind - p.first > $8 then p.first - 1 else p.behind - 1 end, \
         case when p.behind - p.first > $8 then 1 else p.behind - p.first + 1 end) e on true \
         left join transfers t on t.id = e.transfer left join operations o on o.id = t.operation \
         left join reversals r on r.transfer = t.id left join reversals b on b.reverses = t.id \
         order by e.number"
    )
);

pub(crate) async fn list(
    db: &Database,
    account: AccountNumber,
    before: Option<i64>,
    limit: u32,
) -> Result<Option<Page<Entry>>, Error> {
    let Some(view) = accounts::find(db, account).await? else { return Ok(None) };
    let top = before.map_or(view.account.entry_count, |before| before.saturating_sub(1));
    let rows = back(db, &view, top, i64::from(limit) + 1).await?;
    Ok(Some(Page::cut(rows, limit, |entry| entry.number)))
}

pub(crate) async fn extract(
    db: &Database,
    number: AccountNumber,
    period: Period,
) -> Result<Option<Extract>, Error> {
    // Of the account nothing is used below but what never changes.
    let Some(account) = accounts::find(db, number).await? else { return Ok(None) };
    let (mut last, mut numbers, mut booked, mut known) = (None, (None, None), (None, None), None);
    match period {
        Period::Last(count) => last = Some(i64::from(count)),
        Period::Numbers { first, last: end } => {
            numbers = (Some(first), Some(end.min(i64::MAX - 1)));
        }
        Period::Booked { from, until, up_to } => {
            booked = (Some(from), Some(until));
            known = up_to.map(|up_to| up_to.min(i64::MAX - 1));
        }
    }
    let max = i64::from(STATEMENT_ENTRIES_MAX);
    let params: Params<'_> =
        &[&number.get(), &last, &numbers.0, &numbers.1, &booked.0, &booked.1, &known, &max];
    let rows = db.read(EXTRACT, params).await?;
    read_extract(&rows, account).map(Some)
}

fn read_extract(rows: &[Row], account: AccountView) -> Result<Extract, Error> {
    let currency = account.account.currency;
    let mut opening = Balance::new(0, currency);
    let Some(row) = rows.first() else {
        // The account is there, so there is one row at least.
        return Err(Error::Unavailable { reason: "a period cannot be read", source: None });
    };
    let (before, entry_count): (i64, i64) = (get(row, 12)?, get(row, 13)?);
    let is_passed = get(row, 14)?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        if get::<Option<i64>>(row, 0)?.is_some() {
            entries.push(entry(row, currency)?);
        }
    }
    if before > 0 && !entries.is_empty() {
        opening = entries.remove(0).balance;
    }
    let is_whole = entry_count <= i64::from(STATEMENT_ENTRIES_MAX);
    let entries = is_whole.then_some(entries);
    Ok(Extract { before, opening, entry_count, entries, is_passed, account })
}

/// At most `limit` entries from number `top` back, newest first.
async fn back(
    db: &Database,
    view: &AccountView,
    top: i64,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let top = top.min(view.account.entry_count);
    if top < 1 || limit < 1 {
        return Ok(Vec::new());
    }
    let params: Params<'_> = &[&view.account.number.get(), &top, &limit];
    let rows = db.read(BACK, params).await?;
    rows.iter().map(|row| entry(row, view.account.currency)).collect()
}

fn entry(row: &Row, currency: Currency) -> Result<Entry, Error> {
    Ok(Entry {
        number: get(row, 0)?,
        transfer: TransferId::new(get(row, 1)?),
        operation: OperationId::new(get(row, 2)?),
        booked_at: get(row, 3)?,
        description: get(row, 4)?,
        kind: get(row, 5)?,
        counterparty: AccountNumber::new(get(row, 6)?),
        amount: Balance::new(get(row, 7)?, currency),
        balance: Balance::new(get(row, 8)?, currency),
        user: row::user(row, 9)?,
        reverses: get::<Option<i64>>(row, 10)?.map(TransferId::new),
        reversed_by: get::<Option<i64>>(row, 11)?.map(TransferId::new),
    })
}
