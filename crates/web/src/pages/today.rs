//! Today, by role: one's own postings with their totals and what was refused; what changed; what
//! auditors look after; who is locked out.
//!
//! A page of its own, which the home page draws in behind itself: the counter's form never waits
//! for it, and without JavaScript a link leads here. Each part is one read by an index, of a
//! bounded number of rows.

use std::collections::BTreeMap;

use askama::Template;
use http::StatusCode;
use ledger::receipt::Moved;
use ledger::{Answer, Balance, Currency, Day, IdempotencyKey, LegAnswer, Refusal, Role};
use store::{OperationFilter, OperationView, UnixMs, now_ms};

use super::layout::Layout;
use super::page;
use super::show::{kind, money, when};
use crate::call::Call;
use crate::problem::{Problem, refusal};
use crate::route::{Access, Handled, Route, handler};
use crate::unknown;

/// Rows of a list: a glance, not a search.
const ROWS: usize = 10;
/// The postings of a day that totals are made of: one read.
const TOTALLED_MAX: u32 = 500;
/// The rows of the logs that one answer gives.
const LOG_ROWS: u32 = store::LOG_ROWS_MAX;

pub(super) static ROUTES: &[Route] = &[Route::get("/today", Access::SignedIn, handler!(view))];

#[derive(Template)]
#[template(path = "today.html")]
struct TodayPage {
    layout: Layout,
    day: String,
    parts: Vec<Part>,
}

/// A list with its heading.
struct Part {
    title: &'static str,
    heads: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
    /// What it says when there are no rows.
    empty: &'static str,
}

impl Part {
    /// Whether numbers stand in a column, one below the other.
    fn is_of_figures(&self, column: &usize) -> bool {
        let first = self.rows.first().and_then(|row| row.get(*column));
        first.is_some_and(|cell| cell.figure)
    }
}

struct Cell {
    text: String,
    path: Option<String>,
    /// A sum or a count.
    figure: bool,
}

fn text(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), path: None, figure: false }
}

fn figure(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), path: None, figure: true }
}

fn link(text: impl std::fmt::Display, path: &str) -> Cell {
    Cell { path: Some(format!("{path}{text}")), text: text.to_string(), figure: false }
}

async fn view(call: Call) -> Handled {
    let today = Day::of(now_ms());
    let parts = match call.caller()?.role() {
        Role::Cashier | Role::Teller => of_counter(&call, today).await?,
        Role::Executive => of_executive(&call, today).await?,
        Role::Auditor => of_auditor(&call).await?,
        Role::Administrator => of_administrator(&call).await?,
    };
    let day = when(today.begins_at_ms());
    let day = day.split(' ').next().unwrap_or_default().to_owned();
    page(StatusCode::OK, &TodayPage { layout: Layout::of(&call), day, parts })
}

async fn own_operations(call: &Call, today: Day) -> Result<Vec<OperationView>, Problem> {
    let filter = OperationFilter {
        user: Some(call.caller()?.session.user.clone()),
        from: Some(today.begins_at_ms()),
        until: None,
    };
    Ok(call.books.operations(filter, None, TOTALLED_MAX).await?.rows)
}

async fn of_counter(call: &Call, today: Day) -> Result<Vec<Part>, Problem> {
    let operations = own_operations(call, today).await?;
    let refused: Vec<_> = operations.iter().filter_map(refused_row).take(ROWS).collect();
    Ok(vec![
        Part {
            title: totals_title(operations.len()),
            heads: &["What", "Number", "Sum"],
            rows: totals(&operations),
            empty: "Nothing posted yet.",
        },
        Part {
            title: "Your latest postings",
            heads: &["When", "What", "Sum", "Account", "Transfer"],
            rows: operations.iter().filter_map(posted_row).take(ROWS).collect(),
            empty: "Nothing posted yet.",
        },
        Part {
            title: "Refused",
            heads: &["When", "What", "Why"],
            rows: refused,
            empty: "Nothing was refused.",
        },
        not_known(call, today).await?,
    ])
}

/// What the bank could not say when it was asked, and what the books say now.
async fn not_known(call: &Call, today: Day) -> Result<Part, Problem> {
    let store = &call.books;
    let user = &call.caller()?.session.user;
    let mut own = store.latest_events(unknown::ACTION, LOG_ROWS).await?;
    own.retain(|row| row.user.as_ref() == Some(user) && Day::of(row.at) == today);
    let keys = own.iter().filter_map(|row| IdempotencyKey::parse(&row.subject).ok());
    let booked = store.booked(keys.collect()).await?;
    let is_confirmed = booked.is_empty() || store.confirm().await.is_ok();
    let rows = own.into_iter().map(|row| {
        let found = booked.iter().find(|booked| booked.key.as_str() == row.subject);
        let fate = match found.map(|booked| (refusal_of(&booked.answer), booked.operation)) {
            Some(_) if !is_confirmed => "Not known yet: look again in a minute".to_owned(),
            None => "Not in the books: nothing was moved".to_owned(),
            Some((None, operation)) => format!("In the books, operation {operation}"),
            Some((Some(refused), _)) => format!("Refused: {refused}"),
        };
        vec![text(when(row.at)), text(row.subject), text(fate)]
    });
    Ok(Part {
        title: "Not known when it was sent",
        heads: &["When", "Key", "Now"],
        rows: rows.collect(),
        empty: "All outcomes were known.",
    })
}

/// The totals are of one read, which may not be all of the day.
fn totals_title(count: usize) -> &'static str {
    if u32::try_from(count).is_ok_and(|count| count < TOTALLED_MAX) {
        "Your totals"
    } else {
        "Totals of your newest 500 postings"
    }
}

