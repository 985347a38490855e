//! The logs of customers and accounts, and the audit rows.

use ledger::customer::Ssn;
use ledger::{AccountKind, AccountNumber, AccountStatus, CustomerNumber};
use tokio_postgres::Row;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AccountLog, AuditEvent, AuditFilter, AuditRow, CustomerLog, Page};
use crate::postgres::row::{self, get, word};
use crate::postgres::{Database, Params};
use crate::ssn::Held;

const OF_CUSTOMERS: &str = "select l.id, l.customer, c.ssn, l.message, l.at, \
     c.ssn_sealed \
     from customer_log l join customers c on c.number = l.customer \
     order by l.id desc limit $1";
const OF_CUSTOMER: &str = "select l.id, l.customer, c.ssn, l.message, l.at, \
     c.ssn_sealed \
     from customer_log l join customers c on c.number = l.customer \
     where l.customer = $2 order by l.id desc limit $1";
const OF_ACCOUNTS: &str = "select l.id, l.account, a.customer, a.kind, a.status, l.message, l.at \
     from account_log l join accounts a on a.number = l.account \
     order by l.id desc limit $1";
const OF_ACCOUNT: &str = "select l.id, l.account, a.customer, a.kind, a.status, l.message, l.at \
     from account_log l join accounts a on a.number = l.account \
     where l.account = $2 order by l.id desc limit $1";
/// By its index; an action with a full stop is found by itself alone.
const LATEST: &str = "select e.id, e.at, e.user_id, e.session, e.server, \
         coalesce(e.address, s.address, ''), e.action, e.subject, e.result \
     from audit_events e left join sessions s on s.id = e.session \
     where e.action = $1 order by e.id desc limit $2";
const INSERT_EVENT: &str = "insert into audit_events \
     (at, user_id, session, server, action, subject, result, address) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";
/// Newest first.
const EVENTS: &str = "select e.id, e.at, e.user_id, e.session, e.server, \
         coalesce(e.address, s.address, ''), e.action, e.subject, e.result \
     from audit_events e left join sessions s on s.id = e.session \
     where e.id < $1 and e.at >= $2 and e.at < $3 and ($4::text is null or e.user_id = $4) \
         and ($5::text is null or e.action = $5 or starts_with(e.action, $5 || '.')) \
         and ($6::text is null or e.result = $6) and ($7::text is null or e.subject = $7) \
         and ($9::bigint is null or e.subject = $9::bigint::text \
             or e.subject in (select number::text from accounts where customer = $9)) \
     order by e.id desc limit $8";

pub(crate) async fn of_customers(
    db: &Database,
    customer: Option<CustomerNumber>,
    limit: u32,
) -> Result<Vec<Held<CustomerLog>>, Error> {
    let limit = i64::from(limit);
    let rows = match customer {
        None => db.read(OF_CUSTOMERS, &[&limit]).await?,
        Some(customer) => db.read(OF_CUSTOMER, &[&limit, &customer.get()]).await?,
    };
    let log = |row| {
        let log = CustomerLog {
            id: get(row, 0)?,
            customer: CustomerNumber::new(get(row, 1)?),
            ssn: word(row, 2, Ssn::parse)?,
            message: get(row, 3)?,
            at: get(row, 4)?,
        };
        Ok(Held { row: log, sealed: get(row, 5)? })
    };
    rows.iter().map(log).collect()
}

pub(crate) async fn of_accounts(
    db: &Database,
    account: Option<AccountNumber>,
    limit: u32,
) -> Result<Vec<AccountLog>, Error> {
    let limit = i64::from(limit);
    let rows = match account {
        None => db.read(OF_ACCOUNTS, &[&limit]).await?,
        Some(account) => db.read(OF_ACCOUNT, &[&limit, &account.get()]).await?,
    };
    let log = |row| {
        Ok(AccountLog {
            id: get(row, 0)?,
            account: AccountNumber::new(get(row, 1)?),
            customer: CustomerNumber::new(get(row, 2)?),
            kind: word(row, 3, AccountKind::parse)?,
            status: word(row, 4, AccountStatus::parse)?,
            message: get(row, 5)?,
            at: get(row, 6)?,
        })
    };
    rows.iter().map(log).collect()
}

pub(crate) async fn events(
    db: &Database,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<AuditRow>, Error> {
    let params: Params<'_> = &[
        &before.unwrap_or(i64::MAX),
        &filter.from.unwrap_or(i64::MIN),
        &filter.until.unwrap_or(i64::MAX),
        &filter.user.as_ref().map(ledger::UserId::as_str),
        &filter.action,
        &filter.result,
        &filter.subject,
        &i64::from(limit).saturating_add(1),
        &filter.customer.map(CustomerNumber::get),
    ];
    let rows = db.read(EVENTS, params).await?;
    let rows = rows.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, limit, |row| row.id))
}

/// The newest rows of one action.
pub(crate) async fn latest(
    db: &Database,
    action: &'static str,
    limit: u32,
) -> Result<Vec<AuditRow>, Error> {
    db.read(LATEST, &[&action, &i64::from(limit)]).await?.iter().map(event).collect()
}

fn event(found: &Row) -> Result<AuditRow, Error> {
    let user: Option<&str> = get(found, 2)?;
    Ok(AuditRow {
        id: get(found, 0)?,
        at: get(found, 1)?,
        user: user.map(|_| row::user(found, 2)).transpose()?,
        session: get(found, 3)?,
        server: get(found, 4)?,
        address: get(found, 5)?,
        action: get(found, 6)?,
        subject: get(found, 7)?,
        result: get(found, 8)?,
    })
}

pub(crate) async fn record(db: &Database, event: &AuditEvent) -> Result<(), Error> {
    let user = event.user.as_ref().map(ledger::UserId::as_str);
    let params: Params<'_> = &[
        &now_ms(),
        &user,
        &event.session,
        &&*event.server,
        &event.action,
        &event.subject,
        &event.result,
        &event.address,
    ];
    db.write(INSERT_EVENT, params).await.map(|_| ())
}
