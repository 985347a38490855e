//! Synthetic files for `ballast replay`: the accounts of people with wages, rents and bad months.
//!
//! Guarantees: the same number of accounts and seed give the same bytes for ever (see `dice`);
//! every balance follows from the one before; every account starts at zero; amounts are above
//! zero; the rows of an account are in the order of their days. The accounts of a smaller file
//! are the first accounts of a larger one. Nothing here is modelled on real people.

use std::io::{self, Write};

use jiff::civil::Date;

use crate::{cents::Cents, dice::Dice};

mod person;

use self::person::Person;

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct GenerateOptions {
    /// How many accounts.
    pub accounts: u64,
    /// What the file depends on.
    pub seed: u64,
}

/// What was written: control totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows under the header.
    pub rows: u64,
    /// All credits.
    pub credits: Cents,
    /// All debits.
    pub debits: Cents,
    /// The sum of the last balances.
    pub balances: Cents,
    /// Accounts that were below zero at least once.
    pub overdrawn: u64,
}

/// One row before it is text.
#[derive(Debug, Clone, Copy)]
struct Row {
    date: Date,
    /// Above zero for credits, below for debits.
    change: Cents,
    purpose: &'static str,
}

/// Writes a file with the header `account,date,direction,amount,balance,purpose`.
///
/// # Errors
/// When the output cannot be written.
pub fn generate(options: GenerateOptions, output: &mut dyn Write) -> io::Result<Totals> {
    writeln!(output, "account,date,direction,amount,balance,purpose")?;
    let mut totals = Totals::default();
    for account in 1..=options.accounts {
        let mut dice = Dice::for_part(options.seed, account);
        let rows = Person::meet(&mut dice).live(&mut dice);
        write_account(account, &rows, output, &mut totals)?;
    }
    output.flush()?;
    Ok(totals)
}

fn write_account(
    account: u64,
    rows: &[Row],
    output: &mut dyn Write,
    totals: &mut Totals,
) -> io::Result<()> {
    let too_large = || io::Error::other("the totals of the file leave the range of money");
    let mut balance = Cents::ZERO;
    let mut lowest = Cents::ZERO;
    for Row { date, change, purpose } in rows {
        balance = balance.checked_add(*change).ok_or_else(too_large)?;
        lowest = lowest.min(balance);
        let (direction, amount) = if *change > Cents::ZERO {
            totals.credits = totals.credits.checked_add(*change).ok_or_else(too_large)?;
            ("credit", *change)
        } else {
            let amount = Cents::new(-change.get());
            totals.debits = totals.debits.checked_add(amount).ok_or_else(too_large)?;
            ("debit", amount)
        };
        writeln!(output, "S{account:06},{date},{direction},{amount},{balance},{purpose}")?;
        totals.rows += 1;
    }
    totals.balances = totals.balances.checked_add(balance).ok_or_else(too_large)?;
    if lowest < Cents::ZERO {
        totals.overdrawn += 1;
    }
    Ok(())
}
