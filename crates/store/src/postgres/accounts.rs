//! Accounts as people look at them, and their closing and reopening. Opening is a posting.

use ledger::{AccountNumber, AccountStatus, Actor, CustomerNumber, CustomerStatus, Refusal};
use tokio_postgres::Row;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AccountView, Page};
use crate::postgres::row::{self, get};
use crate::postgres::{Database, Params};

/// The columns that [`view`] reads; `$tail` picks and orders the rows.
macro_rules! select_views {
    ($tail:literal) => {
        concat!(
            "select a.number, a.customer, a.kind, a.currency, a.status, c.status, a.overdraft, ",
            "a.debits_posted, a.credits_posted, a.debits_pending, a.entry_count, a.opened_at, ",
            "l.message, l.at from accounts a join customers c on c.number = a.customer ",
            "cross join lateral (select message, at from account_log where account = a.number ",
            "order by id desc limit 1) l ",
            $tail
        )
    };
}

/// The rows that people see and the audit row of a change, behind `changed (number)`.
macro_rules! with_note {
    ($change:literal, $action:literal, $message:literal) => {
        concat!(
            "with changed as (",
            $change,
            "), noted as (insert into account_log (account, message, at, user_id) select number, '",
            $message,
            "', $2, $3 from changed), recorded as (insert into audit_events ",
            "(at, user_id, session, server, action, subject, result) select $2, $3, $4, $5, '",
            $action,
            "', number::text, 'done' from changed) select number from changed"
        )
    };
}

const FIND: &str = select_views!("where a.number = $1");
const OF_CUSTOMER: &str = select_views!("where a.customer = $1 order by a.number");
const LIST: &str = select_views!("where a.number > $1 order by a.number limit $2");
const CLOSE: &str = with_note!(
    "update accounts set status = 'closed' where number = $1 and status = 'open' \
     and customer is not null and credits_posted = debits_posted and debits_pending = 0 \
     returning number",
    "account.close",
    "Account closed"
);
const REACTIVATE: &str = with_note!(
    "update accounts a set status = 'open' from customers c where a.number = $1 \
     and c.number = a.customer and a.status = 'closed' and c.status = 'active' \
     and not exists (select from accounts o where o.customer = a.customer and o.kind = a.kind \
         and o.status = 'open') \
     returning a.number",
    "account.reactivate",
    "Account reactivated"
);

pub(crate) async fn find(
    db: &Database,
    number: AccountNumber,
) -> Result<Option<AccountView>, Error> {
    Ok(views(db, FIND, &[&number.get()]).await?.pop())
}

pub(crate) async fn of_customer(
    db: &Database,
    customer: CustomerNumber,
) -> Result<Vec<AccountView>, Error> {
    views(db, OF_CUSTOMER, &[&customer.get()]).await
}

pub(crate) async fn list(
    db: &Database,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<AccountView>, Error> {
    let rows = views(db, LIST, &[&after.unwrap_or(0), &i64::from(limit).saturating_add(1)]).await?;
    Ok(Page::cut(rows, limit, |view| view.account.number.get()))
}

pub(crate) async fn close(
    db: &Database,
    actor: &Actor,
    number: AccountNumber,
) -> Result<AccountView, Error> {
    if !change(db, CLOSE, actor, number).await? {
        existing(db, number).await?.account.may_close()?;
        return Err(CHANGED_MEANWHILE);
    }
    existing(db, number).await
}

pub(crate) async fn reactivate(
    db: &Database,
    actor: &Actor,
    number: AccountNumber,
) -> Result<AccountView, Error> {
    if !change(db, REACTIVATE, actor, number).await? {
        let account = existing(db, number).await?.account;
        if account.status == AccountStatus::Open {
            return Err(Refusal::AccountOpen.into());
        }
        if account.customer_status == CustomerStatus::Deactivated {
            return Err(Refusal::CustomerDeactivated.into());
        }
        return Err(Refusal::AccountKindTaken.into());
    }
    existing(db, number).await
}

const CHANGED_MEANWHILE: Error =
    Error::Unavailable { reason: "the account changed meanwhile", source: None };

async fn change(
    db: &Database,
    sql: &'static str,
    actor: &Actor,
    number: AccountNumber,
) -> Result<bool, Error> {
    let user = actor.user.as_str();
    let params: Params<'_> = &[&number.get(), &now_ms(), &user, &actor.session, &&*actor.server];
    Ok(!db.write(sql, params).await?.is_empty())
}

async fn existing(db: &Database, number: AccountNumber) -> Result<AccountView, Error> {
    find(db, number).await?.ok_or(Error::Rejected(Refusal::AccountUnknown))
}

async fn views(
    db: &Database,
    sql: &'static str,
    params: Params<'_>,
) -> Result<Vec<AccountView>, Error> {
    db.read(sql, params).await?.iter().map(view).collect()
}

fn view(row: &Row) -> Result<AccountView, Error> {
    Ok(AccountView {
        account: row::account(row)?,
        opened_at: get(row, 11)?,
        message: get(row, 12)?,
        updated_at: get(row, 13)?,
    })
}
