//! Accounts on pages: lists, one account with its latest entries, close and reactivate.

use askama::Template;
use http::StatusCode;
use ledger::{AccountNumber, CustomerNumber, OperationId};
use store::{AccountView, Entry};

use super::cash::holder;
use super::form::ConfirmPage;
use super::layout::{Layout, Notice};
use super::receipt::concerns;
use super::show::{AccountRow, EntryRow, customer_path, kind, money, when};
use super::{form, page, see_other, statement};
use crate::api::accounts::find;
use crate::api::cursor::{self, List};
use crate::call::Call;
use crate::problem::Problem;
use crate::route::{Access, Handled, Route, handler};

/// How many entries the page of an account shows.
const ENTRIES: u32 = 10;

pub(super) static ROUTES: &[Route] = &[
    Route::get("/accounts", Access::BOOKS, handler!(list)),
    Route::get("/accounts/{number}", Access::BOOKS, handler!(view)),
    Route::get("/accounts/{number}/statement", Access::ENTRIES, handler!(statement::view)),
    Route::get("/accounts/{number}/close", Access::EXECUTIVE, handler!(ask_to_close)),
    Route::post("/accounts/{number}/close", Access::EXECUTIVE, handler!(close)),
    Route::post("/accounts/{number}/reactivate", Access::EXECUTIVE, handler!(reactivate)),
];

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    layout: Layout,
    notice: Option<Notice>,
    title: String,
    accounts: Vec<AccountRow>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    notice: Option<Notice>,
    number: i64,
    status: &'static str,
    balance: String,
    facts: Vec<(&'static str, String)>,
    /// Whether the viewer works with money.
    counter: bool,
    /// Whether the viewer may see what moved.
    reads: bool,
    /// Whether the account takes postings.
    moves: bool,
    form_token: String,
    /// The operation that was just done, if any: its receipt can be had.
    done: Option<i64>,
    /// The transfer of it that the viewer may take back.
    reversible: Option<i64>,
    entries: Vec<EntryRow>,
    /// This month's statement as files.
    files: Vec<(String, &'static str)>,
}

async fn list(call: Call) -> Handled {
    let query = call.query();
    let customers = Access::CUSTOMERS.allows(call.caller()?.role());
    let (title, rows, next) = match query.find("customer") {
        Some(text) => {
            let number = CustomerNumber::parse(text)
                .map_err(|error| Problem::field("customer", error.to_string()))?;
            let rows = call.books.accounts_of(number).await?;
            (format!("Accounts of customer {number}"), rows, None)
        }
        None => {
            let (after, limit) = cursor::screen(List::Accounts, &query)?;
            let found = call.books.accounts(after, limit).await?;
            let next = found.next.map(|place| {
                format!("/accounts?limit={limit}&cursor={}", cursor::encode(List::Accounts, place))
            });
            ("Accounts".to_owned(), found.rows, next)
        }
    };
    let accounts = rows.into_iter().map(|view| AccountRow::new(view, customers)).collect();
    page(
        StatusCode::OK,
        &AccountsPage { layout: Layout::of(&call), notice: None, title, accounts, next },
    )
}

async fn view(call: Call) -> Handled {
    show(&call, StatusCode::OK, None).await
}

async fn show(call: &Call, status: StatusCode, notice: Option<Notice>) -> Handled {
    let view = find(call).await?;
    let layout = Layout::of(call);
    let role = call.caller()?.role();
    let (counter, reads) = (Access::COUNTER.allows(role), Access::ENTRIES.allows(role));
    let query = call.query();
    let done = done_here(call, query.get("done"), view.account.number).await?;
    let entries = if reads {
        let found = call.books.entries(view.account.number, None, ENTRIES).await?;
        found.map(|page| page.rows).unwrap_or_default()
    } else {
        Vec::new()
    };
    let again = query.find("again").is_some();
    let notice = notice.or_else(|| done.map(|done| done_notice(done, again, &view, &entries)));
    let account = &view.account;
    let mut facts = vec![
        ("Kind", account.kind.as_str().to_owned()),
        ("Available", money(account.available())),
        ("Customer", holder(call, &view).await?),
    ];
    if account.customer_status != ledger::CustomerStatus::Active {
        facts.push(("Customer's status", account.customer_status.as_str().to_owned()));
    }
    facts.push(("Latest message", view.message.clone()));
    facts.push(("When", when(view.updated_at)));
    page(
        status,
        &AccountPage {
            notice,
            number: account.number.get(),
            status: account.status.as_str(),
            balance: money(account.balance()),
            facts,
            counter,
            reads,
            moves: account.accepts_postings().is_ok(),
            form_token: layout.form_token(),
            done,
            reversible: reversible(call, done, &entries)?,
            entries: entries.iter().map(|entry| EntryRow::new(entry, done)).collect(),
            files: if reads { statement::of_this_month(account.number) } else { Vec::new() },
            layout,
        },
    )
}

/// The operation that the address speaks of, if the books have it for this account: an address that
/// somebody made up says nothing.
async fn done_here(
    call: &Call,
    typed: &str,
    account: AccountNumber,
) -> Result<Option<i64>, Problem> {
    let Ok(operation) = OperationId::parse(typed) else { return Ok(None) };
    let booked = call.books.booked_operation(operation).await?;
    let here = booked.filter(|booked| concerns(booked, account));
    Ok(here.map(|booked| booked.operation.get()))
}

/// What was just done, if the viewer could take it back at once.
fn reversible(call: &Call, done: Option<i64>, entries: &[Entry]) -> Result<Option<i64>, Problem> {
    let user = &call.caller()?.session.user;
    let own = entries.iter().filter(|entry| Some(entry.operation.get()) == done);
    let mut own = own.filter(|entry| entry.user == *user && entry.reverses.is_none());
    Ok(own.find(|entry| entry.reversed_by.is_none()).map(|entry| entry.transfer.get()))
}

/// What a form that was just sent has done. It is read from the books, so what it says is true
/// whoever typed the address.
fn done_notice(done: i64, again: bool, view: &AccountView, entries: &[Entry]) -> Notice {
    let found = entries.iter().find(|entry| entry.operation.get() == done);
    let text = found.map_or_else(
        || format!("Balance now {}.", money(view.account.balance())),
        |entry| format!("New balance {}.", money(entry.balance)),
    );
    if again {
        let text = format!("It was done once. {text}");
        return Notice::info("This form was sent before: nothing was moved a second time.", text);
    }
    match found {
        Some(entry) => Notice::good(format!("{} done.", kind(&entry.kind)), text),
        None => Notice::info(format!("Operation {done} is in the books."), text),
    }
}

/// Says what closing means before it is done.
async fn ask_to_close(call: Call) -> Handled {
    let view = find(&call).await?;
    let account = &view.account;
    let layout = Layout::of(&call);
    let path = format!("/accounts/{}", account.number);
    ConfirmPage {
        notice: Some(Notice::info(
            "A closed account takes no money and gives none.",
            "Its statements stay, and an executive can reactivate it.",
        )),
        title: "Close this account?".to_owned(),
        facts: vec![
            ("Customer", holder(&call, &view).await?),
            ("Account", account.number.to_string()),
            ("Kind", account.kind.as_str().to_owned()),
            ("Balance", money(account.balance())),
        ],
        action: format!("{path}/close"),
        hidden: vec![form::token_field(&layout)],
        submit: "Close the account",
        edits: false,
        back: path,
        layout,
    }
    .show(None)
}

async fn close(call: Call) -> Handled {
    form::read(&call)?;
    let closed = call.store.close_account(&call.actor()?, call.account()?).await;
    after(&call, closed, "closed").await
}

async fn reactivate(call: Call) -> Handled {
    form::read(&call)?;
    let opened = call.store.reactivate_account(&call.actor()?, call.account()?).await;
    after(&call, opened, "reactivated").await
}

async fn after(call: &Call, changed: Result<AccountView, store::Error>, done: &str) -> Handled {
    match changed.map_err(Problem::from) {
        Ok(view) => {
            let path = customer_path(view.account.customer.get(), true);
            Ok(see_other(&format!("{path}?done=account-{done}")))
        }
        Err(problem) if problem.refusal.is_some() && problem.status != StatusCode::NOT_FOUND => {
            show(call, problem.status, Some(form::notice_of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
