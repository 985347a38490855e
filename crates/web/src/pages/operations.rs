//! Who did what with money: the operations, for auditors, newest first. The rows of `/audit` are
//! about everything else.

use askama::Template;
use http::StatusCode;
use ledger::{AccountNumber, Answer, Balance, LegAnswer};
use store::{OperationFilter, OperationView};

use super::audit::days_and_user;
use super::form::{Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use super::show::{kind, money, when};
use super::today::refusal_of;
use crate::api::cursor::{self, List};
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Problem, refusal};
use crate::route::{Access, Handled, Route, handler};

const PATH: &str = "/audit/operations";
const FILTERS: [&str; 3] = ["from", "until", "user"];

pub(super) static ROUTES: &[Route] = &[Route::get(PATH, Access::AUDITOR, handler!(list))];

#[derive(Template)]
#[template(path = "operations.html")]
struct OperationsPage {
    layout: Layout,
    notice: Option<Notice>,
    inputs: Vec<Input>,
    rows: Vec<Row>,
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
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        errors.push(FieldError::new("until", "must not be before the first day"));
    }
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
                next: None,
            };
            return page(problem.status, &template);
        }
    };
    let (before, limit) = cursor::page(List::Operations, &query)?;
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
        next,
    };
    page(StatusCode::OK, &template)
}
