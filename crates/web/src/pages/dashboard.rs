//! The home page, by role, with the search.

use askama::Template;
use http::StatusCode;
use ledger::customer::Ssn;
use ledger::{AccountNumber, CustomerNumber};

use super::form::{self, Input};
use super::layout::{Layout, Notice};
use super::show::customer_path;
use super::{page, see_other};
use crate::call::Call;
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::get("/", Access::SignedIn, handler!(home)),
    Route::get("/find", Access::BOOKS, handler!(find)),
    Route::post("/customers/find", Access::CUSTOMERS, handler!(find_by_ssn)),
];

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    layout: Layout,
    notice: Option<Notice>,
    name: String,
    executive: bool,
    form_token: String,
    inputs: Vec<Input>,
    ssn: String,
    ssn_error: Option<&'static str>,
}

impl DashboardPage {
    fn new(call: &Call) -> Self {
        let layout = Layout::of(call);
        let number = Input::digits("number", "Number", "A customer number or an account number");
        Self {
            notice: None,
            name: layout.who.as_ref().map(|who| who.name.clone()).unwrap_or_default(),
            executive: layout.is_executive(),
            form_token: layout.form_token(),
            inputs: vec![Input { focus: true, ..number }],
            ssn: String::new(),
            ssn_error: None,
            layout,
        }
    }
}

async fn home(call: Call) -> Handled {
    page(StatusCode::OK, &DashboardPage::new(&call))
}

async fn find(call: Call) -> Handled {
    let query = call.query();
    let typed = query.get("number");
    let customers = Access::CUSTOMERS.allows(call.caller()?.role());
    let store = &call.server.store;
    // Accounts are numbered above all customers, so one box is enough.
    if let Ok(number) = AccountNumber::parse(typed) {
        if store.account(number).await?.is_some() {
            return Ok(see_other(&format!("/accounts/{number}")));
        }
    } else if let Ok(number) = CustomerNumber::parse(typed)
        && store.customer(number).await?.is_some()
    {
        return Ok(see_other(&customer_path(number.get(), customers)));
    }
    let number = CustomerNumber::parse(typed).is_ok();
    let mut template = DashboardPage::new(&call);
    for input in &mut template.inputs {
        input.value = typed.to_owned();
        let rule = if number {
            "belongs to no customer or account"
        } else {
            "must be a number of nine digits"
        };
        input.error = Some(rule.to_owned());
    }
    page(if number { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST }, &template)
}

/// By POST, so that the number is in no address, history or log.
async fn find_by_ssn(call: Call) -> Handled {
    let form = form::read(&call)?;
    let typed = form.get("ssn");
    let (status, error) = match Ssn::parse(typed) {
        None => (StatusCode::BAD_REQUEST, "Social security number must be exactly 9 digits."),
        Some(ssn) => match call.server.store.customer_by_ssn(ssn).await? {
            Some(customer) => return Ok(see_other(&format!("/customers/{}", customer.number))),
            None => (StatusCode::NOT_FOUND, "No customer has this social security number."),
        },
    };
    let template = DashboardPage {
        ssn: typed.to_owned(),
        ssn_error: Some(error),
        ..DashboardPage::new(&call)
    };
    page(status, &template)
}
