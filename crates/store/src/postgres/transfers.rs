//! One transfer with what is linked to it.

use ledger::receipt::Moved;
use ledger::{AccountNumber, Amount, OperationId, TransferId};
use tokio_postgres::Row;

use crate::error::Error;
use crate::model::TransferView;
use crate::postgres::Database;
use crate::postgres::row::{self, damaged, get};

const FIND: &str = "select t.id, t.operation, o.kind, o.user_id, o.booked_at, t.description, \
     t.debit, t.credit, t.amount, a.currency, r.reverses, b.transfer \
     from transfers t join operations o on o.id = t.operation \
     join accounts a on a.number = t.debit left join reversals r on r.transfer = t.id \
     left join reversals b on b.reverses = t.id where t.id = $1";

pub(crate) async fn find(
    db: &Database,
    transfer: TransferId,
) -> Result<Option<TransferView>, Error> {
    db.read(FIND, &[&transfer.get()]).await?.first().map(view).transpose()
}

fn view(row: &Row) -> Result<TransferView, Error> {
    let link = |column| Ok::<_, Error>(get::<Option<i64>>(row, column)?.map(TransferId::new));
    Ok(TransferView {
        transfer: TransferId::new(get(row, 0)?),
        operation: OperationId::new(get(row, 1)?),
        kind: get(row, 2)?,
        user: row::user(row, 3)?,
        booked_at: get(row, 4)?,
        description: get(row, 5)?,
        moved: Moved {
            debit: AccountNumber::new(get(row, 6)?),
            credit: AccountNumber::new(get(row, 7)?),
            amount: Amount::try_new(get(row, 8)?, row::currency(row, 9)?).map_err(damaged)?,
            reverses: link(10)?,
        },
        reversed_by: link(11)?,
    })
}
