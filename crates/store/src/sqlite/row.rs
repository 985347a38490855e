//! Reading columns as the bank's types. A word that no version of the bank ever wrote is damage
//! and an error, never a default.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Row};

use ledger::{
    Account, AccountKind, AccountNumber, AccountStatus, Currency, CustomerNumber, CustomerStatus,
    UserId,
};

pub(crate) fn account(row: &Row<'_>) -> Result<Account, Error> {
    Ok(Account {
        number: AccountNumber::new(row.get(0)?),
        customer: CustomerNumber::new(row.get(1)?),
        kind: word(row, 2, AccountKind::parse)?,
        currency: currency(row, 3)?,
        status: word(row, 4, AccountStatus::parse)?,
        customer_status: word(row, 5, CustomerStatus::parse)?,
        overdraft_minor: row.get(6)?,
        debits_posted: row.get(7)?,
        credits_posted: row.get(8)?,
        debits_pending: row.get(9)?,
        entry_count: row.get(10)?,
    })
}

pub(crate) fn currency(row: &Row<'_>, column: usize) -> Result<Currency, Error> {
    word(row, column, |text| Currency::parse(text).ok())
}

pub(crate) fn user(row: &Row<'_>, column: usize) -> Result<UserId, Error> {
    word(row, column, UserId::parse)
}

/// Reads a text column through `parse`.
pub(crate) fn word<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Error> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| damaged(column, Type::Text, FromSqlError::InvalidType))
}

pub(crate) fn damaged(
    column: usize,
    kind: Type,
    source: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::FromSqlConversionFailure(column, kind, Box::new(source))
}
