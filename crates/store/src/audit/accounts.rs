//! The walk along the entries of each account: accounts by number, entries by account and number.

use ledger::audit::Rule;

use super::{Meter, Report};

/// An account's row.
pub(crate) struct Account {
    pub(crate) number: i64,
    pub(crate) house: bool,
    pub(crate) debits_posted: i64,
    pub(crate) credits_posted: i64,
    pub(crate) pending: (i64, i64),
    pub(crate) entry_count: i64,
    pub(crate) mark: Option<(i64, i64, i64)>,
    pub(crate) last_entry: Option<i64>,
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

pub(crate) struct Entry {
    pub(crate) account: i64,
    pub(crate) number: i64,
    pub(crate) transfer: i64,
    pub(crate) amount: i64,
    pub(crate) balance: Option<i64>,
    pub(crate) booked_at: i64,
    pub(crate) id: i64,
    pub(crate) previous: Option<i64>,
}

/// Looks at every account and entry.
pub(crate) fn walk<E>(
    mut accounts: impl Iterator<Item = Result<Account, E>>,
    mut entries: impl Iterator<Item = Result<Entry, E>>,
    report: &mut Report,
    meter: &mut Meter<'_>,
) -> Result<(), E> {
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
