//! Customers: soft states, each change logged with who did it. Each change is one statement.

use ledger::customer::{CustomerDetails, Ssn};
use ledger::{Actor, CustomerNumber, CustomerStatus, NewCustomer, Refusal};
use tokio_postgres::Row;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{Customer, Page};
use crate::postgres::row::{self, get};
use crate::postgres::{Database, Params, sealing};
use crate::ssn::{Held, NO_KEYS, SealedSsn};

/// The columns that [`customer`] reads; `$tail` picks and orders the rows.
macro_rules! select_customers {
    ($tail:literal) => {
        concat!(
            "select c.number, c.ssn, c.name, c.address, c.age, c.state, c.city, c.status, ",
            "l.message, l.at, c.ssn_sealed from customers c ",
            "cross join lateral (select message, at from customer_log ",
            "where customer = c.number order by id desc limit 1) l ",
            $tail
        )
    };
}

/// The rows that people see and the audit row of a change, behind `changed (number)`. The first
/// four parameters: now, user, session, server.
macro_rules! with_note {
    ($change:literal, $action:literal, $message:literal) => {
        concat!(
            "with changed as (",
            $change,
            "), noted as (insert into customer_log (customer, message, at, user_id) ",
            "select number, '",
            $message,
            "', $1, $2 from changed), recorded as (insert into audit_events ",
            "(at, user_id, session, server, action, subject, result) select $1, $2, $3, $4, '",
            $action,
            "', number::text, 'done' from changed) select number from changed"
        )
    };
}

const FIND: &str = select_customers!("where c.number = $1");
/// The column `ssn` of a sealed row means nothing.
const FIND_BY_SSN: &str =
    select_customers!("where c.ssn_index = $2 or (c.ssn_index is null and c.ssn = $1)");
const LIST: &str = select_customers!("where c.number > $1 order by c.number limit $2");
/// The ICU collation folds the case of every script, whatever the database was made with.
const NAMED: &str = select_customers!(
    "where c.number > $1 and strpos(lower(c.name collate \"und-x-icu\"), $3) > 0 \
     order by c.number limit $2"
);
/// A number is taken only for a customer who is new, and by one who loses a race for the same
/// social security number.
const CREATE: &str = with_note!(
    "insert into customers (number, ssn, name, address, age, state, city, status, created_at, \
         ssn_sealed, ssn_index) \
     select n.number, case when exists (select from sealing) then n.number::text else $5 end, \
         $6, $7, $8, $9, $10, 'active', $1, $11, $12 \
     from (select nextval('customers_number') as number where not exists \
         (select from customers where ssn_index = $12 or (ssn_index is null and ssn = $5))) n \
     on conflict do nothing returning number",
    "customer.create",
    "Customer created"
);
const UPDATE: &str = with_note!(
    "update customers set name = $6, address = $7, age = $8 \
     where number = $5 and status = 'active' and (name, address, age) is distinct from \
         ($6::text, $7::text, $8::bigint) returning number",
    "customer.update",
    "Customer data updated"
);
const ACTIVATE: &str = with_note!(
    "update customers set status = 'active' \
     where number = $5 and status = 'deactivated' returning number",
    "customer.activate",
    "Customer activated"
);
const DEACTIVATE: &str = with_note!(
    "update customers set status = 'deactivated' \
     where number = $5 and status = 'active' returning number",
    "customer.deactivate",
    "Customer deactivated"
);

pub(crate) async fn create(
    db: &Database,
    actor: &Actor,
    customer: &NewCustomer,
    sealed: Option<&SealedSsn>,
) -> Result<Held<Customer>, Error> {
    if sealed.is_none() && sealing::has_begun(db).await? {
        return Err(NO_KEYS);
    }
    let CustomerDetails { name, address, age } = &customer.details;
    let params: Params<'_> = &[
        &now_ms(),
        &actor.user.as_str(),
        &actor.session,
        &&*actor.server,
        &customer.ssn.reveal(),
        name,
        address,
        &i64::from(*age),
        &customer.state,
        &customer.city,
        &sealed.map(|sealed| sealed.sealed.as_slice()),
        &sealed.map(|sealed| sealed.index.as_slice()),
    ];
    match db.write(CREATE, params).await?.first() {
        None => Err(Refusal::SsnTaken.into()),
        Some(row) => existing(db, CustomerNumber::new(get(row, 0)?)).await,
    }
}

