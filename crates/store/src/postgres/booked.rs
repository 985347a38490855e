//! What the books hold of operations: for receipts that are given again or checked.

use std::collections::HashMap;

use ledger::receipt::Moved;
use ledger::{AccountNumber, Amount, Answer, IdempotencyKey, OperationId, TransferId};
use tokio_postgres::Row;

use crate::error::Error;
use crate::model::Booked;
use crate::postgres::Database;
use crate::postgres::row::{self, damaged, get};

const BY_KEYS: &str = "select id, key, kind, booked_at, answer from operations where key = any($1)";
const BY_ID: &str = "select id, key, kind, booked_at, answer from operations where id = $1";
/// Through the answers' own ids: transfers are found by id only.
const TRANSFERS: &str = "select t.id, t.debit, t.credit, t.amount, a.currency, r.reverses \
     from transfers t join accounts a on a.number = t.debit \
     left join reversals r on r.transfer = t.id where t.id = any($1)";

/// The operations of some keys, each once, in no order; unknown keys are left out. Rows of the
/// books never change, so what is read in two steps fits together.
pub(crate) async fn by_keys(db: &Database, keys: &[IdempotencyKey]) -> Result<Vec<Booked>, Error> {
    let keys: Vec<&str> = keys.iter().map(IdempotencyKey::as_str).collect();
    let rows = db.read(BY_KEYS, &[&keys]).await?;
    with_transfers(db, &rows).await
}

/// The operation of an id.
pub(crate) async fn by_id(db: &Database, id: OperationId) -> Result<Option<Booked>, Error> {
    let rows = db.read(BY_ID, &[&id.get()]).await?;
    Ok(with_transfers(db, &rows).await?.pop())
}

async fn with_transfers(db: &Database, rows: &[Row]) -> Result<Vec<Booked>, Error> {
    let mut all = rows.iter().map(operation).collect::<Result<Vec<_>, _>>()?;
    let moved = moved_by(db, all.iter().flat_map(|booked| booked.answer.transfers())).await?;
    for booked in &mut all {
        // A transfer that the answer names and the books lack is left out: then the parts do not
        // fit together, and whoever compares them says so.
        booked.moved =
            booked.answer.transfers().filter_map(|id| moved.get(&id.get()).cloned()).collect();
    }
    Ok(all)
}

/// What transfers moved, by their ids; those that the books lack are left out.
pub(crate) async fn moved_by(
    db: &Database,
    transfers: impl Iterator<Item = TransferId>,
) -> Result<HashMap<i64, Moved>, Error> {
    let ids: Vec<i64> = transfers.map(TransferId::get).collect();
    let mut moved = HashMap::with_capacity(ids.len());
    for row in &db.read(TRANSFERS, &[&ids]).await? {
        let amount = Amount::try_new(get(row, 3)?, row::currency(row, 4)?).map_err(damaged)?;
        let (debit, credit) = (AccountNumber::new(get(row, 1)?), AccountNumber::new(get(row, 2)?));
        let reverses = get::<Option<i64>>(row, 5)?.map(TransferId::new);
        moved.insert(get::<i64>(row, 0)?, Moved { debit, credit, amount, reverses });
    }
    Ok(moved)
}

/// An operation, what it moved not read yet.
fn operation(row: &Row) -> Result<Booked, Error> {
    Ok(Booked {
        operation: OperationId::new(get(row, 0)?),
        key: row::word(row, 1, |text| IdempotencyKey::parse(text).ok())?,
        kind: get(row, 2)?,
        booked_at: get(row, 3)?,
        answer: Answer::decode(get(row, 4)?).map_err(damaged)?,
        moved: Vec::new(),
    })
}
