//! The audit of PostgreSQL: the questions and walks of [`crate::audit`] on one snapshot.
//!
//! All of it is one read-only transaction at `repeatable read`, on the primary or a replica. Rows
//! come through cursors, so memory does not grow with the books.

mod rows;

use std::sync::mpsc;
use std::thread;

use ledger::audit::Rule;
use tokio::runtime::Runtime;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Row};

use crate::audit::{Meter, Progress, Report, accounts, operations};
use crate::error::Error;
use crate::postgres::connection::Connection;
use crate::postgres::pool::classify;
use crate::postgres::row::get;
use crate::postgres::tls;
use crate::postgres::url::ServerUrl;

const BEGIN: &str = "begin isolation level repeatable read read only";
const COUNTS: &str = "select (select count(*) from accounts), (select count(*) from operations), \
     (select count(*) from transfers), (select count(*) from entries)";
const BALANCED: &str = "select a.currency, sum(e.amount)::text from entries e \
     join accounts a on a.number = e.account group by a.currency having sum(e.amount) <> 0";
const FLOOR: &str = "select number::text, (credits_posted - debits_posted - debits_pending)::text, \
     (-overdraft)::text from accounts \
     where kind <> 'house' and credits_posted - debits_posted - debits_pending < -overdraft";
const CLOSED: &str = "select number::text, (credits_posted - debits_posted)::text from accounts \
     where status = 'closed' and (credits_posted <> debits_posted or debits_pending <> 0)";
const ONE_OF_A_KIND: &str = "select customer::text, kind, count(*)::text from accounts \
     where status = 'open' and kind <> 'house' group by customer, kind having count(*) > 1";
const ACTORS: &str = "select o.id::text, o.user_id from operations o \
     where not exists (select from staff s where s.user_id = o.user_id) \
     or not exists (select from sessions s where s.id = o.session and s.user_id = o.user_id) \
     or o.server = ''";
const REVERSALS: &str = "select r.transfer::text, r.reverses::text from reversals r \
     left join transfers t on t.id = r.transfer left join transfers p on p.id = r.reverses \
     where t.id is null or p.id is null or t.debit <> p.credit or t.credit <> p.debit \
     or t.amount <> p.amount \
     or exists (select from reversals o where o.transfer = r.reverses) \
     or exists (select from reversals o \
         where o.reverses = r.reverses and o.transfer <> r.transfer)";
/// The database itself keeps the references that are foreign keys.
const ORPHANS: &str = "select 'entries', e.id::text, 'accounts' from entries e \
         where not exists (select from accounts a where a.number = e.account) \
     union all select 'entries', e.id::text, 'transfers' from entries e \
         where not exists (select from transfers t where t.id = e.transfer) \
     union all select 'transfers', t.id::text, 'operations' from transfers t \
         where not exists (select from operations o where o.id = t.operation) \
     union all select 'transfers', t.id::text, 'accounts' from transfers t \
         where not exists (select from accounts a where a.number = t.debit) \
         or not exists (select from accounts a where a.number = t.credit) \
     union all select 'reversals', r.transfer::text, 'transfers' from reversals r \
         where not exists (select from transfers t where t.id = r.transfer) \
         or not exists (select from transfers t where t.id = r.reverses) \
     union all select 'operations', o.id::text, 'staff' from operations o \
         where not exists (select from staff s where s.user_id = o.user_id) \
     union all select 'accounts', a.number::text, 'customers' from accounts a \
         where a.customer is not null \
         and not exists (select from customers c where c.number = a.customer)";
const MARKS: &str = "select e.account::text, e.number::text from entries e \
     left join entry_marks m on m.account = e.account and m.number = e.number and m.entry = e.id \
     where e.number % 64 = 0 and e.account >= 360110000 and m.entry is null \
     union all select m.account::text, m.number::text from entry_marks m \
     left join entries e on e.id = m.entry and e.account = m.account and e.number = m.number \
     where e.id is null or m.number % 64 <> 0";

/// Audits from a thread of its own: whoever calls may be inside a runtime already.
pub(crate) fn run(url: &ServerUrl, on_progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let auditor = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(no_thread)?;
            // Whoever asked may be gone; the audit ends all the same.
            let mut on_progress = |progress| {
                let _ = tell.send(progress);
            };
            audit(&runtime, url, &mut on_progress)
        });
        told.iter().for_each(on_progress);
        auditor.join().unwrap_or_else(|_| Err(no_thread(std::io::Error::other("it panicked"))))
    })
}

