//! Statements as ISO 20022 camt.053.001.08 (`BankToCustomerStatementV08`), for accounting programs.
//!
//! Times of making are those of the books: the end of the period, or the last entry. The balances
//! are OPBD and CLBD (opening and closing booked); a provisional statement closes with ITBD
//! (interim booked). The verification code is in `AddtlStmtInf`.

use jiff::civil::Date;
use ledger::statement::{Line, Total};
use ledger::{AccountKind, Balance};
use quick_xml::events::BytesStart;
use sha2::{Digest as _, Sha256};

use super::Made;
use super::xml::Xml;
use crate::api::answer::Time;
use crate::pages::show::kind;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08";
/// `Max35Text`.
const ID_LENGTH_MAX: usize = 35;

pub(super) fn render(made: &Made) -> Vec<u8> {
    let mut xml = Xml::new(DECLARATION);
    let id = id(&made.statement.number().to_string());
    let made_at = Time(made.statement.as_of()).to_string();
    let root = BytesStart::new("Document").with_attributes([("xmlns", NAMESPACE)]);
    xml.element_of(root, |xml| {
        xml.element("BkToCstmrStmt", |xml| {
            xml.element("GrpHdr", |xml| {
                xml.text("MsgId", &id);
                xml.text("CreDtTm", &made_at);
            });
            xml.element("Stmt", |xml| statement(xml, made, &id, &made_at));
        });
    });
    xml.finish()
}

/// The statement's number; a hash of it where the number is too long for the field (accounts of
/// ten digits with millions of entries).
fn id(number: &str) -> String {
    if number.len() <= ID_LENGTH_MAX {
        return number.to_owned();
    }
    let hash = Sha256::digest(number);
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn statement(xml: &mut Xml, made: &Made, id: &str, made_at: &str) {
    let statement = &made.statement;
    let holding = statement.holding();
    let (from, until) = statement.days();
    let provisional = statement.number().is_provisional();
    xml.text("Id", id);
    if let Some(place) = statement.sequence() {
        xml.text("ElctrncSeqNb", &place.to_string());
    }
    xml.text("CreDtTm", made_at);
    xml.element("FrToDt", |xml| {
        xml.text("FrDtTm", &format!("{from}T00:00:00.000Z"));
        xml.text("ToDtTm", &format!("{until}T23:59:59.999Z"));
    });
    xml.element("Acct", |xml| {
        xml.element("Id", |xml| {
            xml.element("Othr", |xml| xml.text("Id", &holding.account.to_string()));
        });
        xml.element("Tp", |xml| {
            xml.text(
                "Cd",
                match holding.kind {
                    AccountKind::Current => "CACC",
                    AccountKind::Savings => "SVGS",
                },
            );
        });
        xml.text("Ccy", holding.currency.code());
    });
    balance(xml, "OPBD", statement.opening(), from);
    balance(xml, if provisional { "ITBD" } else { "CLBD" }, statement.closing(), until);
    xml.element("TxsSummry", |xml| {
        let (credits, debits) = (statement.credits(), statement.debits());
        let count = credits.count.saturating_add(debits.count);
        xml.element("TtlNtries", |xml| xml.text("NbOfNtries", &count.to_string()));
        total(xml, "TtlCdtNtries", credits);
        total(xml, "TtlDbtNtries", debits);
    });
    for each in statement.entries() {
        xml.element("Ntry", |xml| entry(xml, each));
    }
    xml.text("AddtlStmtInf", &made.name());
}

fn balance(xml: &mut Xml, code: &str, balance: Balance, day: Date) {
    xml.element("Bal", |xml| {
        xml.element("Tp", |xml| xml.element("CdOrPrtry", |xml| xml.text("Cd", code)));
        amount(xml, balance);
        xml.element("Dt", |xml| xml.text("Dt", &day.to_string()));
    });
}

/// An amount without a sign, and its direction; zero is a credit.
fn amount(xml: &mut Xml, amount: Balance) {
    let text = amount.to_string();
    let currency = [("Ccy", amount.currency().code())];
    xml.text_of(BytesStart::new("Amt").with_attributes(currency), text.trim_start_matches('-'));
    xml.text("CdtDbtInd", if amount.minor() < 0 { "DBIT" } else { "CRDT" });
}

fn total(xml: &mut Xml, name: &str, total: Total) {
    xml.element(name, |xml| {
        xml.text("NbOfNtries", &total.count.to_string());
        xml.text("Sum", &total.sum.to_string());
    });
}

fn entry(xml: &mut Xml, entry: &Line) {
    let debit = entry.amount.minor() < 0;
    let transfer = entry.transfer.to_string();
    let at = Time(entry.booked_at).to_string();
    xml.text("NtryRef", &entry.number.to_string());
    amount(xml, entry.amount);
    if entry.kind == "reversal" {
        xml.text("RvslInd", "true");
    }
    xml.element("Sts", |xml| xml.text("Cd", "BOOK"));
    for name in ["BookgDt", "ValDt"] {
        xml.element(name, |xml| xml.text("DtTm", &at));
    }
    xml.text("AcctSvcrRef", &transfer);
    xml.element("BkTxCd", |xml| {
        let (family, sub_family) = code(&entry.kind, debit);
        xml.element("Domn", |xml| {
            xml.text("Cd", "PMNT");
            xml.element("Fmly", |xml| {
                xml.text("Cd", family);
                xml.text("SubFmlyCd", sub_family);
            });
        });
        xml.element("Prtry", |xml| xml.text("Cd", &entry.kind));
    });
    xml.element("NtryDtls", |xml| xml.element("TxDtls", |xml| details(xml, entry, debit)));
    xml.text("AddtlNtryInf", kind(&entry.kind));
}

/// Family and sub-family of the bank transaction codes of ISO 20022, domain PMNT: cash at the
/// counter, or a transfer between two accounts of the bank ("book transfer").
fn code(kind: &str, debit: bool) -> (&'static str, &'static str) {
    match (kind, debit) {
        ("deposit" | "open_account", _) => ("CNTR", "CDPT"),
        ("withdrawal", _) => ("CNTR", "CWDL"),
        (_, true) => ("ICDT", "BOOK"),
        (_, false) => ("RCDT", "BOOK"),
    }
}

fn details(xml: &mut Xml, entry: &Line, debit: bool) {
    xml.element("Refs", |xml| {
        xml.text("AcctSvcrRef", &entry.transfer.to_string());
        xml.text("InstrId", &entry.operation.to_string());
    });
    if !entry.counterparty.is_house() {
        let other = if debit { "CdtrAcct" } else { "DbtrAcct" };
        xml.element("RltdPties", |xml| {
            xml.element(other, |xml| {
                xml.element("Id", |xml| {
                    xml.element("Othr", |xml| xml.text("Id", &entry.counterparty.to_string()));
                });
            });
        });
    }
    if !entry.description.is_empty() {
        xml.element("RmtInf", |xml| xml.text("Ustrd", &entry.description));
    }
}
