//! Customers on pages: the status list, one customer with accounts, deactivate and activate.

use askama::Template;
use http::StatusCode;
use ledger::{AccountStatus, CustomerStatus, Refusal};

use super::form::{self, ConfirmPage};
use super::layout::{Layout, Notice};
use super::show::{AccountRow, when};
use super::{page, see_other};
use crate::api::cursor::{self, List};
use crate::api::customers::note_reveal;
use crate::call::Call;
use crate::problem::{Asked, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::get("/customers", Access::CUSTOMERS, handler!(list)),
    Route::get("/customers/{number}", Access::CUSTOMERS, handler!(view)),
    Route::post("/customers/{number}/ssn", Access::CUSTOMERS, handler!(reveal)),
    Route::get("/customers/{number}/deactivate", Access::EXECUTIVE, handler!(ask_to_deactivate)),
    Route::post("/customers/{number}/deactivate", Access::EXECUTIVE, handler!(deactivate)),
    Route::post("/customers/{number}/activate", Access::EXECUTIVE, handler!(activate)),
];

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage {
    layout: Layout,
    notice: Option<Notice>,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    number: i64,
    name: String,
    status: &'static str,
    message: String,
    when: String,
    /// A page of the list with this row alone.
    refresh: String,
}

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage {
    layout: Layout,
    notice: Option<Notice>,
    number: i64,
    name: String,
    status: &'static str,
    facts: Vec<(&'static str, String)>,
    form_token: String,
    accounts: Vec<AccountRow>,
    /// Whether the social security number is shown whole.
    revealed: bool,
}

async fn list(call: Call) -> Handled {
    let (after, limit) = cursor::screen(List::Customers, &call.query())?;
    let found = call.books.customers(after, limit).await?;
    let rows = found.rows.into_iter().map(|customer| Row {
        number: customer.number.get(),
        refresh: cursor::row_path("/customers", List::Customers, customer.number.get()),
        name: customer.details.name,
        status: customer.status.as_str(),
        message: customer.message,
        when: when(customer.updated_at),
    });
    let next = found.next.map(|place| {
        format!("/customers?limit={limit}&cursor={}", cursor::encode(List::Customers, place))
    });
    page(
        StatusCode::OK,
        &CustomersPage { layout: Layout::of(&call), notice: None, rows: rows.collect(), next },
    )
}

/// The customer in the path.
pub(super) async fn find(call: &Call) -> Result<store::Customer, Problem> {
    let found = call.books.customer(call.customer()?).await?;
    found.ok_or_else(|| Problem::refused(Refusal::CustomerUnknown, Asked::State))
}

async fn view(call: Call) -> Handled {
    let notice = done_notice(&call).await?;
    show(&call, StatusCode::OK, notice, false).await
}

/// What a form that was just sent has done, by the word in the address: the latest message of the
/// books, and what is said above the page.
const DONE: [(&str, &str, &str, &str); 6] = [
    ("created", "Customer created", "The customer was added.", ""),
    ("updated", "Customer data updated", "The customer's data was updated.", ""),
    ("activated", "Customer activated", "The customer is active again.", ""),
    (
        "deactivated",
        "Customer deactivated",
        "The customer was deactivated.",
        "Nothing moves on the accounts until the customer is activated.",
    ),
    ("account-closed", "Account closed", "The account was closed.", ""),
    ("account-reactivated", "Account reactivated", "The account is open again.", ""),
];

/// Nothing is said that the books do not: the address may have been made up.
async fn done_notice(call: &Call) -> Result<Option<Notice>, Problem> {
    let query = call.query();
    let done = query.get("done");
    let Some((_, message, title, text)) = DONE.into_iter().find(|(word, ..)| *word == done) else {
        return Ok(None);
    };
    let customer = find(call).await?;
    let is_so = if done.starts_with("account-") {
        let accounts = call.books.accounts_of(customer.number).await?;
        accounts.iter().any(|view| view.message == message)
    } else {
        customer.message == message
    };
    Ok(is_so.then(|| Notice::good(title, text)))
}

/// Shows the social security number, once, and writes down who asked.
async fn reveal(call: Call) -> Handled {
    form::read(&call)?;
    let number = find(&call).await?.number;
    note_reveal(&call, number).await?;
    let notice = Notice::info("The social security number is shown.", "This was noted.");
    show(&call, StatusCode::OK, Some(notice), true).await
}

async fn show(call: &Call, status: StatusCode, notice: Option<Notice>, revealed: bool) -> Handled {
    let customer = find(call).await?;
    let accounts = call.books.accounts_of(customer.number).await?;
    let layout = Layout::of(call);
    let ssn = &customer.ssn;
    let ssn = if revealed { ssn.reveal().to_owned() } else { ssn.masked() };
    let facts = vec![
        ("Customer number", customer.number.to_string()),
        ("Social security number", ssn),
        ("Address", customer.details.address),
        ("City", customer.city),
        ("State", customer.state),
        ("Age", customer.details.age.to_string()),
        ("Latest message", customer.message),
        ("When", when(customer.updated_at)),
    ];
    page(
        status,
        &CustomerPage {
            notice,
            number: customer.number.get(),
            name: customer.details.name,
            status: customer.status.as_str(),
            facts,
            form_token: layout.form_token(),
            accounts: accounts.into_iter().map(|view| AccountRow::new(view, true)).collect(),
            layout,
            revealed,
        },
    )
}

/// What is shown instead of a form about a customer of whom nothing can be changed now.
pub(super) async fn show_deactivated(call: &Call) -> Handled {
    let advice = "Activate the customer first.";
    let notice = Notice::bad("This customer is deactivated.", advice);
    show(call, StatusCode::CONFLICT, Some(notice), false).await
}

/// Says what deactivating means before it is done.
async fn ask_to_deactivate(call: Call) -> Handled {
    let customer = find(&call).await?;
    let accounts = call.books.accounts_of(customer.number).await?;
    let open = accounts.iter().filter(|view| view.account.status == AccountStatus::Open).count();
    let layout = Layout::of(&call);
    let path = format!("/customers/{}", customer.number);
    ConfirmPage {
        notice: Some(Notice::info(
            "Nothing moves on the accounts of a deactivated customer.",
            "An executive can activate the customer again.",
        )),
        title: "Deactivate this customer?".to_owned(),
        facts: vec![
            ("Customer", customer.details.name),
            ("Customer number", customer.number.to_string()),
            ("Status", customer.status.as_str().to_owned()),
            ("Open accounts", open.to_string()),
        ],
        action: format!("{path}/deactivate"),
        hidden: vec![form::token_field(&layout)],
        submit: "Deactivate the customer",
        edits: false,
        back: path,
        layout,
    }
    .show(None)
}

async fn deactivate(call: Call) -> Handled {
    set_status(&call, CustomerStatus::Deactivated).await
}

async fn activate(call: Call) -> Handled {
    set_status(&call, CustomerStatus::Active).await
}

async fn set_status(call: &Call, status: CustomerStatus) -> Handled {
    form::read(call)?;
    let number = call.customer()?;
    let changed = call.store.set_customer_status(&call.actor()?, number, status).await;
    match changed.map_err(Problem::from) {
        Ok(_) => {
            let done = match status {
                CustomerStatus::Active => "activated",
                CustomerStatus::Deactivated => "deactivated",
            };
            Ok(see_other(&format!("/customers/{number}?done={done}")))
        }
        // Somebody else was quicker: show the customer as it is.
        Err(problem) if problem.status == StatusCode::CONFLICT => {
            show(call, problem.status, Some(form::notice_of(&problem)), false).await
        }
        Err(problem) => Err(problem),
    }
}