/// By kind and currency, of what moved.
fn totals(operations: &[OperationView]) -> Vec<Vec<Cell>> {
    let mut sums: BTreeMap<(String, &'static str), (u64, Currency, i64)> = BTreeMap::new();
    for operation in operations {
        let Some(Moved { amount, .. }) = operation.moved else { continue };
        let name = (kind(&operation.kind).to_owned(), amount.currency().code());
        let (count, _, sum) = sums.entry(name).or_insert((0, amount.currency(), 0));
        *count = count.saturating_add(1);
        *sum = sum.saturating_add(amount.minor());
    }
    sums.into_iter()
        .map(|((name, _), (count, currency, sum))| {
            vec![text(name), figure(count.to_string()), figure(money(Balance::new(sum, currency)))]
        })
        .collect()
}

fn posted_row(operation: &OperationView) -> Option<Vec<Cell>> {
    let moved = operation.moved?;
    let account = if moved.debit.is_house() { moved.credit } else { moved.debit };
    let transfer = operation.answer.transfers().next()?;
    Some(vec![
        text(when(operation.booked_at)),
        text(kind(&operation.kind)),
        figure(money(Balance::new(moved.amount.minor(), moved.amount.currency()))),
        link(account, "/accounts/"),
        link(transfer, "/transfers/"),
    ])
}

fn refused_row(operation: &OperationView) -> Option<Vec<Cell>> {
    let refused = refusal_of(&operation.answer)?;
    Some(vec![
        text(when(operation.booked_at)),
        text(kind(&operation.kind)),
        text(refusal::title(refused)),
    ])
}

/// The first refusal of an answer.
pub(super) fn refusal_of(answer: &Answer) -> Option<Refusal> {
    match answer {
        Answer::Opened { .. } => None,
        Answer::OpenRefused(refusal) => Some(*refusal),
        Answer::Legs(legs) => legs.iter().find_map(|leg| match leg {
            LegAnswer::Refused(refusal) => Some(*refusal),
            LegAnswer::Accepted { .. } => None,
        }),
    }
}

async fn of_executive(call: &Call, today: Day) -> Result<Vec<Part>, Problem> {
    let is_today = |at: UnixMs| Day::of(at) == today;
    let customers = call.books.customer_logs(None, LOG_ROWS).await?;
    let accounts = call.books.account_logs(None, LOG_ROWS).await?;
    let customers = customers
        .into_iter()
        .filter(|row| is_today(row.at))
        .map(|row| vec![text(when(row.at)), link(row.customer, "/customers/"), text(row.message)]);
    let accounts = accounts
        .into_iter()
        .filter(|row| is_today(row.at))
        .map(|row| vec![text(when(row.at)), link(row.account, "/accounts/"), text(row.message)]);
    Ok(vec![
        Part {
            title: "Customers today",
            heads: &["When", "Customer", "What"],
            rows: customers.collect(),
            empty: "Nothing has changed today.",
        },
        Part {
            title: "Accounts today",
            heads: &["When", "Account", "What"],
            rows: accounts.collect(),
            empty: "Nothing has changed today.",
        },
    ])
}

/// The newest audit rows of some actions, one list each.
async fn latest(
    call: &Call,
    asked: &[(&'static str, &'static [&'static str])],
) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    for &(title, actions) in asked {
        let mut rows = Vec::new();
        for &action in actions {
            let limit = u32::try_from(ROWS).unwrap_or(u32::MAX);
            rows.extend(call.books.latest_events(action, limit).await?);
        }
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        let rows = rows.into_iter().take(ROWS).map(|row| {
            let user = row.user.map_or_else(|| "–".to_owned(), |user| user.to_string());
            let on = if row.action == "transfer.reverse" {
                link(row.subject, "/transfers/")
            } else {
                text(row.subject)
            };
            vec![text(when(row.at)), text(user), on, text(row.result), text(row.address)]
        });
        parts.push(Part {
            title,
            heads: &["When", "Who", "On what", "Result", "From"],
            rows: rows.collect(),
            empty: "Nothing so far.",
        });
    }
    Ok(parts)
}

async fn of_auditor(call: &Call) -> Result<Vec<Part>, Problem> {
    latest(
        call,
        &[
            ("Latest reversals", &["transfer.reverse"]),
            ("Latest denials", &["access.role", "access.form", "access.cross-site"]),
            ("Latest tries under a lock", &["sign-in.locked"]),
            ("Latest social security numbers shown", &["customer.ssn.reveal"]),
        ],
    )
    .await
}

async fn of_administrator(call: &Call) -> Result<Vec<Part>, Problem> {
    let store = &call.books;
    let staff = store.staff_list().await?;
    let users = staff.iter().map(|each| each.user.clone()).collect();
    let locked = store.locked_users(users).await?;
    let mut counts: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    for each in &staff {
        let state = match (each.disabled, each.password_generated) {
            (true, _) => "deactivated",
            (false, true) => "password to be chosen",
            (false, false) => "active",
        };
        let count = counts.entry((each.role.as_str(), state)).or_default();
        *count = count.saturating_add(1);
    }
    let states = counts.into_iter();
    let states = states
        .map(|((role, state), count)| vec![text(role), text(state), figure(count.to_string())]);
    let locked =
        locked.into_iter().map(|(user, until)| vec![link(user, "/staff/"), text(when(until))]);
    let mut parts = vec![
        Part {
            title: "Staff",
            heads: &["Role", "State", "Number"],
            rows: states.collect(),
            empty: "There is nobody.",
        },
        Part {
            title: "Locked after failed sign-ins",
            heads: &["User", "Until"],
            rows: locked.collect(),
            empty: "Nobody is locked.",
        },
    ];
    parts.extend(latest(call, &[("Latest sign-ins", &["sign-in"])]).await?);
    Ok(parts)
}
