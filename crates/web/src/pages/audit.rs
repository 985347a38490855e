//! Who did what, when, from where and with what result: the audit rows, for auditors, as a page
//! and as a CSV file.
//!
//! Guarantees: nothing here changes anything; an export is itself an audit row. Postings are on a
//! page of their own (`operations`): each carries who did it in the books, and `ballast audit`
//! proves that. Deliberately not here: names, social security numbers and secrets, which no audit
//! row holds (I12).

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use jiff::civil::Date;
use ledger::{CustomerNumber, UserId};
use store::{AuditFilter, AuditRow, PAGE_ROWS_MAX, UnixMs};

use super::form::{Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use super::show::when;
use crate::api::cursor::{self, List};
use crate::call::Call;
use crate::csv;
use crate::fields::Fields;
use crate::problem::{FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};

/// The most rows of one export; the next one begins with an earlier "until".
pub(super) const EXPORT_ROWS_MAX: usize = 10_000;
const SUBJECT_LENGTH_MAX: usize = 80;
const FILTERS: [&str; 7] = ["from", "until", "user", "customer", "action", "result", "subject"];

/// Kinds of rows: each is an action or the first part of some.
const ACTIONS: &[(&str, &str)] = &[
    ("", "Everything"),
    ("sign-in", "Sign-ins"),
    ("session", "Sessions ended"),
    ("token", "Tokens for programs"),
    ("password", "Passwords chosen"),
    ("factor", "Second factors"),
    ("access", "Denials"),
    ("staff", "Changes of staff"),
    ("customer", "Changes of customers"),
    ("customer.ssn", "Social security numbers shown"),
    ("account", "Changes of accounts"),
    ("transfer", "Reversals"),
    ("outcome", "Unknown outcomes"),
    ("statement", "Exports of statements"),
    ("audit", "Exports of rows and postings"),
];
const RESULTS: &[(&str, &str)] =
    &[("", "Any"), ("done", "Done"), ("denied", "Denied"), ("failed", "Failed")];

pub(super) static ROUTES: &[Route] = &[
    Route::get("/audit", Access::AUDITOR, handler!(list)),
    Route::get("/audit.csv", Access::AUDITOR, handler!(export)),
];

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    layout: Layout,
    notice: Option<Notice>,
    inputs: Vec<Input>,
    rows: Vec<Row>,
    /// Where the postings of the customer that is asked for are.
    postings: Option<String>,
    export: Option<String>,
    next: Option<String>,
}

struct Row {
    when: String,
    user: String,
    action: String,
    subject: String,
    result: String,
    server: String,
    address: String,
}

impl From<AuditRow> for Row {
    fn from(row: AuditRow) -> Self {
        Self {
            when: when(row.at),
            user: row.user.map_or_else(|| "–".to_owned(), |user| user.to_string()),
            action: row.action,
            subject: row.subject,
            result: row.result,
            server: row.server,
            address: row.address,
        }
    }
}

/// The filter of a query; each wrong part is named.
fn filter(query: &Fields) -> Result<AuditFilter, Problem> {
    let mut errors = Vec::new();
    let (from, until, user) = days_and_user(query, &mut errors);
    let mut wrong = |field, rule| errors.push(FieldError::new(field, rule));
    let customer = CustomerNumber::parse(query.get("customer")).ok();
    if customer.is_none() && !query.get("customer").is_empty() {
        wrong("customer", "must be the number of a customer, such as 110110000");
    }
    let mut word = |name, choices: &[(&str, &str)]| {
        let text = query.get(name);
        if !choices.iter().any(|(choice, _)| *choice == text) {
            wrong(name, "must be one of those offered");
        }
        (!text.is_empty()).then(|| text.to_owned())
    };
    let (action, result) = (word("action", ACTIONS), word("result", RESULTS));
    let subject = query.get("subject");
    if subject.chars().count() > SUBJECT_LENGTH_MAX {
        wrong("subject", "must be at most 80 characters");
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let subject = (!subject.is_empty()).then(|| subject.to_owned());
    Ok(AuditFilter { from, until, user, action, result, subject, customer })
}

/// What every filter of auditors begins with: when the first day begins, when the last one is over,
/// and who did it.
pub(super) fn days_and_user(
    query: &Fields,
    errors: &mut Vec<FieldError>,
) -> (Option<UnixMs>, Option<UnixMs>, Option<UserId>) {
    let mut day = |name, later| match query.get(name) {
        "" => None,
        text => {
            let at = start_of_day(text, later);
            if at.is_none() {
                errors.push(FieldError::new(name, "must be a date such as 2026-01-31"));
            }
            at
        }
    };
    let (from, until) = (day("from", 0), day("until", 1));
    let user = UserId::parse(query.get("user"));
    if user.is_none() && !query.get("user").is_empty() {
        errors.push(FieldError::new("user", "must be C and eight digits, such as C00000004"));
    }
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        errors.push(FieldError::new("until", "must not be before the first day"));
    }
    (from, until, user)
}

/// When a day of the bank, or one so many days later, begins.
fn start_of_day(text: &str, days_later: i64) -> Option<UnixMs> {
    let date: Date = text.parse().ok()?;
    let date = date.checked_add(jiff::Span::new().days(days_later)).ok()?;
    Some(ledger::statement::start_of_day(date))
}

