//! The posting of a group: one transaction, whatever its size.
//!
//! Phases: stored answers of known keys → accounts touched by the new ones → decision in order
//! (`ledger::posting`) → operations, transfers, entries, counters, links of reversals and their
//! audit rows → (the caller commits). Locks:
//! the whole file, taken before anything is read. Isolation: serial. Round trips: none.

mod reversals;

use std::collections::{BTreeSet, HashMap};

use ledger::posting::{Books, EntryRow, Written};
use ledger::{
    AccountNumber, Answer, CustomerStatus, IdempotencyKey, Operation, OperationId, Request,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Error;
use crate::model::{Decided, Outcome, UnixMs};
use crate::sqlite::entries::MARK_EVERY;
use crate::sqlite::{classify, row};

const MARKS: &str = "select coalesce((select max(id) from operations), 0), \
     coalesce((select max(id) from transfers), 0), \
     (select max(number) from accounts), \
     coalesce((select booked_at from operations order by id desc limit 1), 0)";
const STORED: &str = "select id, fingerprint, booked_at, answer from operations where key = ?1";
/// The columns that [`row::account`] reads; `$tail` picks the rows.
macro_rules! select_accounts {
    ($tail:literal) => {
        concat!(
            "select a.number, a.customer, a.kind, a.currency, a.status, c.status, a.overdraft, ",
            "a.debits_posted, a.credits_posted, a.debits_pending, a.entry_count, a.last_entry ",
            "from accounts a join customers c on c.number = a.customer where ",
            $tail
        )
    };
}

const ACCOUNT: &str = select_accounts!("a.number = ?1");
const OPEN_ACCOUNTS_OF: &str = select_accounts!("a.customer = ?1 and a.status = 'open'");
const CUSTOMER_STATUS: &str = "select status from customers where number = ?1";
const INSERT_OPERATION: &str = "insert into operations \
     (id, key, fingerprint, kind, user, session, server, booked_at, answer) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const INSERT_TRANSFER: &str = "insert into transfers \
     (id, operation, debit, credit, amount, description) values (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_ENTRY: &str = "insert into entries \
     (id, account, number, transfer, amount, balance, previous, booked_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const INSERT_MARK: &str = "insert into entry_marks (account, number, entry) values (?1, ?2, ?3)";
const UPDATE_ACCOUNT: &str = "update accounts \
     set debits_posted = ?2, credits_posted = ?3, entry_count = ?4, last_entry = ?5 \
     where number = ?1";
const INSERT_ACCOUNT: &str = "insert into accounts (number, customer, kind, currency, status, \
     overdraft, debits_posted, credits_posted, debits_pending, credits_pending, entry_count, \
     opened_at, last_entry) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, ?9, ?10, ?11)";
const INSERT_ACCOUNT_LOG: &str =
    "insert into account_log (account, message, at, user) values (?1, 'Account opened', ?2, ?3)";

/// Posts a group; the outcomes are in the order of the operations. Changes nothing if it fails.
pub(crate) fn post_group(
    db: &Connection,
    operations: &[Operation],
    now: UnixMs,
) -> Result<Vec<Outcome>, Error> {
    try_post_group(db, operations, now).map_err(classify)
}

/// A key that is known, from an earlier group or from earlier in this one.
struct Known {
    fingerprint: [u8; 32],
    decided: Decided,
}

fn try_post_group(
    db: &Connection,
    operations: &[Operation],
    now: UnixMs,
) -> Result<Vec<Outcome>, rusqlite::Error> {
    let mut known = stored_answers(db, operations)?;
    let (operation_last, transfer_last, account_last, booked_last): (i64, i64, i64, i64) = db
        .prepare_cached(MARKS)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    // The clocks of servers differ; booking times never go back (statements rely on it).
    let booked_at = now.max(booked_last);
    let mut books = Books::new(transfer_last, account_last, booked_at);
    let fresh = || operations.iter().filter(|operation| !known.contains_key(&operation.key));
    let mut last_entries = load(db, &mut books, fresh())?;

    let mut ids = operation_last;
    let mut inserts = Vec::with_capacity(operations.len());
    let mut outcomes = Vec::with_capacity(operations.len());
    for operation in operations {
        if let Some(known) = known.get(&operation.key) {
            outcomes.push(replay(known, operation));
            continue;
        }
        ids += 1;
        let id = OperationId::new(ids);
        let answer = books.post(id, operation);
        let decided = Decided { operation: id, booked_at, replayed: false, answer, position: None };
        outcomes.push(Outcome::Decided(decided.clone()));
        inserts.push((operation, id));
        let stored = Decided { replayed: true, ..decided };
        known.insert(
            operation.key.clone(),
            Known { fingerprint: operation.fingerprint.0, decided: stored },
        );
    }
    write_operations(db, &inserts, &known, booked_at)?;
    let entries = numbered(books.written(), &mut last_entries);
    write_accounts(db, &books, &inserts, &last_entries, booked_at)?;
    write_transfers(db, books.written())?;
    write_entries(db, &entries, booked_at)?;
    reversals::write(db, &inserts, &known, &books.written().reversals, booked_at)?;
    Ok(outcomes)
}

fn replay(known: &Known, operation: &Operation) -> Outcome {
    if known.fingerprint == operation.fingerprint.0 {
        Outcome::Decided(known.decided.clone())
    } else {
        Outcome::KeyReused
    }
}

fn stored_answers(
    db: &Connection,
    operations: &[Operation],
) -> Result<HashMap<IdempotencyKey, Known>, rusqlite::Error> {
    let mut known = HashMap::new();
    let mut statement = db.prepare_cached(STORED)?;
    for operation in operations {
        let found = statement
            .query_row([operation.key.as_str()], |row| {
                let answer = Answer::decode(row.get_ref(3)?.as_blob()?).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(
                        3,
                        rusqlite::types::Type::Blob,
                        Box::new(error),
                    )
                })?;
                let decided = Decided {
                    operation: OperationId::new(row.get(0)?),
                    booked_at: row.get(2)?,
                    replayed: true,
                    answer,
                    position: None,
                };
                Ok(Known { fingerprint: row.get(1)?, decided })
            })
            .optional()?;
        if let Some(found) = found {
            known.insert(operation.key.clone(), found);
        }
    }
    Ok(known)
}

