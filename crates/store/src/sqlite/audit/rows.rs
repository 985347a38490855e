//! The rows that the audit walks along.

use rusqlite::Row;

use crate::audit::accounts::{Account, Entry as AccountEntry};
use crate::audit::operations::{Entry, Operation, Transfer};

pub(super) const ACCOUNTS: &str = "select a.number, a.kind = 'house', \
     a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending, \
     a.entry_count, m.transfer, m.debits, m.credits, a.last_entry \
     from accounts a left join house_marks m on m.account = a.number order by a.number";
pub(super) const ENTRIES_BY_ACCOUNT: &str = "select \
     account, number, transfer, amount, balance, booked_at, id, previous \
     from entries order by account, number";

pub(super) const OPERATIONS: &str =
    "select id, booked_at, answer, kind from operations order by id";
pub(super) const TRANSFERS: &str = "select \
     t.id, t.operation, t.debit, t.credit, t.amount, r.reverses \
     from transfers t left join reversals r on r.transfer = t.id order by t.id";
pub(super) const ENTRIES: &str = "select e.transfer, e.account, e.amount, e.balance, e.booked_at \
     from entries e where exists (select 1 from transfers t where t.id = e.transfer) \
     order by e.id";

pub(super) fn account(row: &Row<'_>) -> Result<Account, rusqlite::Error> {
    let transfer: Option<i64> = row.get(7)?;
    Ok(Account {
        number: row.get(0)?,
        house: row.get(1)?,
        debits_posted: row.get(2)?,
        credits_posted: row.get(3)?,
        pending: (row.get(4)?, row.get(5)?),
        entry_count: row.get(6)?,
        mark: match transfer {
            Some(transfer) => Some((transfer, row.get(8)?, row.get(9)?)),
            None => None,
        },
        last_entry: row.get(10)?,
    })
}

pub(super) fn account_entry(row: &Row<'_>) -> Result<AccountEntry, rusqlite::Error> {
    Ok(AccountEntry {
        account: row.get(0)?,
        number: row.get(1)?,
        transfer: row.get(2)?,
        amount: row.get(3)?,
        balance: row.get(4)?,
        booked_at: row.get(5)?,
        id: row.get(6)?,
        previous: row.get(7)?,
    })
}

pub(super) fn operation(row: &Row<'_>) -> Result<Operation, rusqlite::Error> {
    Ok(Operation {
        id: row.get(0)?,
        booked_at: row.get(1)?,
        answer: row.get(2)?,
        opening: row.get_ref(3)?.as_str()? == "open_account",
        reversal: row.get_ref(3)?.as_str()? == "reversal",
    })
}

pub(super) fn transfer(row: &Row<'_>) -> Result<Transfer, rusqlite::Error> {
    Ok(Transfer {
        id: row.get(0)?,
        operation: row.get(1)?,
        debit: row.get(2)?,
        credit: row.get(3)?,
        amount: row.get(4)?,
        reverses: row.get(5)?,
    })
}

pub(super) fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        transfer: row.get(0)?,
        account: row.get(1)?,
        amount: row.get(2)?,
        balance: row.get(3)?,
        booked_at: row.get(4)?,
    })
}
