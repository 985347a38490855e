//! What a posting reads and writes for reversals: the transfers that they take back, the links
//! between the two, and an audit row for each, refused or not.

use std::collections::HashMap;

use ledger::posting::{Books, ReversalRow};
use ledger::reversal::Past;
use ledger::{
    AccountNumber, Amount, Answer, IdempotencyKey, LegAnswer, Operation, OperationId, Request,
    TransferId,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Known;
use crate::model::UnixMs;
use crate::sqlite::row;

const PAST: &str = "select t.debit, t.credit, t.amount, a.currency, o.user, o.booked_at, \
     exists (select 1 from reversals where transfer = t.id), \
     exists (select 1 from reversals where reverses = t.id) \
     from transfers t join operations o on o.id = t.operation \
     join accounts a on a.number = t.debit where t.id = ?1";
const INSERT_REVERSAL: &str = "insert into reversals (transfer, reverses) values (?1, ?2)";
const INSERT_EVENT: &str = "insert into audit_events \
     (at, user, session, server, action, subject, result) \
     values (?1, ?2, ?3, ?4, 'transfer.reverse', ?5, ?6)";

/// Puts a transfer that somebody asks to reverse into the books; gives the customers' accounts that
/// its reversal touches.
pub(super) fn load(
    db: &Connection,
    books: &mut Books,
    transfer: TransferId,
) -> Result<Vec<AccountNumber>, rusqlite::Error> {
    let found = db.prepare_cached(PAST)?.query_row([transfer.get()], past).optional()?;
    let Some(past) = found else { return Ok(Vec::new()) };
    let touched = [past.debit, past.credit].into_iter().filter(|each| !each.is_house()).collect();
    books.insert_transfer(transfer, past);
    Ok(touched)
}

fn past(row: &Row<'_>) -> Result<Past, rusqlite::Error> {
    let amount = Amount::try_new(row.get(2)?, row::currency(row, 3)?);
    Ok(Past {
        debit: AccountNumber::new(row.get(0)?),
        credit: AccountNumber::new(row.get(1)?),
        amount: amount.map_err(|error| row::damaged(2, Type::Integer, error))?,
        user: row::user(row, 4)?,
        booked_at_ms: row.get(5)?,
        is_reversal: row.get(6)?,
        is_reversed: row.get(7)?,
    })
}

/// Writes the links, and who asked for what with which result.
pub(super) fn write(
    db: &Connection,
    inserts: &[(&Operation, OperationId)],
    known: &HashMap<IdempotencyKey, Known>,
    links: &[ReversalRow],
    booked_at: UnixMs,
) -> Result<(), rusqlite::Error> {
    for link in links {
        db.prepare_cached(INSERT_REVERSAL)?.execute([link.transfer.get(), link.reverses.get()])?;
    }
    for (operation, _) in inserts {
        let Request::Reversal(reversal) = &operation.request else { continue };
        let answer = known.get(&operation.key).map(|known| &known.decided.answer);
        db.prepare_cached(INSERT_EVENT)?.execute(params![
            booked_at,
            operation.actor.user.as_str(),
            operation.actor.session,
            &*operation.actor.server,
            reversal.transfer.to_string(),
            if answer.is_some_and(is_done) { "done" } else { "denied" },
        ])?;
    }
    Ok(())
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer, Answer::Legs(legs) if matches!(legs.as_slice(), [LegAnswer::Accepted { .. }]))
}
