//! What the books hold of operations: for receipts that are given again or checked.

use std::collections::HashSet;

use ledger::receipt::Moved;
use ledger::{AccountNumber, Amount, Answer, IdempotencyKey, OperationId, TransferId};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Error;
use crate::model::Booked;
use crate::sqlite::{classify, row};

const BY_KEY: &str = "select id, key, kind, booked_at, answer from operations where key = ?1";
const BY_ID: &str = "select id, key, kind, booked_at, answer from operations where id = ?1";
const TRANSFER: &str = "select t.debit, t.credit, t.amount, a.currency, r.reverses \
     from transfers t join accounts a on a.number = t.debit \
     left join reversals r on r.transfer = t.id where t.id = ?1";

/// The operations of some keys in one snapshot, each once, in no order; unknown keys are left out.
pub(crate) fn by_keys(db: &mut Connection, keys: &[IdempotencyKey]) -> Result<Vec<Booked>, Error> {
    let db = db.transaction().map_err(classify)?;
    let read = || -> Result<Vec<Booked>, rusqlite::Error> {
        let mut statement = db.prepare_cached(BY_KEY)?;
        let mut all = Vec::with_capacity(keys.len());
        for key in keys.iter().collect::<HashSet<_>>() {
            if let Some(found) = statement.query_row([key.as_str()], operation).optional()? {
                all.push(with_transfers(&db, found)?);
            }
        }
        Ok(all)
    };
    read().map_err(classify)
}

/// The operation of an id.
pub(crate) fn by_id(db: &mut Connection, id: OperationId) -> Result<Option<Booked>, Error> {
    let db = db.transaction().map_err(classify)?;
    let read = || -> Result<Option<Booked>, rusqlite::Error> {
        let found = db.prepare_cached(BY_ID)?.query_row([id.get()], operation).optional()?;
        found.map(|found| with_transfers(&db, found)).transpose()
    };
    read().map_err(classify)
}

/// An operation, what it moved not read yet.
fn operation(row: &Row<'_>) -> Result<Booked, rusqlite::Error> {
    let key = row::word(row, 1, |text| IdempotencyKey::parse(text).ok())?;
    let answer = Answer::decode(row.get_ref(4)?.as_blob()?)
        .map_err(|error| row::damaged(4, Type::Blob, error))?;
    Ok(Booked {
        operation: OperationId::new(row.get(0)?),
        key,
        kind: row.get(2)?,
        booked_at: row.get(3)?,
        answer,
        moved: Vec::new(),
    })
}

fn with_transfers(db: &Connection, mut booked: Booked) -> Result<Booked, rusqlite::Error> {
    for transfer in booked.answer.transfers() {
        // A transfer that the answer names and the books lack is left out: then the parts do not
        // fit together, and whoever compares them says so.
        booked.moved.extend(moved_by(db, transfer)?);
    }
    Ok(booked)
}

/// What a transfer moved.
pub(crate) fn moved_by(
    db: &Connection,
    transfer: TransferId,
) -> Result<Option<Moved>, rusqlite::Error> {
    db.prepare_cached(TRANSFER)?.query_row([transfer.get()], moved).optional()
}

fn moved(row: &Row<'_>) -> Result<Moved, rusqlite::Error> {
    let amount = Amount::try_new(row.get(2)?, row::currency(row, 3)?)
        .map_err(|error| row::damaged(2, Type::Integer, error))?;
    Ok(Moved {
        debit: AccountNumber::new(row.get(0)?),
        credit: AccountNumber::new(row.get(1)?),
        amount,
        reverses: row.get::<_, Option<i64>>(4)?.map(TransferId::new),
    })
}