/// The id of each account's newest entry.
type LastEntries = HashMap<AccountNumber, i64>;

/// Reads every account that the operations touch; for openings the customer's open accounts, for
/// reversals what they take back.
fn load<'a>(
    db: &Connection,
    books: &mut Books,
    operations: impl Iterator<Item = &'a Operation>,
) -> Result<LastEntries, rusqlite::Error> {
    let mut last_entries = LastEntries::new();
    let mut numbers = BTreeSet::new();
    for operation in operations {
        for leg in operation.request.legs() {
            numbers.extend([leg.debit, leg.credit].into_iter().filter(|each| !each.is_house()));
        }
        if let Request::Reversal(reversal) = &operation.request {
            numbers.extend(reversals::load(db, books, reversal.transfer)?);
        }
        if let Request::Open(opening) = &operation.request {
            let status = db
                .prepare_cached(CUSTOMER_STATUS)?
                .query_row([opening.customer.get()], |found| {
                    row::word(found, 0, CustomerStatus::parse)
                })
                .optional()?;
            if let Some(status) = status {
                books.insert_customer(opening.customer, status);
            }
            let mut statement = db.prepare_cached(OPEN_ACCOUNTS_OF)?;
            let mut rows = statement.query([opening.customer.get()])?;
            while let Some(found) = rows.next()? {
                books.insert_account(row::account(found)?);
            }
        }
    }
    let mut statement = db.prepare_cached(ACCOUNT)?;
    for number in numbers {
        let found = statement
            .query_row([number.get()], |found| {
                Ok((row::account(found)?, found.get::<_, Option<i64>>(11)?))
            })
            .optional()?;
        if let Some((account, last_entry)) = found {
            books.insert_account(account);
            last_entries.extend(last_entry.map(|entry| (number, entry)));
        }
    }
    Ok(last_entries)
}

/// An entry with its place in the table and in its account's list.
struct Placed<'a> {
    id: i64,
    previous: Option<i64>,
    entry: &'a EntryRow,
}

