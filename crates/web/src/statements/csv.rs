//! Statements as a table of text: the opening balance, the entries, the closing balance, a row
//! each. The amounts of a table's rows add up to the last balance.

use super::Made;
use crate::api::answer::Time;
use crate::csv::Cell::{Number, Text};
use crate::csv::row;
use crate::pages::show::kind;

const HEAD: &str = "row,number,booked_at,description,kind,counterparty,transfer,operation,amount,\
                    balance,currency\r\n";

pub(super) fn render(made: &Made) -> Vec<u8> {
    let statement = &made.statement;
    let currency = statement.holding().currency.code();
    let mut out = String::from(HEAD);
    let name = made.name();
    let edge = |out: &mut String, word, number: i64, balance: ledger::Balance| {
        let (number, balance) = (number.to_string(), balance.to_string());
        let cells = [Text(word), Number(&number), Text(""), Text(&name), Text(""), Text("")];
        let rest = [Text(""), Text(""), Text(""), Number(&balance), Text(currency)];
        row(out, &[&cells[..], &rest].concat());
    };
    edge(&mut out, "opening", statement.before(), statement.opening());
    for entry in statement.entries() {
        let other = entry.counterparty;
        let other = if other.is_house() { String::new() } else { other.to_string() };
        let number = entry.number.to_string();
        let at = Time(entry.booked_at).to_string();
        let (transfer, operation) = (entry.transfer.to_string(), entry.operation.to_string());
        let (amount, balance) = (entry.amount.to_string(), entry.balance.to_string());
        row(
            &mut out,
            &[
                Text("entry"),
                Number(&number),
                Text(&at),
                Text(&entry.description),
                Text(kind(&entry.kind)),
                Number(&other),
                Number(&transfer),
                Number(&operation),
                Number(&amount),
                Number(&balance),
                Text(currency),
            ],
        );
    }
    edge(&mut out, "closing", statement.last(), statement.closing());
    out.into_bytes()
}
