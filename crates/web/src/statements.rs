//! Statements as they leave the bank: made from the books, numbered, with a code that proves them,
//! in every format.
//!
//! Guarantees: what is made is a function of the statement's number and the books, so a statement
//! of closed days has the same bytes on every server and at any time; one of days that are not
//! closed says that it is provisional and ends at an entry, so that it, too, can be made again. A
//! statement is whole or is refused. An export that is not on record does not leave. Reading and
//! rendering are off the threads that answer requests, and only so many at once.
//! Deliberately not here: names of people, whose changes would change old statements.

mod asked;
mod camt;
mod csv;
mod format;
mod ofx;
mod pdf;
mod verify;
mod xlsx;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::civil::Date;
use ledger::statement::{Holding, Period, Statement, StatementError, day_of, start_of_day};
use ledger::{AccountNumber, StatementNumber, VerificationCode};
use store::{Extract, STATEMENT_ENTRIES_MAX, now_ms};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::accounts::unknown;
use crate::app::Server;
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Kind, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(crate) use asked::{Asked, QUERY};
pub(crate) use format::Format;
pub(crate) use verify::{Verdict, verify};

/// A day is closed so long after its end. Postings take their time from their server's clock and
/// are given up after 20 seconds; the rest is for clocks that differ.
const CLOSES_AFTER_MS: i64 = 15 * 60 * 1_000;
/// Statements that are rendered at once: each may hold 65,000 entries and keeps a core busy.
const RENDERS_MAX: usize = 2;
/// One at a time: anybody may ask for these.
const CHECKS_MAX: usize = 1;
/// How long one may wait for its turn; shorter than a request may take.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Who may take a statement with him, by pages and by the API.
macro_rules! exports {
    ($prefix:literal) => {
        [
            Route::get(concat!($prefix, ".pdf"), Access::ENTRIES, handler!(export)),
            Route::get(concat!($prefix, ".xlsx"), Access::ENTRIES, handler!(export)),
            Route::get(concat!($prefix, ".csv"), Access::ENTRIES, handler!(export)),
            Route::get(concat!($prefix, ".ofx"), Access::ENTRIES, handler!(export)),
            Route::get(concat!($prefix, ".xml"), Access::ENTRIES, handler!(export)),
        ]
    };
}

static PAGES: &[Route] = &exports!("/accounts/{number}/statement");
static API: &[Route] = &{
    let [pdf, xlsx, csv, ofx, camt] = exports!("/api/v1/accounts/{number}/statement");
    [
        pdf.doc(doc("A statement as PDF", Format::Pdf)),
        xlsx.doc(doc("A statement as a spreadsheet (Office Open XML)", Format::Xlsx)),
        csv.doc(doc("A statement as CSV (RFC 4180)", Format::Csv)),
        ofx.doc(doc("A statement as OFX 2.2", Format::Ofx)),
        camt.doc(doc("A statement as ISO 20022 camt.053.001.08", Format::Camt)),
    ]
};

const fn doc(summary: &'static str, format: Format) -> Doc {
    Doc::new(summary).query(&QUERY).file(format.media_type()).problems(&[404])
}

/// The rows of the route table.
pub(crate) fn routes() -> [&'static [Route]; 2] {
    [API, PAGES]
}

/// Whose turn it is.
pub(crate) struct Turns {
    renders: Arc<Semaphore>,
    checks: Arc<Semaphore>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let [renders, checks] = [RENDERS_MAX, CHECKS_MAX].map(|max| Arc::new(Semaphore::new(max)));
        Self { renders, checks }
    }

    async fn render(&self) -> Result<OwnedSemaphorePermit, Problem> {
        turn(&self.renders).await
    }

    async fn check(&self) -> Result<OwnedSemaphorePermit, Problem> {
        turn(&self.checks).await
    }
}

async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(turns).acquire_owned()).await;
    match turn {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) | Err(_) => Err(Problem::new(Kind::Unavailable).retry_after(2)),
    }
}

/// A statement with its code; without one on a server that has no data keys.
pub(crate) struct Made {
    pub(crate) statement: Statement,
    pub(crate) code: Option<VerificationCode>,
}

impl Made {
    fn new(server: &Server, statement: Statement) -> Self {
        let keys = server.store.keys().ok();
        let code = keys.map(|keys| verify::code(keys, &statement));
        Self { statement, code }
    }

    /// The code as it is shown; a dash if there is none.
    pub(crate) fn code_text(&self) -> String {
        self.code.map_or_else(|| "–".to_owned(), |code| code.to_string())
    }

