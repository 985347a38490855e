//! The rows that the audit walks along.

use tokio_postgres::Row;

use crate::audit::accounts::{Account, Entry as AccountEntry};
use crate::audit::operations::{Entry, Operation, Transfer};
use crate::error::Error;
use crate::postgres::row::get;

/// A cursor: how it is declared, and how its next rows are fetched (some hundred kilobytes).
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    pub(super) declare: &'static str,
    pub(super) fetch: &'static str,
}

macro_rules! cursor {
    ($name:literal, $sql:literal) => {
        Cursor {
            declare: concat!("declare ", $name, " no scroll cursor for ", $sql),
            fetch: concat!("fetch forward 5000 from ", $name),
        }
    };
}

pub(super) const ACCOUNTS: Cursor = cursor!(
    "by_number",
    "select a.number, a.kind = 'house', a.debits_posted, a.credits_posted, a.debits_pending, \
     a.credits_pending, a.entry_count, m.transfer, m.debits, m.credits, a.last_entry \
     from accounts a left join house_marks m on m.account = a.number order by a.number"
);
/// Along a house account the order of its entries is not that of booking: servers post at once.
pub(super) const ENTRIES_BY_ACCOUNT: Cursor = cursor!(
    "by_account",
    "select account, number, transfer, amount, balance, \
     case when account < 360110000 then 0 else booked_at end, id, previous \
     from entries order by account, number"
);
pub(super) const OPERATIONS: Cursor =
    cursor!("by_id", "select id, booked_at, answer, kind from operations order by id");
/// By operation first: groups of several servers take their transfers' ids in turns.
pub(super) const TRANSFERS: Cursor = cursor!(
    "transfers_by_operation",
    "select t.id, t.operation, t.debit, t.credit, t.amount, r.reverses \
     from transfers t left join reversals r on r.transfer = t.id order by t.operation, t.id"
);
pub(super) const ENTRIES: Cursor = cursor!(
    "entries_by_operation",
    "select e.transfer, e.account, e.amount, e.balance, e.booked_at from entries e \
     join transfers t on t.id = e.transfer order by t.operation, e.id"
);

pub(super) fn account(row: &Row) -> Result<Account, Error> {
    let transfer: Option<i64> = get(row, 7)?;
    Ok(Account {
        number: get(row, 0)?,
        house: get(row, 1)?,
        debits_posted: get(row, 2)?,
        credits_posted: get(row, 3)?,
        pending: (get(row, 4)?, get(row, 5)?),
        entry_count: get(row, 6)?,
        mark: match transfer {
            Some(transfer) => Some((transfer, get(row, 8)?, get(row, 9)?)),
            None => None,
        },
        last_entry: get(row, 10)?,
    })
}

pub(super) fn account_entry(row: &Row) -> Result<AccountEntry, Error> {
    Ok(AccountEntry {
        account: get(row, 0)?,
        number: get(row, 1)?,
        transfer: get(row, 2)?,
        amount: get(row, 3)?,
        balance: get(row, 4)?,
        booked_at: get(row, 5)?,
        id: get(row, 6)?,
        previous: get(row, 7)?,
    })
}

pub(super) fn operation(row: &Row) -> Result<Operation, Error> {
    Ok(Operation {
        id: get(row, 0)?,
        booked_at: get(row, 1)?,
        answer: get(row, 2)?,
        opening: get::<&str>(row, 3)? == "open_account",
        reversal: get::<&str>(row, 3)? == "reversal",
    })
}

pub(super) fn transfer(row: &Row) -> Result<Transfer, Error> {
    Ok(Transfer {
        id: get(row, 0)?,
        operation: get(row, 1)?,
        debit: get(row, 2)?,
        credit: get(row, 3)?,
        amount: get(row, 4)?,
        reverses: get(row, 5)?,
    })
}

pub(super) fn entry(row: &Row) -> Result<Entry, Error> {
    Ok(Entry {
        transfer: get(row, 0)?,
        account: get(row, 1)?,
        amount: get(row, 2)?,
        balance: get(row, 3)?,
        booked_at: get(row, 4)?,
    })
}
