//! One transfer with what is linked to it.

use ledger::receipt::Moved;
use ledger::{AccountNumber, Amount, OperationId, TransferId};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Error;
use crate::model::TransferView;
use crate::sqlite::{classify, row};

const FIND: &str = "select t.id, t.operation, o.kind, o.user, o.booked_at, t.description, \
     t.debit, t.credit, t.amount, a.currency, r.reverses, b.transfer \
     from transfers t join operations o on o.id = t.operation \
     join accounts a on a.number = t.debit left join reversals r on r.transfer = t.id \
     left join reversals b on b.reverses = t.id where t.id = ?1";

pub(crate) fn find(db: &Connection, transfer: TransferId) -> Result<Option<TransferView>, Error> {
    let mut statement = db.prepare_cached(FIND).map_err(classify)?;
    statement.query_row([transfer.get()], view).optional().map_err(classify)
}

fn view(row: &Row<'_>) -> Result<TransferView, rusqlite::Error> {
    let amount = Amount::try_new(row.get(8)?, row::currency(row, 9)?)
        .map_err(|error| row::damaged(8, Type::Integer, error))?;
    let link = |column| row.get::<_, Option<i64>>(column);
    Ok(TransferView {
        transfer: TransferId::new(row.get(0)?),
        operation: OperationId::new(row.get(1)?),
        kind: row.get(2)?,
        user: row::user(row, 3)?,
        booked_at: row.get(4)?,
        description: row.get(5)?,
        moved: Moved {
            debit: AccountNumber::new(row.get(6)?),
            credit: AccountNumber::new(row.get(7)?),
            amount,
            reverses: link(10)?.map(TransferId::new),
        },
        reversed_by: link(11)?.map(TransferId::new),
    })
}