/// Gives each entry its id and the one before it, and moves the accounts' newest entries.
fn numbered<'a>(written: &'a Written, last_entries: &mut LastEntries) -> Vec<Placed<'a>> {
    let place = |entry: &'a EntryRow| {
        let id = entry.transfer.get() * 2 + i64::from(entry.signed_minor > 0);
        let previous =
            if entry.account.is_house() { None } else { last_entries.insert(entry.account, id) };
        Placed { id, previous, entry }
    };
    written.entries.iter().map(place).collect()
}

fn write_operations(
    db: &Connection,
    inserts: &[(&Operation, OperationId)],
    known: &HashMap<IdempotencyKey, Known>,
    booked_at: UnixMs,
) -> Result<(), rusqlite::Error> {
    let mut statement = db.prepare_cached(INSERT_OPERATION)?;
    for (operation, id) in inserts {
        let answer = known.get(&operation.key).map(|known| known.decided.answer.encode());
        statement.execute(params![
            id.get(),
            operation.key.as_str(),
            operation.fingerprint.0,
            operation.request.kind(),
            operation.actor.user.as_str(),
            operation.actor.session,
            &*operation.actor.server,
            booked_at,
            answer,
        ])?;
    }
    Ok(())
}

/// Inserts accounts that were opened, and updates the counters of those with new entries.
fn write_accounts(
    db: &Connection,
    books: &Books,
    inserts: &[(&Operation, OperationId)],
    last_entries: &LastEntries,
    booked_at: UnixMs,
) -> Result<(), rusqlite::Error> {
    let written = books.written();
    let users: HashMap<OperationId, &str> =
        inserts.iter().map(|(operation, id)| (*id, operation.actor.user.as_str())).collect();
    let mut opened = BTreeSet::new();
    for (number, operation) in &written.opened {
        let Some(account) = books.accounts().get(number) else { continue };
        opened.insert(*number);
        db.prepare_cached(INSERT_ACCOUNT)?.execute(params![
            number.get(),
            account.customer.get(),
            account.kind.as_str(),
            account.currency.code(),
            account.status.as_str(),
            account.overdraft_minor,
            account.debits_posted,
            account.credits_posted,
            account.entry_count,
            booked_at,
            last_entries.get(number),
        ])?;
        let user = users.get(operation);
        db.prepare_cached(INSERT_ACCOUNT_LOG)?.execute(params![number.get(), booked_at, user])?;
    }
    let touched: BTreeSet<AccountNumber> = written
        .entries
        .iter()
        .map(|entry| entry.account)
        .filter(|number| !number.is_house() && !opened.contains(number))
        .collect();
    let mut statement = db.prepare_cached(UPDATE_ACCOUNT)?;
    for number in touched {
        let Some(account) = books.accounts().get(&number) else { continue };
        statement.execute(params![
            number.get(),
            account.debits_posted,
            account.credits_posted,
            account.entry_count,
            last_entries.get(&number),
        ])?;
    }
    Ok(())
}

fn write_transfers(db: &Connection, written: &Written) -> Result<(), rusqlite::Error> {
    let mut statement = db.prepare_cached(INSERT_TRANSFER)?;
    for transfer in &written.transfers {
        statement.execute(params![
            transfer.id.get(),
            transfer.operation.get(),
            transfer.leg.debit.get(),
            transfer.leg.credit.get(),
            transfer.leg.amount.minor(),
            transfer.leg.description.as_str(),
        ])?;
    }
    Ok(())
}

fn write_entries(
    db: &Connection,
    entries: &[Placed<'_>],
    booked_at: UnixMs,
) -> Result<(), rusqlite::Error> {
    let mut statement = db.prepare_cached(INSERT_ENTRY)?;
    for Placed { id, previous, entry } in entries {
        statement.execute(params![
            id,
            entry.account.get(),
            entry.number,
            entry.transfer.get(),
            entry.signed_minor,
            entry.balance_after,
            previous,
            booked_at,
        ])?;
    }
    let mut statement = db.prepare_cached(INSERT_MARK)?;
    for Placed { id, entry, .. } in entries {
        if !entry.account.is_house() && entry.number % MARK_EVERY == 0 {
            statement.execute([entry.account.get(), entry.number, *id])?;
        }
    }
    Ok(())
}
