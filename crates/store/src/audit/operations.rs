//! The walk along operations, their transfers, and those transfers' entries, all at once.

use std::iter::Peekable;

use ledger::audit::Rule;
use ledger::{Answer, LegAnswer, TransferId};

use super::{Meter, Report};

pub(crate) struct Operation {
    pub(crate) id: i64,
    pub(crate) booked_at: i64,
    pub(crate) answer: Vec<u8>,
    pub(crate) opening: bool,
    pub(crate) reversal: bool,
}

pub(crate) struct Transfer {
    pub(crate) id: i64,
    pub(crate) operation: i64,
    pub(crate) debit: i64,
    pub(crate) credit: i64,
    pub(crate) amount: i64,
    pub(crate) reverses: Option<i64>,
}

pub(crate) struct Entry {
    pub(crate) transfer: i64,
    pub(crate) account: i64,
    pub(crate) amount: i64,
    pub(crate) balance: Option<i64>,
    pub(crate) booked_at: i64,
}

/// Rows in the order of operations and transfers; without entries of transfers that are not there,
/// which are orphans and have a rule of their own.
pub(crate) type Rows<'a, T, E> = Peekable<Box<dyn Iterator<Item = Result<T, E>> + 'a>>;

/// Looks at every operation, transfer and entry. `one_after_the_other`: whether the database
/// books one group at a time, so that times never go back from one operation to the next either.
pub(crate) fn walk<E>(
    mut operations: impl Iterator<Item = Result<Operation, E>>,
    mut transfers: Rows<'_, Transfer, E>,
    mut entries: Rows<'_, Entry, E>,
    one_after_the_other: bool,
    report: &mut Report,
    meter: &mut Meter<'_>,
) -> Result<(), E> {
    let mut booked_last = 0;
    while let Some(operation) = operations.next().transpose()? {
        meter.row();
        if one_after_the_other && operation.booked_at < booked_last {
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
            check_link(report, &operation, &transfer);
            posted.push(seen_as(&transfer, &legs));
        }
        check_answer(report, &operation, &posted);
    }
    Ok(())
}

fn take_while<T, E>(rows: &mut Rows<'_, T, E>, keep: impl Fn(&T) -> bool) -> Result<Option<T>, E> {
    rows.next_if(|row| row.as_ref().map_or(true, &keep)).transpose()
}

/// The entries of a transfer: both walks are in the same order.
fn take_entries<E>(
    entries: &mut Rows<'_, Entry, E>,
    transfer: i64,
    meter: &mut Meter<'_>,
) -> Result<Vec<Entry>, E> {
    let mut legs = Vec::with_capacity(2);
    while let Some(entry) = take_while(entries, |entry| entry.transfer == transfer)? {
        meter.row();
        legs.push(entry);
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

/// Transfers of reversals are linked, and no others.
fn check_link(report: &mut Report, operation: &Operation, transfer: &Transfer) {
    if operation.reversal != transfer.reverses.is_some() {
        report.found(Rule::Reversals, || {
            let what = if operation.reversal {
                "is a reversal and takes back nothing"
            } else {
                "takes back another and is no reversal"
            };
            format!("transfer {}: {what}", transfer.id)
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
