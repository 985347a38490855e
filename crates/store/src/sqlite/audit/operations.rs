//! The walk along operations, their transfers, and those transfers' entries, all at once.

use std::iter::Peekable;

use ledger::audit::Rule;
use ledger::{Answer, LegAnswer, TransferId};
use rusqlite::{Connection, Row};

use super::Meter;
use crate::audit::{Progress, Report};

const OPERATIONS: &str = "select id, booked_at, answer, kind from operations order by id";
const TRANSFERS: &str = "select id, operation, debit, credit, amount from transfers order by id";
const ENTRIES: &str =
    "select transfer, account, amount, balance, booked_at from entries order by id";

struct Operation {
    id: i64,
    booked_at: i64,
    answer: Vec<u8>,
    opening: bool,
}

struct Transfer {
    id: i64,
    operation: i64,
    debit: i64,
    credit: i64,
    amount: i64,
}

struct Entry {
    transfer: i64,
    account: i64,
    amount: i64,
    balance: Option<i64>,
    booked_at: i64,
}

type Rows<'a, T> = Peekable<Box<dyn Iterator<Item = Result<T, rusqlite::Error>> + 'a>>;

pub(super) fn walk(
    db: &Connection,
    report: &mut Report,
    meter: &mut Meter<impl FnMut(Progress)>,
) -> Result<(), rusqlite::Error> {
    let mut operations = db.prepare(OPERATIONS)?;
    let mut operations = operations.query_map([], operation)?;
    let mut transfers = db.prepare(TRANSFERS)?;
    let rows: Box<dyn Iterator<Item = _>> = Box::new(transfers.query_map([], transfer)?);
    let mut transfers: Rows<'_, Transfer> = rows.peekable();
    let mut entries = db.prepare(ENTRIES)?;
    let rows: Box<dyn Iterator<Item = _>> = Box::new(entries.query_map([], entry)?);
    let mut entries: Rows<'_, Entry> = rows.peekable();
    let mut booked_last = 0;
    while let Some(operation) = operations.next().transpose()? {
        meter.row();
        if operation.booked_at < booked_last {
            report.found(Rule::BookingOrder, || {
                format!("operation {}: booked before the one before", operation.id)
            });
        }
        booked_last = operation.booked_at;
        let mut posted = Vec::new();
        while let Some(transfer) =
            take_while(&mut transfers, |transfer| transfer.operation <= operation.id)?
        {
            meter.row();
            let legs = take_entries(&mut entries, transfer.id, meter)?;
            check_transfer(report, &operation, &transfer, &legs);
            posted.push(seen_as(&transfer, &legs));
        }
        check_answer(report, &operation, &posted);
    }
    Ok(())
}

fn take_while<T>(
    rows: &mut Rows<'_, T>,
    keep: impl Fn(&T) -> bool,
) -> Result<Option<T>, rusqlite::Error> {
    rows.next_if(|row| row.as_ref().map_or(true, &keep)).transpose()
}

/// The entries of a transfer; entries of transfers that are not there are orphans and skipped.
fn take_entries(
    entries: &mut Rows<'_, Entry>,
    transfer: i64,
    meter: &mut Meter<impl FnMut(Progress)>,
) -> Result<Vec<Entry>, rusqlite::Error> {
    let mut legs = Vec::with_capacity(2);
    while let Some(entry) = take_while(entries, |entry| entry.transfer <= transfer)? {
        meter.row();
        if entry.transfer == transfer {
            legs.push(entry);
        }
    }
    Ok(legs)
}

fn check_transfer(report: &mut Report, operation: &Operation, transfer: &Transfer, legs: &[Entry]) {
    let sides: Vec<_> = legs.iter().map(|leg| (leg.account, leg.amount)).collect();
    let expected =
        [(transfer.debit, transfer.amount.saturating_neg()), (transfer.credit, transfer.amount)];
    if sides != expected {
        report.found(Rule::TransferEntries, || {
            format!("transfer {}: entries {sides:?}, expected {expected:?}", transfer.id)
        });
    }
    if legs.iter().any(|leg| leg.booked_at != operation.booked_at) {
        report.found(Rule::BookingOrder, || {
            format!("transfer {}: booked at another time than its operation", transfer.id)
        });
    }
}

/// What the answer must say of a transfer that is in the books.
fn seen_as(transfer: &Transfer, legs: &[Entry]) -> LegAnswer {
    let after =
        |account| legs.iter().find(|leg| leg.account == account).and_then(|leg| leg.balance);
    LegAnswer::Accepted {
        transfer: TransferId::new(transfer.id),
        debit_after: after(transfer.debit),
        credit_after: after(transfer.credit),
    }
}

fn check_answer(report: &mut Report, operation: &Operation, posted: &[LegAnswer]) {
    let ids = |legs: &[LegAnswer]| -> Vec<TransferId> {
        legs.iter()
            .filter_map(|leg| match leg {
                LegAnswer::Accepted { transfer, .. } => Some(*transfer),
                LegAnswer::Refused(_) => None,
            })
            .collect()
    };
    let told = match Answer::decode(&operation.answer) {
        Err(_) => {
            report.found(Rule::Answers, || format!("operation {}: unreadable", operation.id));
            return;
        }
        Ok(Answer::Opened { deposit, .. }) if operation.opening => {
            deposit.into_iter().collect::<Vec<_>>() == ids(posted)
        }
        Ok(Answer::OpenRefused(_)) if operation.opening => posted.is_empty(),
        Ok(Answer::Legs(legs)) if !operation.opening => {
            let accepted = legs.iter().filter(|leg| matches!(leg, LegAnswer::Accepted { .. }));
            accepted.eq(posted)
        }
        Ok(_) => false,
    };
    if !told {
        report.found(Rule::Answers, || {
            format!("operation {}: its answer is not what the books hold", operation.id)
        });
    }
}

fn operation(row: &Row<'_>) -> Result<Operation, rusqlite::Error> {
    Ok(Operation {
        id: row.get(0)?,
        booked_at: row.get(1)?,
        answer: row.get(2)?,
        opening: row.get_ref(3)?.as_str()? == "open_account",
    })
}

fn transfer(row: &Row<'_>) -> Result<Transfer, rusqlite::Error> {
    Ok(Transfer {
        id: row.get(0)?,
        operation: row.get(1)?,
        debit: row.get(2)?,
        credit: row.get(3)?,
        amount: row.get(4)?,
    })
}

fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        transfer: row.get(0)?,
        account: row.get(1)?,
        amount: row.get(2)?,
        balance: row.get(3)?,
        booked_at: row.get(4)?,
    })
}
