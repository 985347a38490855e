//! Reading columns as the bank's types. A word that no version of the bank ever wrote is damage
//! and an error, never a default.

use ledger::{
    Account, AccountKind, AccountNumber, AccountStatus, Currency, CustomerNumber, CustomerStatus,
    UserId,
};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::Error;

pub(crate) fn account(row: &Row) -> Result<Account, Error> {
    Ok(Account {
        number: AccountNumber::new(get(row, 0)?),
        customer: CustomerNumber::new(get(row, 1)?),
        kind: word(row, 2, AccountKind::parse)?,
        currency: currency(row, 3)?,
        status: word(row, 4, AccountStatus::parse)?,
        customer_status: word(row, 5, CustomerStatus::parse)?,
        overdraft_minor: get(row, 6)?,
        debits_posted: get(row, 7)?,
        credits_posted: get(row, 8)?,
        debits_pending: get(row, 9)?,
        entry_count: get(row, 10)?,
    })
}

pub(crate) fn currency(row: &Row, column: usize) -> Result<Currency, Error> {
    word(row, column, |text| Currency::parse(text).ok())
}

pub(crate) fn user(row: &Row, column: usize) -> Result<UserId, Error> {
    word(row, column, UserId::parse)
}

pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Error> {
    row.try_get(column).map_err(damaged)
}

/// Reads a text column through `parse`.
pub(crate) fn word<T>(
    row: &Row,
    column: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Error> {
    parse(get(row, column)?).ok_or_else(|| damaged(UnknownWord { column }))
}

#[derive(Debug, thiserror::Error)]
#[error("column {column} holds a word that is not known")]
struct UnknownWord {
    column: usize,
}

pub(crate) fn damaged(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable {
        reason: "the database holds what it should not",
        source: Some(Box::new(source)),
    }
}
