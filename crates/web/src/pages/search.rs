//! Finding customers, accounts and transfers by number, and customers by part of a name or by
//! social security number.
//!
//! Guarantees: what was looked for is in no address, history or log, because names and social
//! security numbers are personal data: all searches are sent by POST and shown at once.

use askama::Template;
use http::StatusCode;
use ledger::customer::Ssn;
use ledger::{AccountNumber, CustomerNumber, TransferId};

use super::dashboard::DashboardPage;
use super::form;
use super::layout::{Layout, Notice};
use super::show::customer_path;
use super::{page, see_other};
use crate::api::cursor::{self, List};
use crate::call::Call;
use crate::fields::Fields;
use crate::route::{Access, Handled, Route, handler};

/// What fits on a screen.
const ROWS: u32 = 20;

/// Shorter parts fit nearly everybody.
const PART_LENGTH_MIN: usize = 2;

pub(super) static ROUTES: &[Route] = &[
    Route::post("/find", Access::BOOKS, handler!(find)),
    Route::post("/customers/find", Access::CUSTOMERS, handler!(find_by_ssn)),
];

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    layout: Layout,
    notice: Option<Notice>,
    form_token: String,
    what: String,
    rows: Vec<Row>,
    /// The cursor of the next page.
    next: Option<String>,
}

struct Row {
    number: i64,
    path: String,
    name: String,
    status: &'static str,
}

async fn find(call: Call) -> Handled {
    let form = form::read(&call)?;
    let typed = form.get("what");
    let customers = Access::CUSTOMERS.allows(call.caller()?.role());
    let store = &call.books;
    let part = typed.chars().count() >= PART_LENGTH_MIN && typed.chars().any(char::is_alphabetic);
    if part {
        return find_by_name(&call, &form, typed, customers).await;
    }
    // Transfers are numbered below all customers and accounts above, so one box is enough.
    if let Ok(number) = AccountNumber::parse(typed) {
        if store.account(number).await?.is_some() {
            return Ok(see_other(&format!("/accounts/{number}")));
        }
    } else if let Ok(number) = CustomerNumber::parse(typed)
        && store.customer(number).await?.is_some()
    {
        return Ok(see_other(&customer_path(number.get(), customers)));
    } else if let Ok(number) = TransferId::parse(typed)
        && store.transfer(number).await?.is_some()
    {
        return Ok(see_other(&format!("/transfers/{number}")));
    }
    if CustomerNumber::parse(typed).is_ok() {
        missed(&call, typed, StatusCode::NOT_FOUND, "belongs to no customer or account")
    } else {
        let rule = "must be a number of the bank or at least two letters of a name";
        missed(&call, typed, StatusCode::BAD_REQUEST, rule)
    }
}

async fn find_by_name(call: &Call, form: &Fields, part: &str, customers: bool) -> Handled {
    let after = match form.get("cursor") {
        "" => None,
        text => Some(cursor::decode(List::Customers, text)?),
    };
    let found = call.books.customers_named(part.to_owned(), after, ROWS).await?;
    let mut rows = found.rows.iter().map(|customer| Row {
        number: customer.number.get(),
        path: customer_path(customer.number.get(), customers),
        name: customer.details.name.clone(),
        status: customer.status.as_str(),
    });
    match (rows.next(), rows.len()) {
        (None, _) => missed(call, part, StatusCode::NOT_FOUND, "is in no customer's name"),
        (Some(only), 0) if after.is_none() => Ok(see_other(&only.path)),
        (Some(first), _) => {
            let layout = Layout::of(call);
            let template = SearchPage {
                notice: None,
                form_token: layout.form_token(),
                what: part.to_owned(),
                rows: std::iter::once(first).chain(rows).collect(),
                next: found.next.map(|place| cursor::encode(List::Customers, place)),
                layout,
            };
            page(StatusCode::OK, &template)
        }
    }
}

/// The search again, with what was typed and why nothing was found.
fn missed(call: &Call, typed: &str, status: StatusCode, rule: &'static str) -> Handled {
    let mut template = DashboardPage::new(call);
    template.fail_search(typed, rule);
    page(status, &template)
}

/// A search of its own, because nine digits may be a customer number as well.
async fn find_by_ssn(call: Call) -> Handled {
    let form = form::read(&call)?;
    let typed = form.get("ssn");
    let (status, error) = match Ssn::parse(typed) {
        None => (StatusCode::BAD_REQUEST, "Social security number must be exactly 9 digits."),
        Some(ssn) => match call.books.customer_by_ssn(ssn).await? {
            Some(customer) => return Ok(see_other(&format!("/customers/{}", customer.number))),
            None => (StatusCode::NOT_FOUND, "No customer has this social security number."),
        },
    };
    let mut template = DashboardPage::new(&call);
    template.fail_ssn(typed, error);
    page(status, &template)
}
