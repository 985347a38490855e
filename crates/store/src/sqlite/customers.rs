//! Customers: soft states, each change logged with who did it.

use ledger::customer::{CustomerDetails, Ssn};
use ledger::{Actor, CustomerNumber, CustomerStatus, NewCustomer, Refusal};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AuditEvent, Customer, Page};
use crate::sqlite::{classify, logs, row, sealing};
use crate::ssn::{Held, NO_KEYS, SealedSsn};

const INSERT: &str = "insert into customers \
     (number, ssn, name, address, age, state, city, status, created_at, ssn_sealed, ssn_index) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'active', ?8, ?9, ?10)";
const NEXT_NUMBER: &str = "select coalesce(max(number) + 1, ?1) from customers";
/// The column `ssn` of a sealed row means nothing.
const SSN_KNOWN: &str = "select exists (select 1 from customers \
     where ssn_index = ?2 or (ssn_index is null and ssn = ?1))";
/// The columns that [`customer`] reads; `$tail` picks and orders the rows.
macro_rules! select_customers {
    ($tail:literal) => {
        concat!(
            "select c.number, c.ssn, c.name, c.address, c.age, c.state, c.city, c.status, ",
            "l.message, l.at, c.ssn_sealed from customers c left join customer_log l ",
            "on l.id = (select max(id) from customer_log where customer = c.number) ",
            $tail
        )
    };
}

const FIND: &str = select_customers!("where c.number = ?1");
const LIST: &str = select_customers!("where c.number > ?1 order by c.number limit ?2");
const FROM: &str = select_customers!("where c.number > ?1 order by c.number");
const FIND_BY_SSN: &str = "select number from customers \
     where ssn_index = ?2 or (ssn_index is null and ssn = ?1)";
const UPDATE: &str = "update customers set name = ?2, address = ?3, age = ?4 where number = ?1";
const SET_STATUS: &str = "update customers set status = ?2 where number = ?1";
const INSERT_LOG: &str =
    "insert into customer_log (customer, message, at, user) values (?1, ?2, ?3, ?4)";

pub(crate) fn create(
    db: &Connection,
    actor: &Actor,
    customer: &NewCustomer,
    sealed: Option<&SealedSsn>,
) -> Result<Held<Customer>, Error> {
    let asked = params![customer.ssn.reveal(), sealed.map(|sealed| sealed.index)];
    let known: bool = db.query_row(SSN_KNOWN, asked, |row| row.get(0)).map_err(classify)?;
    if known {
        return Err(Refusal::SsnTaken.into());
    }
    let only_sealed = sealing::has_begun(db)?;
    if only_sealed && sealed.is_none() {
        return Err(NO_KEYS);
    }
    let number = insert(db, customer, sealed, only_sealed).map_err(classify)?;
    note(db, actor, number, "customer.create", "Customer created")?;
    existing(db, number)
}

fn insert(
    db: &Connection,
    customer: &NewCustomer,
    sealed: Option<&SealedSsn>,
    only_sealed: bool,
) -> Result<CustomerNumber, rusqlite::Error> {
    let number: i64 = db.query_row(NEXT_NUMBER, [CustomerNumber::FIRST], |row| row.get(0))?;
    let placeholder = number.to_string();
    db.prepare_cached(INSERT)?.execute(params![
        number,
        if only_sealed { &placeholder } else { customer.ssn.reveal() },
        customer.details.name,
        customer.details.address,
        customer.details.age,
        customer.state,
        customer.city,
        now_ms(),
        sealed.map(|sealed| &sealed.sealed),
        sealed.map(|sealed| sealed.index),
    ])?;
    Ok(CustomerNumber::new(number))
}

pub(crate) fn find(
    db: &Connection,
    number: CustomerNumber,
) -> Result<Option<Held<Customer>>, Error> {
    let found = db
        .prepare_cached(FIND)
        .and_then(|mut statement| statement.query_row([number.get()], customer).optional());
    found.map_err(classify)
}

