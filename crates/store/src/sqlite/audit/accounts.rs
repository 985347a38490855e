//! The walk along the entries of each account.

use ledger::audit::Rule;
use rusqlite::{Connection, Row};

use super::Meter;
use crate::audit::{Progress, Report};

const ACCOUNTS: &str = "select a.number, a.kind = 'house', a.debits_posted, a.credits_posted, \
     a.debits_pending, a.credits_pending, a.entry_count, m.transfer, m.debits, m.credits, \
     a.last_entry \
     from accounts a left join house_marks m on m.account = a.number order by a.number";
const ENTRIES: &str = "select account, number, transfer, amount, balance, booked_at, id, previous \
     from entries order by account, number";

/// An account's row.
struct Account {
    number: i64,
    house: bool,
    debits_posted: i64,
    credits_posted: i64,
    pending: (i64, i64),
    entry_count: i64,
    mark: Option<(i64, i64, i64)>,
    last_entry: Option<i64>,
}

/// The sums of the entries seen so far.
#[derive(Default)]
struct Sums {
    debits: i64,
    credits: i64,
    count: i64,
    booked_at: i64,
    marked_debits: i64,
    marked_credits: i64,
    last_entry: Option<i64>,
}

struct Entry {
    account: i64,
    number: i64,
    transfer: i64,
    amount: i64,
    balance: Option<i64>,
    booked_at: i64,
    id: i64,
    previous: Option<i64>,
}

pub(super) fn walk(
    db: &Connection,
    report: &mut Report,
    meter: &mut Meter<impl FnMut(Progress)>,
) -> Result<(), rusqlite::Error> {
    let mut accounts = db.prepare(ACCOUNTS)?;
    let mut accounts = accounts.query_map([], account)?;
    let mut entries = db.prepare(ENTRIES)?;
    let mut entries = entries.query_map([], entry)?;
    let mut next = entries.next().transpose()?;
    while let Some(account) = accounts.next().transpose()? {
        meter.row();
        let mut sums = Sums::default();
        while let Some(entry) = next.take_if(|entry| entry.account <= account.number) {
            meter.row();
            // An entry of an account that is not there is an orphan, found by its own rule.
            if entry.account == account.number {
                check_entry(report, &account, &mut sums, &entry);
            }
            next = entries.next().transpose()?;
        }
        check_sums(report, &account, &sums);
    }
    Ok(())
}

fn check_entry(report: &mut Report, account: &Account, sums: &mut Sums, entry: &Entry) {
    let place = || format!("account {}, entry {}", entry.account, entry.number);
    sums.count += 1;
    if entry.amount < 0 {
        sums.debits = sums.debits.saturating_sub(entry.amount);
    } else {
        sums.credits = sums.credits.saturating_add(entry.amount);
    }
    if account.mark.is_some_and(|(transfer, ..)| entry.number <= transfer) {
        (sums.marked_debits, sums.marked_credits) = (sums.debits, sums.credits);
    }
    let (number, balance) = if account.house {
        (entry.transfer, None)
    } else {
        (sums.count, Some(sums.credits.saturating_sub(sums.debits)))
    };
    if entry.number != number {
        report.found(Rule::EntryNumbers, || format!("{}: expected number {number}", place()));
    }
    if entry.previous != sums.last_entry {
        report.found(Rule::EntryList, || {
            format!("{}: follows {:?}, expected {:?}", place(), entry.previous, sums.last_entry)
        });
    }
    sums.last_entry = (!account.house).then_some(entry.id);
    if entry.balance != balance {
        report.found(Rule::BalanceAfter, || {
            format!("{}: balance {:?}, expected {balance:?}", place(), entry.balance)
        });
    }
    if entry.booked_at < sums.booked_at {
        report.found(Rule::BookingOrder, || format!("{}: booked before the one before", place()));
    }
    sums.booked_at = entry.booked_at;
}

fn check_sums(report: &mut Report, account: &Account, sums: &Sums) {
    // House accounts have no counters; their sums are in the mark. There are no holds yet.
    let expected = if account.house { (0, 0, 0) } else { (sums.debits, sums.credits, sums.count) };
    let counters = (account.debits_posted, account.credits_posted, account.entry_count);
    if counters != expected || account.pending != (0, 0) {
        report.found(Rule::Counters, || {
            format!(
                "account {}: debits, credits, entries {counters:?}, expected {expected:?}; \
                 pending {:?}, expected (0, 0)",
                account.number, account.pending
            )
        });
    }
    if account.last_entry != sums.last_entry {
        report.found(Rule::EntryList, || {
            format!(
                "account {}: newest entry {:?}, expected {:?}",
                account.number, account.last_entry, sums.last_entry
            )
        });
    }
    if let Some((transfer, debits, credits)) = account.mark
        && (debits, credits) != (sums.marked_debits, sums.marked_credits)
    {
        report.found(Rule::HouseMark, || {
            format!(
                "account {}: debits, credits up to transfer {transfer} {:?}, expected {:?}",
                account.number,
                (debits, credits),
                (sums.marked_debits, sums.marked_credits)
            )
        });
    }
}

fn account(row: &Row<'_>) -> Result<Account, rusqlite::Error> {
    let transfer: Option<i64> = row.get(7)?;
    Ok(Account {
        number: row.get(0)?,
        house: row.get(1)?,
        debits_posted: row.get(2)?,
        credits_posted: row.get(3)?,
        pending: (row.get(4)?, row.get(5)?),
        entry_count: row.get(6)?,
        mark: match transfer {
            Some(transfer) => Some((transfer, row.get(8)?, row.get(9)?)),
            None => None,
        },
        last_entry: row.get(10)?,
    })
}

fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        account: row.get(0)?,
        number: row.get(1)?,
        transfer: row.get(2)?,
        amount: row.get(3)?,
        balance: row.get(4)?,
        booked_at: row.get(5)?,
        id: row.get(6)?,
        previous: row.get(7)?,
    })
}
