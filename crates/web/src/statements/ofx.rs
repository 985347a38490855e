//! Statements as OFX 2.2 (Open Financial Exchange), for home finance programs.
//!
//! An entry's `FITID` is its number, which names it for ever on its account, so that a program
//! that reads two overlapping statements knows what it has. `LEDGERBAL` is the closing balance,
//! the first `BAL` the opening balance.

use jiff::Timestamp;
use ledger::AccountKind;
use ledger::statement::Line;

use super::Made;
use super::xml::{Xml, cut};
use crate::pages::show::kind;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n\
    <?OFX OFXHEADER=\"200\" VERSION=\"220\" SECURITY=\"NONE\" OLDFILEUID=\"NONE\" \
    NEWFILEUID=\"NONE\"?>\n";
/// The bank where a bank code would stand.
const BANK: &str = "BALLAST";

pub(super) fn render(made: &Made) -> Vec<u8> {
    let mut xml = Xml::new(DECLARATION);
    let as_of = time(made.statement.as_of());
    xml.element("OFX", |xml| {
        xml.element("SIGNONMSGSRSV1", |xml| {
            xml.element("SONRS", |xml| {
                status(xml);
                xml.text("DTSERVER", &as_of);
                xml.text("LANGUAGE", "ENG");
            });
        });
        xml.element("BANKMSGSRSV1", |xml| {
            xml.element("STMTTRNRS", |xml| {
                xml.text("TRNUID", "0");
                status(xml);
                xml.element("STMTRS", |xml| statement(xml, made));
            });
        });
    });
    xml.finish()
}

fn status(xml: &mut Xml) {
    xml.element("STATUS", |xml| {
        xml.text("CODE", "0");
        xml.text("SEVERITY", "INFO");
    });
}

fn statement(xml: &mut Xml, made: &Made) {
    let statement = &made.statement;
    let holding = statement.holding();
    let (from, _) = statement.days();
    let as_of = time(statement.as_of());
    let first = ledger::statement::start_of_day(from);
    xml.text("CURDEF", holding.currency.code());
    xml.element("BANKACCTFROM", |xml| {
        xml.text("BANKID", BANK);
        xml.text("ACCTID", &holding.account.to_string());
        xml.text(
            "ACCTTYPE",
            match holding.kind {
                AccountKind::Current => "CHECKING",
                AccountKind::Savings => "SAVINGS",
            },
        );
    });
    xml.element("BANKTRANLIST", |xml| {
        xml.text("DTSTART", &time(first));
        xml.text("DTEND", &as_of);
        for each in statement.entries() {
            xml.element("STMTTRN", |xml| entry(xml, each));
        }
    });
    xml.element("LEDGERBAL", |xml| {
        xml.text("BALAMT", &statement.closing().to_string());
        xml.text("DTASOF", &as_of);
    });
    xml.element("BALLIST", |xml| {
        xml.element("BAL", |xml| {
            xml.text("NAME", "Opening balance");
            xml.text("DESC", &format!("After entry {}", statement.before()));
            xml.text("BALTYPE", "DOLLAR");
            xml.text("VALUE", &statement.opening().to_string());
            xml.text("DTASOF", &time(first));
        });
    });
    xml.text("MKTGINFO", &made.name());
}

/// Money in or out; a program adds the amounts to the opening balance.
fn entry(xml: &mut Xml, entry: &Line) {
    let kind_of = match entry.kind.as_str() {
        "deposit" | "open_account" => "DEP",
        "withdrawal" => "CASH",
        "transfer" | "batch" => "XFER",
        _ if entry.amount.minor() < 0 => "DEBIT",
        _ => "CREDIT",
    };
    let words = kind(&entry.kind);
    let name = if entry.counterparty.is_house() {
        words.to_owned()
    } else {
        format!("{words} {}", entry.counterparty)
    };
    xml.text("TRNTYPE", kind_of);
    xml.text("DTPOSTED", &time(entry.booked_at));
    xml.text("TRNAMT", &entry.amount.to_string());
    xml.text("FITID", &entry.number.to_string());
    xml.text("REFNUM", &entry.transfer.to_string());
    xml.text("NAME", &cut(&name, 32));
    if !entry.description.is_empty() {
        xml.text("MEMO", &entry.description);
    }
}

/// A time as OFX writes it (§3.2.8.2).
fn time(at: i64) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
    at.strftime("%Y%m%d%H%M%S.%3f[0:GMT]").to_string()
}