pub(crate) async fn find(
    db: &Database,
    number: CustomerNumber,
) -> Result<Option<Held<Customer>>, Error> {
    db.read(FIND, &[&number.get()]).await?.first().map(customer).transpose()
}

pub(crate) async fn find_by_ssn(
    db: &Database,
    ssn: &Ssn,
    index: Option<[u8; 32]>,
) -> Result<Option<Held<Customer>>, Error> {
    let index = index.as_ref().map(<[u8; 32]>::as_slice);
    db.read(FIND_BY_SSN, &[&ssn.reveal(), &index]).await?.first().map(customer).transpose()
}

pub(crate) async fn list(
    db: &Database,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<Held<Customer>>, Error> {
    let params: Params<'_> = &[&after.unwrap_or(0), &i64::from(limit).saturating_add(1)];
    let rows = db.read(LIST, params).await?.iter().map(customer).collect::<Result<_, _>>()?;
    Ok(Page::cut(rows, limit, |customer| customer.row.number.get()))
}

pub(crate) async fn named(
    db: &Database,
    part: &str,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<Held<Customer>>, Error> {
    let params: Params<'_> =
        &[&after.unwrap_or(0), &i64::from(limit).saturating_add(1), &part.to_lowercase()];
    let rows = db.read(NAMED, params).await?.iter().map(customer).collect::<Result<_, _>>()?;
    Ok(Page::cut(rows, limit, |customer| customer.row.number.get()))
}

pub(crate) async fn update(
    db: &Database,
    actor: &Actor,
    number: CustomerNumber,
    details: &CustomerDetails,
) -> Result<Held<Customer>, Error> {
    let params: Params<'_> = &[
        &now_ms(),
        &actor.user.as_str(),
        &actor.session,
        &&*actor.server,
        &number.get(),
        &details.name,
        &details.address,
        &i64::from(details.age),
    ];
    db.write(UPDATE, params).await?;
    let customer = existing(db, number).await?;
    // An active customer who was not changed is as was asked for.
    match customer.row.status {
        CustomerStatus::Active => Ok(customer),
        CustomerStatus::Deactivated => Err(Refusal::CustomerDeactivated.into()),
    }
}

pub(crate) async fn set_status(
    db: &Database,
    actor: &Actor,
    number: CustomerNumber,
    status: CustomerStatus,
) -> Result<Held<Customer>, Error> {
    let (sql, refusal) = match status {
        CustomerStatus::Active => (ACTIVATE, Refusal::CustomerActive),
        CustomerStatus::Deactivated => (DEACTIVATE, Refusal::CustomerDeactivated),
    };
    let params: Params<'_> =
        &[&now_ms(), &actor.user.as_str(), &actor.session, &&*actor.server, &number.get()];
    let is_changed = !db.write(sql, params).await?.is_empty();
    let customer = existing(db, number).await?;
    if is_changed { Ok(customer) } else { Err(refusal.into()) }
}

async fn existing(db: &Database, number: CustomerNumber) -> Result<Held<Customer>, Error> {
    find(db, number).await?.ok_or(Error::Rejected(Refusal::CustomerUnknown))
}

fn customer(row: &Row) -> Result<Held<Customer>, Error> {
    let sealed = get(row, 10)?;
    let row = Customer {
        number: CustomerNumber::new(get(row, 0)?),
        ssn: row::word(row, 1, Ssn::parse)?,
        details: CustomerDetails {
            name: get(row, 2)?,
            address: get(row, 3)?,
            age: u16::try_from(get::<i64>(row, 4)?).map_err(row::damaged)?,
        },
        state: get(row, 5)?,
        city: get(row, 6)?,
        status: row::word(row, 7, CustomerStatus::parse)?,
        message: get(row, 8)?,
        updated_at: get(row, 9)?,
    };
    Ok(Held { row, sealed })
}
