//! How money, times and rows look on pages.

use crate::api::cursor::{self, List};
use ledger::statement::Line;
use ledger::{Balance, TransferId};
use store::{AccountView, Entry, UnixMs};

/// Money with groups of three digits and its currency: `1,234.50 USD`.
pub(crate) fn money(balance: Balance) -> String {
    format!("{} {}", figure(balance), balance.currency())
}

/// The same without the currency, for columns.
pub(crate) fn figure(balance: Balance) -> String {
    let plain = balance.to_string();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", &*plain), |digits| ("−", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len().saturating_sub(index);
        if index > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A time to the second.
pub(crate) fn when(at: UnixMs) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// An account in a list.
pub(super) struct AccountRow {
    pub(super) number: i64,
    pub(super) customer: i64,
    pub(super) customer_path: String,
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) balance: String,
    pub(super) message: String,
    pub(super) when: String,
    /// A page of the list with this row alone.
    pub(super) refresh: String,
}

impl AccountRow {
    pub(super) fn new(view: AccountView, executive: bool) -> Self {
        let account = &view.account;
        Self {
            number: account.number.get(),
            customer: account.customer.get(),
            customer_path: customer_path(account.customer.get(), executive),
            kind: account.kind.as_str(),
            status: account.status.as_str(),
            balance: money(account.balance()),
            refresh: cursor::row_path("/accounts", List::Accounts, account.number.get()),
            message: view.message,
            when: when(view.updated_at),
        }
    }
}

/// Where a customer is seen: with all data by executives, as a list of accounts by the counter.
pub(super) fn customer_path(number: i64, executive: bool) -> String {
    if executive { format!("/customers/{number}") } else { format!("/accounts?customer={number}") }
}

/// An entry in a list.
pub(super) struct EntryRow {
    pub(super) number: i64,
    pub(super) when: String,
    pub(super) description: String,
    pub(super) with: String,
    pub(super) credit: String,
    pub(super) debit: String,
    pub(super) balance: String,
    pub(super) transfer: i64,
    /// What takes it back or what it takes back, and the path of that.
    pub(super) link: Option<(String, String)>,
    /// Of the operation that was just done.
    pub(super) fresh: bool,
}

impl EntryRow {
    pub(super) fn new(entry: &Entry, fresh: Option<i64>) -> Self {
        let fresh = fresh == Some(entry.operation.get());
        let row = Self::of(&Line::from(entry.clone()));
        let back = entry.reversed_by.map(|number| link("reversed by", number));
        Self { fresh, link: row.link.or(back), ..row }
    }

    /// Of a statement.
    pub(super) fn of(entry: &Line) -> Self {
        let minor = entry.amount.minor();
        let absolute = minor.checked_abs().unwrap_or(i64::MAX);
        let amount = figure(Balance::new(absolute, entry.amount.currency()));
        let (credit, debit) =
            if minor < 0 { (String::new(), amount) } else { (amount, String::new()) };
        let counterparty = entry.counterparty;
        Self {
            number: entry.number,
            when: when(entry.booked_at),
            description: if entry.description.is_empty() {
                kind(&entry.kind).to_owned()
            } else {
                entry.description.clone()
            },
            with: if counterparty.is_house() {
                "cash".to_owned()
            } else {
                counterparty.to_string()
            },
            credit,
            debit,
            balance: figure(entry.balance),
            transfer: entry.transfer.get(),
            link: entry.reverses.map(|number| link("reverses", number)),
            fresh: false,
        }
    }
}

fn link(word: &str, number: TransferId) -> (String, String) {
    (format!("/transfers/{number}"), format!("{word} {number}"))
}

/// The kind of an operation in words.
pub(crate) fn kind(word: &str) -> &str {
    match word {
        "deposit" => "Deposit",
        "withdrawal" => "Withdrawal",
        "transfer" | "batch" => "Transfer",
        "open_account" => "Opening deposit",
        "reversal" => "Reversal",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use ledger::Currency;

    use super::*;

    #[test]
    fn money_is_grouped_for_reading() {
        let cases = [
            (0, Currency::Usd, "0.00 USD"),
            (123_450, Currency::Usd, "1,234.50 USD"),
            (-100_000_000, Currency::Usd, "−1,000,000.00 USD"),
            (999, Currency::Jpy, "999 JPY"),
            (12_345, Currency::Kwd, "12.345 KWD"),
        ];
        for (minor, currency, expect) in cases {
            assert_eq!(money(Balance::new(minor, currency)), expect);
        }
    }
}
