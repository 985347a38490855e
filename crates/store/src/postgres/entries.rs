//! Entries and statements.
//!
//! How an entry is found is in `migrations/postgres/0001_posting.sql` (`entries_back`).

use ledger::{AccountNumber, Balance, Currency, OperationId, TransferId};
use tokio_postgres::Row;

use crate::STATEMENT_ENTRIES_MAX;
use crate::error::Error;
use crate::model::{AccountView, Entry, Page, Period, Statement};
use crate::postgres::row::{self, get};
use crate::postgres::{Database, Params, accounts};

/// The columns that [`entry`] reads, of the entries `e`.
macro_rules! select_entries {
    ($source:literal) => {
        concat!(
            "select e.number, e.transfer, t.operation, e.booked_at, t.description, o.kind, ",
            "case when t.debit = e.account then t.credit else t.debit end, e.amount, e.balance, ",
            "o.user_id, r.reverses, b.transfer ",
            "from ",
            $source,
            " e join transfers t on t.id = e.transfer join operations o on o.id = t.operation ",
            "left join reversals r on r.transfer = t.id ",
            "left join reversals b on b.reverses = t.id ",
            "order by e.number desc"
        )
    };
}

const BACK: &str = select_entries!("entries_back($1, $2, $3)");
const PERIOD: &str = "select entry_booked_from($1, $2), entry_booked_from($1, $3)";

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

/// Entries are never changed and only added at the end, so what is read after the account's row
/// is as it was then: nothing above its count is asked for.
pub(crate) async fn statement(
    db: &Database,
    number: AccountNumber,
    period: Period,
) -> Result<Option<Statement>, Error> {
    let Some(view) = accounts::find(db, number).await? else { return Ok(None) };
    let past = view.account.entry_count + 1;
    let (first, end) = match period {
        Period::Last(last) => (past.saturating_sub(i64::from(last)).max(1), past),
        Period::Between(from, to) => {
            let params: Params<'_> = &[&number.get(), &from, &to];
            match db.read(PERIOD, params).await?.first() {
                None => (past, past),
                Some(row) => {
                    let first = get::<i64>(row, 0)?.min(past);
                    (first, get::<i64>(row, 1)?.min(past).max(first))
                }
            }
        }
    };
    let shown = end.min(first.saturating_add(i64::from(STATEMENT_ENTRIES_MAX)));
    // One more than is shown: the balance before the first.
    let mut entries = back(db, &view, shown - 1, shown - first + 1).await?;
    let opening = if first > 1 { entries.pop() } else { None };
    let zero = Balance::new(0, view.account.currency);
    let opening = opening.map_or(zero, |entry| entry.balance);
    let closing = if shown < end {
        back(db, &view, end - 1, 1).await?.first().map(|entry| entry.balance)
    } else {
        entries.first().map(|entry| entry.balance)
    };
    entries.reverse();
    let closing = closing.unwrap_or(opening);
    Ok(Some(Statement { opening, entries, closing, truncated: shown < end, account: view }))
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
