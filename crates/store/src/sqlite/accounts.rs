//! Accounts as people look at them, and their closing and reopening. Opening is a posting.

use ledger::{AccountNumber, AccountStatus, Actor, CustomerNumber, CustomerStatus, Refusal};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AccountView, AuditEvent, Page};
use crate::sqlite::{classify, logs, row};

/// The columns that [`view`] reads; `$tail` picks and orders the rows.
macro_rules! select_views {
    ($tail:literal) => {
        concat!(
            "select a.number, a.customer, a.kind, a.currency, a.status, c.status, a.overdraft, ",
            "a.debits_posted, a.credits_posted, a.debits_pending, a.entry_count, a.opened_at, ",
            "l.message, l.at from accounts a join customers c on c.number = a.customer ",
            "left join account_log l ",
            "on l.id = (select max(id) from account_log where account = a.number) ",
            $tail
        )
    };
}

const FIND: &str = select_views!("where a.number = ?1");
const OF_CUSTOMER: &str = select_views!("where a.customer = ?1 order by a.number");
const LIST: &str =
    select_views!("where a.number > ?1 and a.customer is not null order by a.number limit ?2");
const SET_STATUS: &str = "update accounts set status = ?2 where number = ?1";
const INSERT_LOG: &str =
    "insert into account_log (account, message, at, user) values (?1, ?2, ?3, ?4)";

pub(crate) fn find(db: &Connection, number: AccountNumber) -> Result<Option<AccountView>, Error> {
    db.prepare_cached(FIND)
        .and_then(|mut statement| statement.query_row([number.get()], view).optional())
        .map_err(classify)
}

pub(crate) fn of_customer(
    db: &Connection,
    customer: CustomerNumber,
) -> Result<Vec<AccountView>, Error> {
    views(db, OF_CUSTOMER, [customer.get()])
}

pub(crate) fn list(
    db: &Connection,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<AccountView>, Error> {
    let rows = views(db, LIST, params![after.unwrap_or(0), limit.saturating_add(1)])?;
    Ok(Page::cut(rows, limit, |view| view.account.number.get()))
}

pub(crate) fn close(
    db: &Connection,
    actor: &Actor,
    number: AccountNumber,
) -> Result<AccountView, Error> {
    existing(db, number)?.account.may_close()?;
    set_status(db, number, AccountStatus::Closed)?;
    note(db, actor, number, "account.close", "Account closed")?;
    existing(db, number)
}

pub(crate) fn reactivate(
    db: &Connection,
    actor: &Actor,
    number: AccountNumber,
) -> Result<AccountView, Error> {
    let account = existing(db, number)?.account;
    if account.status == AccountStatus::Open {
        return Err(Refusal::AccountOpen.into());
    }
    if account.customer_status == CustomerStatus::Deactivated {
        return Err(Refusal::CustomerDeactivated.into());
    }
    let taken = of_customer(db, account.customer)?.iter().any(|other| {
        other.account.kind == account.kind && other.account.status == AccountStatus::Open
    });
    if taken {
        return Err(Refusal::AccountKindTaken.into());
    }
    set_status(db, number, AccountStatus::Open)?;
    note(db, actor, number, "account.reactivate", "Account reactivated")?;
    existing(db, number)
}

fn set_status(db: &Connection, number: AccountNumber, status: AccountStatus) -> Result<(), Error> {
    db.execute(SET_STATUS, params![number.get(), status.as_str()]).map_err(classify)?;
    Ok(())
}

fn existing(db: &Connection, number: AccountNumber) -> Result<AccountView, Error> {
    find(db, number)?.ok_or(Error::Rejected(Refusal::AccountUnknown))
}

/// The row that people see, and the audit row.
fn note(
    db: &Connection,
    actor: &Actor,
    number: AccountNumber,
    action: &'static str,
    message: &str,
) -> Result<(), Error> {
    db.execute(INSERT_LOG, params![number.get(), message, now_ms(), actor.user.as_str()])
        .map_err(classify)?;
    logs::record(db, &AuditEvent::of(actor, action, number.to_string(), "done"))
}

fn views(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<AccountView>, Error> {
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(params, view)?.collect())
        .map_err(classify)
}

pub(crate) fn view(row: &Row<'_>) -> Result<AccountView, rusqlite::Error> {
    Ok(AccountView {
        account: row::account(row)?,
        opened_at: row.get(11)?,
        message: row.get(12)?,
        updated_at: row.get(13)?,
    })
}
