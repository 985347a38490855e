//! The audit of the embedded database: a few set-based questions and two walks in order.
//!
//! The first walk goes along the entries of each account (numbers, balances, counters, marks,
//! times); the second along operations, their transfers and those transfers' entries at once
//! (equal and opposite entries, stored answers). Memory does not grow with the books.

mod rows;

use std::path::Path;

use ledger::audit::Rule;
use rusqlite::{Connection, Row};

use crate::audit::{Meter, Progress, Report, accounts, operations};
use crate::error::Error;
use crate::sqlite::entries::MARK_EVERY;
use crate::sqlite::{classify, open_auditor};

const COUNTS: &str = "select (select count(*) from accounts), (select count(*) from operations), \
     (select count(*) from transfers), (select count(*) from entries)";
const BALANCED: &str = "select a.currency, sum(e.amount) from entries e \
     join accounts a on a.number = e.account group by a.currency having sum(e.amount) <> 0";
const FLOOR: &str = "select number, credits_posted - debits_posted - debits_pending, -overdraft \
     from accounts \
     where kind <> 'house' and credits_posted - debits_posted - debits_pending + overdraft < 0";
const CLOSED: &str = "select number, credits_posted - debits_posted from accounts \
     where status = 'closed' and (credits_posted <> debits_posted or debits_pending <> 0)";
const ONE_OF_A_KIND: &str = "select customer, kind, count(*) from accounts \
     where status = 'open' and kind <> 'house' group by customer, kind having count(*) > 1";
const ACTORS: &str = "select o.id, o.user from operations o \
     where not exists (select 1 from staff s where s.user = o.user) \
     or not exists (select 1 from sessions s where s.id = o.session and s.user = o.user) \
     or o.server = ''";
const REVERSALS: &str = "select r.transfer, r.reverses from reversals r \
     left join transfers t on t.id = r.transfer left join transfers p on p.id = r.reverses \
     where t.id is null or p.id is null or t.debit <> p.credit or t.credit <> p.debit \
     or t.amount <> p.amount \
     or exists (select 1 from reversals o where o.transfer = r.reverses) \
     or exists (select 1 from reversals o \
         where o.reverses = r.reverses and o.transfer <> r.transfer)";
const ORPHANS: &str = "select \"table\", rowid, parent from pragma_foreign_key_check";

const MARKS: &str = "select e.account, e.number from entries e \
     left join entry_marks m on m.account = e.account and m.number = e.number and m.entry = e.id \
     where e.number % ?1 = 0 and e.account >= 360110000 and m.entry is null \
     union all select m.account, m.number from entry_marks m \
     left join entries e on e.id = m.entry and e.account = m.account and e.number = m.number \
     where e.id is null or m.number % ?1 <> 0";

pub(crate) fn run(path: &Path, on_progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    let mut db = open_auditor(path)?;
    audit(&mut db, on_progress).map_err(classify)
}

fn audit(
    db: &mut Connection,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Report, rusqlite::Error> {
    let snapshot = db.transaction()?;
    let mut report = Report::default();
    (report.accounts, report.operations, report.transfers, report.entries) =
        snapshot.query_row(COUNTS, [], |row| {
            Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?, count(row, 3)?))
        })?;
    let total = report.accounts + 2 * report.entries + report.transfers + report.operations;
    let mut meter = Meter::new(total, on_progress);
    questions(&snapshot, &mut report)?;
    walk_accounts(&snapshot, &mut report, &mut meter)?;
    walk_operations(&snapshot, &mut report, &mut meter)?;
    meter.finish();
    Ok(report)
}

fn walk_accounts(
    db: &Connection,
    report: &mut Report,
    meter: &mut Meter<'_>,
) -> Result<(), rusqlite::Error> {
    let mut by_number = db.prepare(rows::ACCOUNTS)?;
    let mut by_account = db.prepare(rows::ENTRIES_BY_ACCOUNT)?;
    let found = by_number.query_map([], rows::account)?;
    accounts::walk(found, by_account.query_map([], rows::account_entry)?, report, meter)
}

fn walk_operations(
    db: &Connection,
    report: &mut Report,
    meter: &mut Meter<'_>,
) -> Result<(), rusqlite::Error> {
    let mut by_id = db.prepare(rows::OPERATIONS)?;
    let mut transfers = db.prepare(rows::TRANSFERS)?;
    let mut entries = db.prepare(rows::ENTRIES)?;
    let found = by_id.query_map([], rows::operation)?;
    let transfers: Box<dyn Iterator<Item = _>> = Box::new(transfers.query_map([], rows::transfer)?);
    let entries: Box<dyn Iterator<Item = _>> = Box::new(entries.query_map([], rows::entry)?);
    operations::walk(found, transfers.peekable(), entries.peekable(), true, report, meter)
}

fn count(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    let count: i64 = row.get(column)?;
    Ok(count.unsigned_abs())
}

fn questions(db: &Connection, report: &mut Report) -> Result<(), rusqlite::Error> {
    let mut statement = db.prepare(MARKS)?;
    let mut rows = statement.query([MARK_EVERY])?;
    while let Some(row) = rows.next()? {
        let (account, number): (i64, i64) = (row.get(0)?, row.get(1)?);
        report.found(Rule::EntryList, || format!("account {account}: bad mark of entry {number}"));
    }
    let asked: [(Rule, &str, &[&str]); 7] = [
        (Rule::Balanced, BALANCED, &["currency", "is off by minor units:"]),
        (Rule::Floor, FLOOR, &["account", "is at", "below its floor"]),
        (Rule::ClosedAtZero, CLOSED, &["account", "is closed with"]),
        (Rule::OneOfAKind, ONE_OF_A_KIND, &["customer", "has open accounts of kind", "number:"]),
        (Rule::Actors, ACTORS, &["operation", "has no known actor:"]),
        (Rule::Orphans, ORPHANS, &["table", "row", "points at nothing in"]),
        (Rule::Reversals, REVERSALS, &["transfer", "is not the one opposite of transfer"]),
    ];
    for (rule, sql, words) in asked {
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut cells = Vec::new();
            for (column, word) in words.iter().enumerate() {
                let value: rusqlite::types::Value = row.get(column)?;
                cells.push(format!("{word} {}", text(&value)));
            }
            report.found(rule, || cells.join(" "));
        }
    }
    Ok(())
}

fn text(value: &rusqlite::types::Value) -> String {
    use rusqlite::types::Value;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(_) => "bytes".to_owned(),
    }
}
