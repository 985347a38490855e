//! The forms that add and edit a customer.

use ledger::customer::{CustomerDetails, CustomerFields};
use ledger::{CustomerStatus, NewCustomer};

use super::customers::{find, show_deactivated};
use super::form::{self, FormPage, Input, fill, notice_of, token_field};
use super::layout::Layout;
use super::see_other;
use crate::api::customers::invalid;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::get("/customers/new", Access::EXECUTIVE, handler!(new)),
    Route::post("/customers/new", Access::EXECUTIVE, handler!(create)),
    Route::get("/customers/{number}/edit", Access::EXECUTIVE, handler!(edit)),
    Route::post("/customers/{number}/edit", Access::EXECUTIVE, handler!(update)),
];

fn name() -> Input {
    Input { hint: "At most 50 characters", ..Input::text("name", "Name", 50) }
}

fn address() -> Input {
    Input { hint: "At most 100 characters", ..Input::text("address", "Address", 100) }
}

fn age() -> Input {
    Input { length_max: 3, ..Input::digits("age", "Age", "In years") }
}

async fn new(call: Call) -> Handled {
    show_new(&call, &Fields::default(), None)
}

fn show_new(call: &Call, typed: &Fields, problem: Option<&Problem>) -> Handled {
    let mut inputs = vec![
        Input {
            length_max: 9,
            pattern: "[0-9]{9}",
            ..Input::digits("ssn", "Social security number", "Nine digits")
        },
        name(),
        address(),
        age(),
        Input::text("state", "State", 20),
        Input::text("city", "City", 20),
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    FormPage {
        notice: problem.map(notice_of),
        title: "Add a customer".to_owned(),
        facts: Vec::new(),
        action: "/customers/new".to_owned(),
        hidden: vec![token_field(&layout)],
        inputs,
        submit: "Add the customer",
        back: "/".to_owned(),
        layout,
    }
    .show(problem)
}

async fn create(call: Call) -> Handled {
    let form = form::read(&call)?;
    let customer = NewCustomer::parse(&CustomerFields {
        ssn: form.get("ssn"),
        name: form.get("name"),
        address: form.get("address"),
        age: form.get("age"),
        state: form.get("state"),
        city: form.get("city"),
    });
    let created = match customer.map_err(invalid) {
        Ok(customer) => {
            let created = call.store.create_customer(&call.actor()?, customer).await;
            created.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match created {
        Ok(customer) => Ok(see_other(&format!("/customers/{}?done=created", customer.number))),
        Err(problem) if problem.word == "ssn-taken" => {
            let taken = FieldError::new("ssn", "belongs to a customer already");
            show_new(&call, &form, Some(&problem.with(vec![taken])))
        }
        Err(problem) => show_new(&call, &form, Some(&problem)),
    }
}

async fn edit(call: Call) -> Handled {
    let customer = find(&call).await?;
    if customer.status == CustomerStatus::Deactivated {
        return show_deactivated(&call).await;
    }
    show_edit(&call, customer, &Fields::default(), None)
}

fn show_edit(
    call: &Call,
    customer: store::Customer,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Handled {
    let mut inputs = vec![
        name().value(customer.details.name),
        address().value(customer.details.address),
        age().value(customer.details.age.to_string()),
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    let path = format!("/customers/{}", customer.number);
    FormPage {
        notice: problem.map(notice_of),
        title: "Edit a customer".to_owned(),
        facts: vec![("Customer number", customer.number.to_string())],
        action: format!("{path}/edit"),
        hidden: vec![token_field(&layout)],
        inputs,
        submit: "Save",
        back: path,
        layout,
    }
    .show(problem)
}

async fn update(call: Call) -> Handled {
    let form = form::read(&call)?;
    let number = call.customer()?;
    let details = CustomerDetails::parse(form.get("name"), form.get("address"), form.get("age"));
    let updated = match details.map_err(invalid) {
        Ok(details) => {
            let updated = call.store.update_customer(&call.actor()?, number, details).await;
            updated.map(|_| ()).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    match updated {
        Ok(()) => Ok(see_other(&format!("/customers/{number}?done=updated"))),
        Err(problem) => show_edit(&call, find(&call).await?, &form, Some(&problem)),
    }
}
