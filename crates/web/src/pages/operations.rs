//! Who did what with money: the operations, for auditors, newest first. The rows of `/audit` are
//! about everything else.

use askama::Template;
use http::StatusCode;
use ledger::{AccountNumber, Answer, Balance, LegAnswer};
use store::{OperationFilter, OperationView, PAGE_ROWS_MAX};

use super::audit::{EXPORT_ROWS_MAX, csv_file, days_and_user, too_many_rows};
use super::form::{Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use super::show::{kind, money, when};
use super::today::refusal_of;
use crate::api::answer::Time;
use crate::api::cursor::{self, List};
use crate::call::Call;
use crate::csv;
use crate::csv::Cell::{Number, Text};
use crate::fields::Fields;
use crate::problem::{FieldError, Problem, refusal};
use crate::route::{Access, Handled, Route, handler};

const PATH: &str = "/audit/operations";
const FILTERS: [&str; 3] = ["from", "until", "user"];

pub(super) static ROUTES: &[Route] = &[
    Route::get(PATH, Access::AUDITOR, handler!(list)),
    Route::get("/audit/operations.csv", Access::AUDITOR, handler!(export)),
];

#[derive(Template)]
#[template(path = "operations.html")]
struct OperationsPage {
    layout: Layout,
    notice: Option<Notice>,
    inputs: Vec<Input>,
    rows: Vec<Row>,
    export: Option<String>,
    next: Option<String>,
}

struct Row {
    when: String,
    operation: i64,
    user: String,
    what: String,
    sum: String,
    from: String,
    to: String,
    /// The first transfer of it.
    transfer: Option<i64>,
    result: String,
    server: String,
}

impl From<OperationView> for Row {
    fn from(view: OperationView) -> Self {
        let name = |account: AccountNumber| {
            if account.is_house() { "cash".to_owned() } else { account.to_string() }
        };
        let moved = view.moved;
        let sum = moved.map(|moved| Balance::new(moved.amount.minor(), moved.amount.currency()));
        Self {
            when: when(view.booked_at),
            operation: view.operation.get(),
            user: view.user.to_string(),
            what: if view.kind == "batch" { "Batch" } else { kind(&view.kind) }.to_owned(),
            sum: sum.map(money).unwrap_or_default(),
            from: moved.map(|moved| name(moved.debit)).unwrap_or_default(),
            to: moved.map(|moved| name(moved.credit)).unwrap_or_default(),
            transfer: view.answer.transfers().next().map(ledger::TransferId::get),
            result: result(&view.answer),
            server: view.server,
        }
    }
}

fn result(answer: &Answer) -> String {
    match answer {
        Answer::Opened { account, .. } => format!("Opened {account}"),
        Answer::Legs(legs) if legs.len() != 1 => {
            let done = legs.iter().filter(|leg| matches!(leg, LegAnswer::Accepted { .. })).count();
            format!("{done} of {} done", legs.len())
        }
        Answer::OpenRefused(_) | Answer::Legs(_) => {
            refusal_of(answer).map_or_else(|| "Done".to_owned(), refusal::title)
        }
    }
}

fn filter(query: &Fields) -> Result<OperationFilter, Problem> {
    let mut errors = Vec::new();
    let (from, until, user) = days_and_user(query, &mut errors);
    if errors.is_empty() {
        Ok(OperationFilter { user, from, until })
    } else {
        Err(Problem::invalid(errors))
    }
}

fn inputs(query: &Fields, errors: &[FieldError]) -> Vec<Input> {
    let date = |name, label| Input { kind: "date", ..Input::text(name, label, 10).optional() };
    let hint = "Such as C00000009";
    let user = Input { hint, ..Input::text("user", "User", 9).optional() };
    let mut inputs = vec![date("from", "From"), date("until", "Until"), user];
    fill(&mut inputs, query, errors);
    if errors.is_empty() {
        inputs.iter_mut().for_each(|input| input.focus = false);
    }
    inputs
}

async fn list(call: Call) -> Handled {
    let query = call.query();
    let layout = Layout::of(&call);
    let filter = match filter(&query) {
        Ok(filter) => filter,
        Err(problem) => {
            let template = OperationsPage {
                layout,
                notice: Some(Notice::bad("Please check the marked fields.", "")),
                inputs: inputs(&query, &problem.errors),
                rows: Vec::new(),
                export: None,
                next: None,
            };
            return page(problem.status, &template);
        }
    };
    let (before, limit) = cursor::screen(List::Operations, &query)?;
    let found = call.books.operations(filter, before, limit).await?;
    let given = FILTERS.into_iter().map(|name| (name, query.get(name)));
    let given = given.filter(|(_, value)| !value.is_empty());
    let filters = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    let next = found.next.map(|place| {
        format!("{PATH}?{filters}&limit={limit}&cursor={}", cursor::encode(List::Operations, place))
    });
    let template = OperationsPage {
        layout,
        notice: None,
        inputs: inputs(&query, &[]),
        rows: found.rows.into_iter().map(Row::from).collect(),
        export: Some(format!("{PATH}.csv?{filters}")),
        next,
    };
    page(StatusCode::OK, &template)
}

/// All postings of the filter, newest first, as RFC 4180 has it. A batch is one row, without sums.
async fn export(call: Call) -> Handled {
    let query = call.query();
    let filter = filter(&query)?;
    // Before the answer: an export that is not on record does not leave.
    call.store.record(call.event("audit.export.postings", String::new(), "done")?).await?;
    let mut text = String::from(
        "operation,time,user,session,kind,amount,currency,from,to,transfer,result,server\r\n",
    );
    let (mut before, mut count) = (None, 0_usize);
    loop {
        let found = call.books.operations(filter.clone(), before, PAGE_ROWS_MAX).await?;
        count = count.saturating_add(found.rows.len());
        before = found.next;
        for view in found.rows {
            line(&mut text, view);
        }
        if before.is_none() {
            return Ok(csv_file(text, "attachment; filename=\"postings.csv\""));
        }
        if count >= EXPORT_ROWS_MAX {
            return Err(too_many_rows());
        }
    }
}

fn line(text: &mut String, view: OperationView) {
    let at = Time(view.booked_at).to_string();
    let (session, kind) = (view.session.to_string(), view.kind.clone());
    let moved = view.moved.map(|moved| moved.amount);
    let sum = moved.map(|amount| Balance::new(amount.minor(), amount.currency()).to_string());
    let sum = sum.unwrap_or_default();
    let currency = moved.map_or("", |amount| amount.currency().code());
    let row = Row::from(view);
    let transfer = row.transfer.map(|number| number.to_string()).unwrap_or_default();
    csv::row(
        text,
        &[
            Number(&row.operation.to_string()),
            Text(&at),
            Text(&row.user),
            Number(&session),
            Text(&kind),
            Number(&sum),
            Text(currency),
            Text(&row.from),
            Text(&row.to),
            Number(&transfer),
            Text(&row.result),
            Text(&row.server),
        ],
    );
}