pub(crate) fn find_by_ssn(
    db: &Connection,
    ssn: &Ssn,
    index: Option<[u8; 32]>,
) -> Result<Option<Held<Customer>>, Error> {
    let asked = params![ssn.reveal(), index];
    let number = db
        .prepare_cached(FIND_BY_SSN)
        .and_then(|mut statement| statement.query_row(asked, |row| row.get(0)).optional())
        .map_err(classify)?;
    number.map_or(Ok(None), |number| find(db, CustomerNumber::new(number)))
}

pub(crate) fn list(
    db: &Connection,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<Held<Customer>>, Error> {
    let rows = db
        .prepare_cached(LIST)
        .and_then(|mut statement| {
            statement
                .query_map(params![after.unwrap_or(0), limit.saturating_add(1)], customer)?
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(classify)?;
    Ok(Page::cut(rows, limit, |customer| customer.row.number.get()))
}

/// SQLite folds the case of ASCII only, so the names are compared here.
pub(crate) fn named(
    db: &Connection,
    part: &str,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<Held<Customer>>, Error> {
    let part = part.to_lowercase();
    let fits = |found: &Result<Held<Customer>, rusqlite::Error>| {
        found.as_ref().map_or(true, |each| each.row.details.name.to_lowercase().contains(&part))
    };
    let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let rows = db
        .prepare_cached(FROM)
        .and_then(|mut statement| {
            let all = statement.query_map([after.unwrap_or(0)], customer)?;
            all.filter(fits).take(most).collect::<Result<Vec<_>, _>>()
        })
        .map_err(classify)?;
    Ok(Page::cut(rows, limit, |customer| customer.row.number.get()))
}

pub(crate) fn update(
    db: &Connection,
    actor: &Actor,
    number: CustomerNumber,
    details: &CustomerDetails,
) -> Result<Held<Customer>, Error> {
    let now = existing(db, number)?;
    if now.row.status == CustomerStatus::Deactivated {
        return Err(Refusal::CustomerDeactivated.into());
    }
    if now.row.details == *details {
        return Ok(now);
    }
    db.execute(UPDATE, params![number.get(), details.name, details.address, details.age])
        .map_err(classify)?;
    note(db, actor, number, "customer.update", "Customer data updated")?;
    existing(db, number)
}

pub(crate) fn set_status(
    db: &Connection,
    actor: &Actor,
    number: CustomerNumber,
    status: CustomerStatus,
) -> Result<Held<Customer>, Error> {
    let (refusal, action, message) = match status {
        CustomerStatus::Active => {
            (Refusal::CustomerActive, "customer.activate", "Customer activated")
        }
        CustomerStatus::Deactivated => {
            (Refusal::CustomerDeactivated, "customer.deactivate", "Customer deactivated")
        }
    };
    if existing(db, number)?.row.status == status {
        return Err(refusal.into());
    }
    db.execute(SET_STATUS, params![number.get(), status.as_str()]).map_err(classify)?;
    note(db, actor, number, action, message)?;
    existing(db, number)
}

fn existing(db: &Connection, number: CustomerNumber) -> Result<Held<Customer>, Error> {
    find(db, number)?.ok_or(Error::Rejected(Refusal::CustomerUnknown))
}

/// The row that people see, and the audit row.
fn note(
    db: &Connection,
    actor: &Actor,
    number: CustomerNumber,
    action: &'static str,
    message: &str,
) -> Result<(), Error> {
    db.execute(INSERT_LOG, params![number.get(), message, now_ms(), actor.user.as_str()])
        .map_err(classify)?;
    logs::record(db, &AuditEvent::of(actor, action, number.to_string(), "done"))
}

fn customer(row: &Row<'_>) -> Result<Held<Customer>, rusqlite::Error> {
    let sealed = row.get(10)?;
    let row = Customer {
        number: CustomerNumber::new(row.get(0)?),
        ssn: row::word(row, 1, Ssn::parse)?,
        details: CustomerDetails { name: row.get(2)?, address: row.get(3)?, age: row.get(4)? },
        state: row.get(5)?,
        city: row.get(6)?,
        status: row::word(row, 7, CustomerStatus::parse)?,
        message: row.get(8)?,
        updated_at: row.get(9)?,
    };
    Ok(Held { row, sealed })
}