fn inputs(query: &Fields, errors: &[FieldError]) -> Vec<Input> {
    let date = |name, label| Input { kind: "date", ..Input::text(name, label, 10).optional() };
    let choice = |name, label, choices| Input { choices, ..Input::text(name, label, 20) };
    let mut inputs = vec![
        date("from", "From"),
        date("until", "Until"),
        Input { hint: "Such as C00000001", ..Input::text("user", "User", 9).optional() },
        Input {
            hint: "A customer's number: rows on them and on their accounts",
            ..Input::text("customer", "Customer", 18).optional()
        },
        choice("action", "What", ACTIONS),
        choice("result", "Result", RESULTS),
        Input {
            hint: "The number of a customer or an account, or a user",
            ..Input::text("subject", "On what", SUBJECT_LENGTH_MAX).optional()
        },
    ];
    fill(&mut inputs, query, errors);
    if errors.is_empty() {
        // Readers come for the rows; the focus stays where it is.
        inputs.iter_mut().for_each(|input| input.focus = false);
    }
    inputs
}

/// The query with the filters alone.
fn filters(query: &Fields) -> String {
    let given = FILTERS.into_iter().map(|name| (name, query.get(name)));
    let given = given.filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
}

async fn list(call: Call) -> Handled {
    let query = call.query();
    let filter = match filter(&query) {
        Ok(filter) => filter,
        Err(problem) => {
            let template = AuditPage {
                layout: Layout::of(&call),
                notice: Some(Notice::bad("Please check the marked fields.", "")),
                inputs: inputs(&query, &problem.errors),
                rows: Vec::new(),
                postings: None,
                export: None,
                next: None,
            };
            return page(problem.status, &template);
        }
    };
    let (before, limit) = cursor::screen(List::Audit, &query)?;
    let postings = filter.customer.map(|number| format!("/accounts?customer={number}"));
    let found = call.books.audit_events(filter, before, limit).await?;
    let filters = filters(&query);
    let next = found.next.map(|place| {
        format!("/audit?{filters}&limit={limit}&cursor={}", cursor::encode(List::Audit, place))
    });
    page(
        StatusCode::OK,
        &AuditPage {
            layout: Layout::of(&call),
            notice: None,
            inputs: inputs(&query, &[]),
            rows: found.rows.into_iter().map(Row::from).collect(),
            postings,
            export: Some(format!("/audit.csv?{filters}")),
            next,
        },
    )
}

/// All rows of the filter, newest first, as RFC 4180 has it.
async fn export(call: Call) -> Handled {
    let query = call.query();
    let (filter, store) = (filter(&query)?, &call.store);
    // Before the answer: an export that is not on record does not leave.
    store.record(call.event("audit.export", String::new(), "done")?).await?;
    let mut text = String::from("id,time,user,session,action,subject,result,server,address\r\n");
    let (mut before, mut count) = (None, 0_usize);
    loop {
        let found = call.books.audit_events(filter.clone(), before, PAGE_ROWS_MAX).await?;
        for row in &found.rows {
            line(&mut text, row);
        }
        count = count.saturating_add(found.rows.len());
        before = found.next;
        if before.is_none() {
            break;
        }
        if count >= EXPORT_ROWS_MAX {
            return Err(too_many_rows());
        }
    }
    Ok(csv_file(text, "attachment; filename=\"audit.csv\""))
}

/// Why an export is refused that does not end.
pub(super) fn too_many_rows() -> Problem {
    let rule = "must be earlier, or the first day later: at most 10,000 rows are exported";
    Problem::field("until", rule)
}

/// A table that is saved and not shown.
pub(super) fn csv_file(text: String, disposition: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}

fn line(text: &mut String, row: &AuditRow) {
    let at = jiff::Timestamp::from_millisecond(row.at).unwrap_or(jiff::Timestamp::MAX);
    let fields = [
        row.id.to_string(),
        at.to_string(),
        row.user.as_ref().map(ToString::to_string).unwrap_or_default(),
        row.session.map(|session| session.to_string()).unwrap_or_default(),
        row.action.clone(),
        row.subject.clone(),
        row.result.clone(),
        row.server.clone(),
        row.address.clone(),
    ];
    csv::row(text, &fields.each_ref().map(|field| csv::Cell::Text(field)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_of_utc_and_the_last_one_counts_whole() {
        let filter = filter(&Fields::parse(b"from=1970-01-02&until=1970-01-02")).unwrap();
        assert_eq!((filter.from, filter.until), (Some(86_400_000), Some(172_800_000)));
    }

    #[test]
    fn wrong_filters_are_named() {
        let query = b"from=x&until=2026-02-30&user=me&customer=x&action=nothing&result=maybe";
        let problem = filter(&Fields::parse(query)).unwrap_err();
        let named: Vec<_> = problem.errors.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(named, ["from", "until", "user", "customer", "action", "result"]);
        assert!(filter(&Fields::parse(b"from=2026-02-02&until=2026-02-01")).is_err());
    }
}
