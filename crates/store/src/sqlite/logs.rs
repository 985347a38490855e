//! The logs of customers and accounts, and the audit rows.

use ledger::customer::Ssn;
use ledger::{AccountKind, AccountNumber, AccountStatus, CustomerNumber};
use rusqlite::{Connection, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AccountLog, AuditEvent, CustomerLog};
use crate::sqlite::{classify, row};

const OF_CUSTOMERS: &str = "select l.id, l.customer, c.ssn, l.message, l.at \
     from customer_log l join customers c on c.number = l.customer \
     order by l.id desc limit ?1";
const OF_CUSTOMER: &str = "select l.id, l.customer, c.ssn, l.message, l.at \
     from customer_log l join customers c on c.number = l.customer \
     where l.customer = ?2 order by l.id desc limit ?1";
const OF_ACCOUNTS: &str = "select l.id, l.account, a.customer, a.kind, a.status, l.message, l.at \
     from account_log l join accounts a on a.number = l.account \
     order by l.id desc limit ?1";
const OF_ACCOUNT: &str = "select l.id, l.account, a.customer, a.kind, a.status, l.message, l.at \
     from account_log l join accounts a on a.number = l.account \
     where l.account = ?2 order by l.id desc limit ?1";
const INSERT_EVENT: &str = "insert into audit_events \
     (at, user, session, server, action, subject, result) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(crate) fn of_customers(
    db: &Connection,
    customer: Option<CustomerNumber>,
    limit: u32,
) -> Result<Vec<CustomerLog>, Error> {
    let map = |found: &rusqlite::Row<'_>| {
        Ok(CustomerLog {
            id: found.get(0)?,
            customer: CustomerNumber::new(found.get(1)?),
            ssn: row::word(found, 2, Ssn::parse)?,
            message: found.get(3)?,
            at: found.get(4)?,
        })
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
        ])?;
        Ok(())
    };
    write().map_err(classify)
}