fn no_thread(source: std::io::Error) -> Error {
    Error::Unavailable { reason: "the audit's thread failed", source: Some(Box::new(source)) }
}

fn audit(
    runtime: &Runtime,
    url: &ServerUrl,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Report, Error> {
    let url = url.with_target(TargetSessionAttrs::Any);
    let connector = tls::connector(url.trust())?;
    let connection = runtime.block_on(Connection::connect(&url, connector))?;
    let snapshot = Snapshot { runtime, client: &connection.client };
    runtime.block_on(snapshot.client.batch_execute(BEGIN)).map_err(classify)?;
    let mut report = Report::default();
    for row in snapshot.ask(COUNTS)? {
        let count = |column| get::<i64>(&row, column).map(i64::unsigned_abs);
        report.accounts = count(0)?;
        report.operations = count(1)?;
        report.transfers = count(2)?;
        report.entries = count(3)?;
    }
    let total = report.accounts + 2 * report.entries + report.transfers + report.operations;
    let mut meter = Meter::new(total, on_progress);
    questions(&snapshot, &mut report)?;
    accounts::walk(
        snapshot.walk(rows::ACCOUNTS, rows::account)?,
        snapshot.walk(rows::ENTRIES_BY_ACCOUNT, rows::account_entry)?,
        &mut report,
        &mut meter,
    )?;
    let transfers: Box<dyn Iterator<Item = _>> =
        Box::new(snapshot.walk(rows::TRANSFERS, rows::transfer)?);
    let entries: Box<dyn Iterator<Item = _>> = Box::new(snapshot.walk(rows::ENTRIES, rows::entry)?);
    operations::walk(
        snapshot.walk(rows::OPERATIONS, rows::operation)?,
        transfers.peekable(),
        entries.peekable(),
        false,
        &mut report,
        &mut meter,
    )?;
    meter.finish();
    Ok(report)
}

fn questions(snapshot: &Snapshot<'_>, report: &mut Report) -> Result<(), Error> {
    let asked: [(Rule, &str, &[&str]); 8] = [
        (Rule::EntryList, MARKS, &["account", "has a bad mark of entry"]),
        (Rule::Balanced, BALANCED, &["currency", "is off by minor units:"]),
        (Rule::Floor, FLOOR, &["account", "is at", "below its floor"]),
        (Rule::ClosedAtZero, CLOSED, &["account", "is closed with"]),
        (Rule::OneOfAKind, ONE_OF_A_KIND, &["customer", "has open accounts of kind", "number:"]),
        (Rule::Actors, ACTORS, &["operation", "has no known actor:"]),
        (Rule::Orphans, ORPHANS, &["table", "row", "points at nothing in"]),
        (Rule::Reversals, REVERSALS, &["transfer", "is not the one opposite of transfer"]),
    ];
    for (rule, sql, words) in asked {
        for row in snapshot.ask(sql)? {
            let cells = words.iter().enumerate().map(|(column, word)| {
                Ok(format!("{word} {}", get::<Option<&str>>(&row, column)?.unwrap_or("nothing")))
            });
            let cells = cells.collect::<Result<Vec<_>, Error>>()?;
            report.found(rule, || cells.join(" "));
        }
    }
    Ok(())
}

/// A transaction that sees the books as they were when it began.
#[derive(Clone, Copy)]
struct Snapshot<'a> {
    runtime: &'a Runtime,
    client: &'a Client,
}

impl<'a> Snapshot<'a> {
    fn ask(self, sql: &str) -> Result<Vec<Row>, Error> {
        self.runtime.block_on(self.client.query(sql, &[])).map_err(classify)
    }

    /// The rows of a cursor, fetched as they are needed.
    fn walk<T>(
        self,
        cursor: rows::Cursor,
        read: fn(&Row) -> Result<T, Error>,
    ) -> Result<Walk<'a, T>, Error> {
        self.runtime.block_on(self.client.batch_execute(cursor.declare)).map_err(classify)?;
        Ok(Walk { snapshot: self, fetch: cursor.fetch, read, rows: Vec::new().into_iter() })
    }
}

struct Walk<'a, T> {
    snapshot: Snapshot<'a>,
    fetch: &'static str,
    read: fn(&Row) -> Result<T, Error>,
    rows: std::vec::IntoIter<Row>,
}

impl<T> Iterator for Walk<'_, T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.len() == 0 {
            match self.snapshot.ask(self.fetch) {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        self.rows.next().map(|row| (self.read)(&row))
    }
}
