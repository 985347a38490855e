//! The logs of customers and accounts, and the audit rows.

use ledger::customer::Ssn;
use ledger::{AccountKind, AccountNumber, AccountStatus, CustomerNumber};
use rusqlite::{Connection, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AccountLog, AuditEvent, AuditFilter, AuditRow, CustomerLog, Page};
use crate::sqlite::{classify, row};
use crate::ssn::Held;

const OF_CUSTOMERS: &str = "select l.id, l.customer, c.ssn, l.message, l.at, \
     c.ssn_sealed \
     from customer_log l join customers c on c.number = l.customer \
     order by l.id desc limit ?1";
const OF_CUSTOMER: &str = "select l.id, l.customer, c.ssn, l.message, l.at, \
     c.ssn_sealed \
     from customer_log l join customers c on c.number = l.customer \
     where l.customer = ?2 order by l.id desc limit ?1";
const OF_ACCOUNTS: &str = "select l.id, l.account, a.customer, a.kind, a.status, l.message, l.at \
     from account_log l join accounts a on a.number = l.account \
     order by l.id desc limit ?1";
const OF_ACCOUNT: &str = "select l.id, l.account, a.customer, a.kind, a.status, l.message, l.at \
     from account_log l join accounts a on a.number = l.account \
     where l.account = ?2 order by l.id desc limit ?1";
/// Newest first. Rows are only ever added, so their ids are in the order of time.
const EVENTS: &str = "select e.id, e.at, e.user, e.session, e.server, \
         coalesce(e.address, s.address, ''), e.action, e.subject, e.result \
     from audit_events e left join sessions s on s.id = e.session \
     where e.id < ?1 and e.at >= ?2 and e.at < ?3 and (?4 is null or e.user = ?4) \
         and (?5 is null or e.action = ?5 or substr(e.action, 1, length(?5) + 1) = ?5 || '.') \
         and (?6 is null or e.result = ?6) and (?7 is null or e.subject = ?7) \
         and (?9 is null or e.subject = cast(?9 as text) \
             or e.subject in (select cast(number as text) from accounts where customer = ?9)) \
     order by e.id desc limit ?8";
/// By its index; an action with a full stop is found by itself alone.
const LATEST: &str = "select e.id, e.at, e.user, e.session, e.server, \
         coalesce(e.address, s.address, ''), e.action, e.subject, e.result \
     from audit_events e left join sessions s on s.id = e.session \
     where e.action = ?1 order by e.id desc limit ?2";
const INSERT_EVENT: &str = "insert into audit_events \
     (at, user, session, server, action, subject, result, address) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub(crate) fn of_customers(
    db: &Connection,
    customer: Option<CustomerNumber>,
    limit: u32,
) -> Result<Vec<Held<CustomerLog>>, Error> {
    let map = |found: &rusqlite::Row<'_>| {
        let row = CustomerLog {
            id: found.get(0)?,
            customer: CustomerNumber::new(found.get(1)?),
            ssn: row::word(found, 2, Ssn::parse)?,
            message: found.get(3)?,
            at: found.get(4)?,
        };
        Ok(Held { row, sealed: found.get(5)? })
    };
    let read = || match customer {
        None => db.prepare_cached(OF_CUSTOMERS)?.query_map([limit], map)?.collect(),
        Some(customer) => db
            .prepare_cached(OF_CUSTOMER)?
            .query_map(params![limit, customer.get()], map)?
            .collect::<Result<Vec<_>, rusqlite::Error>>(),
    };
    read().map_err(classify)
}

pub(crate) fn of_accounts(
    db: &Connection,
    account: Option<AccountNumber>,
    limit: u32,
) -> Result<Vec<AccountLog>, Error> {
    let map = |found: &rusqlite::Row<'_>| {
        Ok(AccountLog {
            id: found.get(0)?,
            account: AccountNumber::new(found.get(1)?),
            customer: CustomerNumber::new(found.get(2)?),
            kind: row::word(found, 3, AccountKind::parse)?,
            status: row::word(found, 4, AccountStatus::parse)?,
            message: found.get(5)?,
            at: found.get(6)?,
        })
    };
    let read = || match account {
        None => db.prepare_cached(OF_ACCOUNTS)?.query_map([limit], map)?.collect(),
        Some(account) => db
            .prepare_cached(OF_ACCOUNT)?
            .query_map(params![limit, account.get()], map)?
            .collect::<Result<Vec<_>, rusqlite::Error>>(),
    };
    read().map_err(classify)
}

pub(crate) fn events(
    db: &Connection,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<AuditRow>, Error> {
    let rows = db
        .prepare_cached(EVENTS)
        .and_then(|mut statement| {
            let parameters = params![
                before.unwrap_or(i64::MAX),
                filter.from.unwrap_or(i64::MIN),
                filter.until.unwrap_or(i64::MAX),
                filter.user.as_ref().map(ledger::UserId::as_str),
                filter.action,
                filter.result,
                filter.subject,
                limit.saturating_add(1),
                filter.customer.map(CustomerNumber::get),
            ];
            statement.query_map(parameters, event)?.collect::<Result<Vec<_>, _>>()
        })
        .map_err(classify)?;
    Ok(Page::cut(rows, limit, |row| row.id))
}

/// The newest rows of one action.
pub(crate) fn latest(
    db: &Connection,
    action: &'static str,
    limit: u32,
) -> Result<Vec<AuditRow>, Error> {
    db.prepare_cached(LATEST)
        .and_then(|mut statement| statement.query_map(params![action, limit], event)?.collect())
        .map_err(classify)
}

fn event(found: &rusqlite::Row<'_>) -> Result<AuditRow, rusqlite::Error> {
    Ok(AuditRow {
        id: found.get(0)?,
        at: found.get(1)?,
        user: match found.get_ref(2)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(row::user(found, 2)?),
        },
        session: found.get(3)?,
        server: found.get(4)?,
        address: found.get(5)?,
        action: found.get(6)?,
        subject: found.get(7)?,
        result: found.get(8)?,
    })
}

pub(crate) fn record(db: &Connection, event: &AuditEvent) -> Result<(), Error> {
    let write = || -> Result<(), rusqlite::Error> {
        db.prepare_cached(INSERT_EVENT)?.execute(params![
            now_ms(),
            event.user.as_ref().map(ledger::UserId::as_str),
            event.session,
            &*event.server,
            event.action,
            event.subject,
            event.result,
            event.address,
        ])?;
        Ok(())
    };
    write().map_err(classify)
}