    /// What it calls itself.
    pub(crate) const fn title(&self) -> &'static str {
        if self.statement.number().is_provisional() { "Provisional statement" } else { "Statement" }
    }

    /// Number and code in one line.
    pub(crate) fn name(&self) -> String {
        format!("{} {}, code {}", self.title(), self.statement.number(), self.code_text())
    }

    /// Such as `2026-11-01 to 2026-11-30`.
    pub(crate) fn period_text(&self) -> String {
        let (from, until) = self.statement.days();
        format!("{from} to {until}")
    }
}

/// Makes the statement that is asked for.
pub(crate) async fn make(
    server: &Server,
    account: AccountNumber,
    asked: &Asked,
) -> Result<Made, Problem> {
    let extract = server.store.extract(account, asked.of_the_books()).await?.ok_or_else(unknown)?;
    let number = number(asked, &extract)?;
    if extract.entry_count > i64::from(STATEMENT_ENTRIES_MAX) {
        let rule =
            format!("must be nearer: a statement has at most {STATEMENT_ENTRIES_MAX} entries");
        return Err(Problem::field(asked.field(), rule));
    }
    match assemble(number, extract) {
        Ok(statement) => Ok(Made::new(server, statement)),
        Err(StatementError::EntriesMissing) => Err(Kind::NotFound.into()),
        Err(error) => {
            // The books themselves are wrong: nobody gets paper about it.
            tracing::error!(%error, statement = %number, "a statement does not add up");
            Err(Kind::Internal.into())
        }
    }
}

/// The number of what was asked for: as it was given, or made of what the books hold.
fn number(asked: &Asked, extract: &Extract) -> Result<StatementNumber, Problem> {
    let account = extract.account.account.number;
    let last = extract.before.saturating_add(extract.entry_count);
    let made = match *asked {
        Asked::Number(number) => (number.account() == account).then_some(number),
        Asked::Last(_) => {
            let first = extract.before.saturating_add(1);
            StatementNumber::try_new(account, Period::Entries { first, last }, None)
        }
        Asked::Days { from, until } => {
            let until = until.unwrap_or_else(|| day_of(now_ms()));
            let from = from.unwrap_or_else(|| first_day(extract).min(until));
            let end = until.tomorrow().map_or(i64::MAX, start_of_day);
            let closed = extract.is_passed || now_ms() >= end.saturating_add(CLOSES_AFTER_MS);
            let up_to = if closed { None } else { Some(last) };
            StatementNumber::try_new(account, Period::Days { from, until }, up_to)
        }
    };
    made.ok_or_else(|| Kind::NotFound.into())
}

/// The day of the account's opening; of its first entry if a slower clock booked that before.
fn first_day(extract: &Extract) -> Date {
    let first = extract.entries.as_deref().and_then(<[_]>::first);
    let first = first.map_or(i64::MAX, |entry| entry.booked_at);
    day_of(extract.account.opened_at.min(first))
}

fn assemble(number: StatementNumber, extract: Extract) -> Result<Statement, StatementError> {
    let account = &extract.account.account;
    let holding = Holding {
        account: account.number,
        customer: account.customer,
        kind: account.kind,
        currency: account.currency,
        opened_at: extract.account.opened_at,
    };
    let entries = extract.entries.ok_or(StatementError::EntriesMissing)?;
    let lines = entries.into_iter().map(Into::into).collect();
    Statement::try_new(number, holding, extract.before, extract.opening, lines)
}

/// A statement as a file.
async fn export(call: Call) -> Handled {
    let format = Format::of_path(call.route.path()).ok_or(Kind::NotFound)?;
    let query = call.query();
    query.only(&QUERY.map(|(name, _)| name))?;
    let (account, asked) = (call.account()?, Asked::parse(&query)?);
    let turn = call.server.turns.render().await?;
    let made = make(&call.server, account, &asked).await?;
    let number = made.statement.number();
    // Before the answer: an export that is not on record does not leave. The subject is the
    // account, by which auditors look for it.
    call.server.store.record(call.event(format.action(), account.to_string(), "done")?).await?;
    let bytes = render(turn, made, format).await?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let name = format!("attachment; filename=\"statement-{number}.{}\"", format.ending());
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Renders on a thread that may be busy. The turn ends with the work, not with the request.
async fn render(
    turn: OwnedSemaphorePermit,
    made: Made,
    format: Format,
) -> Result<Vec<u8>, Problem> {
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        format.render(&made)
    });
    match work.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            tracing::error!(%error, "a statement could not be rendered");
            Err(Kind::Internal.into())
        }
        Err(_) => {
            tracing::error!("rendering a statement panicked");
            Err(Kind::Internal.into())
        }
    }
}

/// Answers with a statement in a format that is looked at and not taken away.
pub(crate) async fn shown(
    server: &Server,
    account: AccountNumber,
    asked: &Asked,
    format: Format,
) -> Result<Vec<u8>, Problem> {
    let turn = server.turns.render().await?;
    let made = make(server, account, asked).await?;
    render(turn, made, format).await
}
