//! Customers by the API: add, find, list, edit, deactivate, activate.

use std::borrow::Cow;

use http::StatusCode;
use ledger::customer::{CustomerDetails, CustomerFields, Ssn};
use ledger::{CustomerNumber, CustomerStatus, NewCustomer, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Digits, Time, json, with_status};
use super::cursor::{self, List};
use super::text::Text;
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Asked, FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] = &[
    Route::post("/api/v1/customers", Access::EXECUTIVE, handler!(create)).doc(
        Doc::new("Add a customer")
            .body::<CustomerIn<'static>>()
            .created::<CustomerOut<'static>>()
            .problems(&[409]),
    ),
    Route::get("/api/v1/customers", Access::CUSTOMERS, handler!(list)).doc(
        Doc::new("List customers")
            .query(&[("cursor", "from the page before"), ("limit", "1 to 500")])
            .ok::<CustomersOut<'static>>(),
    ),
    // Not a query: a social security number must not stand in a URL (I12).
    Route::post("/api/v1/customers/search", Access::CUSTOMERS, handler!(search)).doc(
        Doc::new("Find a customer by social security number; an empty list if there is none")
            .body::<SearchIn<'static>>()
            .ok::<CustomersOut<'static>>(),
    ),
    Route::get("/api/v1/customers/{number}", Access::CUSTOMERS, handler!(view))
        .doc(Doc::new("View a customer").ok::<CustomerOut<'static>>().problems(&[404])),
    Route::patch("/api/v1/customers/{number}", Access::EXECUTIVE, handler!(update)).doc(
        Doc::new("Edit an active customer")
            .body::<DetailsIn<'static>>()
            .ok::<CustomerOut<'static>>()
            .problems(&[404, 409]),
    ),
    // By POST: it writes an audit row, and a look at a list must not.
    Route::post("/api/v1/customers/{number}/ssn", Access::CUSTOMERS, handler!(reveal)).doc(
        Doc::new("Show a customer's social security number; who asked is noted")
            .ok::<SsnOut<'static>>()
            .problems(&[404]),
    ),
    Route::post("/api/v1/customers/{number}/deactivate", Access::EXECUTIVE, handler!(deactivate))
        .doc(Doc::new("Deactivate a customer").ok::<CustomerOut<'static>>().problems(&[404, 409])),
    Route::post("/api/v1/customers/{number}/activate", Access::EXECUTIVE, handler!(activate))
        .doc(Doc::new("Activate a customer").ok::<CustomerOut<'static>>().problems(&[404, 409])),
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CustomerIn<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "012345678")]
    ssn: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = String, max_length = 50)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = String, max_length = 100)]
    address: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = String, example = "36")]
    age: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = String, max_length = 20)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = String, max_length = 20)]
    city: Cow<'a, str>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SearchIn<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "012345678")]
    ssn: Cow<'a, str>,
}

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DetailsIn<'a> {
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, max_length = 50)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    address: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "36")]
    age: Option<Text<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerOut<'a> {
    number: Digits,
    /// The last four digits behind bullets; all nine are had from `…/ssn`.
    #[schema(example = "•••••5678")]
    ssn: String,
    name: &'a str,
    address: &'a str,
    age: u16,
    state: &'a str,
    city: &'a str,
    status: &'static str,
    /// The latest line of the customer's log.
    message: &'a str,
    updated_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SocialSecurityNumber)]
struct SsnOut<'a> {
    #[schema(example = "012345678")]
    ssn: &'a str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Customers)]
struct CustomersOut<'a> {
    customers: Vec<CustomerOut<'a>>,
    next_cursor: Option<String>,
}

impl<'a> CustomerOut<'a> {
    fn new(customer: &'a store::Customer) -> Self {
        Self {
            number: Digits(customer.number.get()),
            ssn: customer.ssn.masked(),
            name: &customer.details.name,
            address: &customer.details.address,
            age: customer.details.age,
            state: &customer.state,
            city: &customer.city,
            status: customer.status.as_str(),
            message: &customer.message,
            updated_at: Time(customer.updated_at),
        }
    }
}

pub(crate) fn invalid(errors: Vec<ledger::customer::FieldError>) -> Problem {
    Problem::invalid(errors.into_iter().map(FieldError::from).collect())
}

async fn create(call: Call) -> Handled {
    let given: CustomerIn<'_> = call.json()?;
    let customer = NewCustomer::parse(&CustomerFields {
        ssn: &given.ssn,
        name: &given.name,
        address: &given.address,
        age: &given.age.0,
        state: &given.state,
        city: &given.city,
    })
    .map_err(invalid)?;
    let customer = call.store.create_customer(&call.actor()?, customer).await?;
    Ok(with_status(StatusCode::CREATED, &CustomerOut::new(&customer)))
}

async fn list(call: Call) -> Handled {
    let query = call.query();
    query.only(&["cursor", "limit"])?;
    let (after, limit) = cursor::page(List::Customers, &query)?;
    let page = call.books.customers(after, limit).await?;
    Ok(customers(&page.rows, page.next))
}

async fn search(call: Call) -> Handled {
    let given: SearchIn<'_> = call.json()?;
    let ssn =
        Ssn::parse(&given.ssn).ok_or_else(|| Problem::field("ssn", "must be exactly 9 digits"))?;
    let found = call.books.customer_by_ssn(ssn).await?;
    Ok(customers(found.as_slice(), None))
}

fn customers(rows: &[store::Customer], next: Option<i64>) -> axum::response::Response {
    json(&CustomersOut {
        customers: rows.iter().map(CustomerOut::new).collect(),
        next_cursor: next.map(|place| cursor::encode(List::Customers, place)),
    })
}

async fn find(call: &Call, books: &store::Store) -> Result<store::Customer, Problem> {
    let found = books.customer(call.customer()?).await?;
    found.ok_or_else(|| Problem::refused(Refusal::CustomerUnknown, Asked::State))
}

async fn view(call: Call) -> Handled {
    Ok(json(&CustomerOut::new(&find(&call, &call.books).await?)))
}

async fn reveal(call: Call) -> Handled {
    let customer = find(&call, &call.books).await?;
    note_reveal(&call, customer.number).await?;
    Ok(json(&SsnOut { ssn: customer.ssn.reveal() }))
}

/// Writes down who is about to see a social security number; if it cannot be, nothing is shown.
pub(crate) async fn note_reveal(call: &Call, number: CustomerNumber) -> Result<(), Problem> {
    let event = call.event("customer.ssn.reveal", number.to_string(), "done")?;
    Ok(call.store.record(event).await?)
}

async fn update(call: Call) -> Handled {
    let given: DetailsIn<'_> = call.json()?;
    // What is not given stays as it is: as the primary has it.
    let now = find(&call, &call.store).await?;
    let age = now.details.age.to_string();
    let details = CustomerDetails::parse(
        given.name.as_deref().unwrap_or(&now.details.name),
        given.address.as_deref().unwrap_or(&now.details.address),
        given.age.as_ref().map_or(age.as_str(), |age| &age.0),
    )
    .map_err(invalid)?;
    let customer = call.store.update_customer(&call.actor()?, now.number, details).await?;
    Ok(json(&CustomerOut::new(&customer)))
}

async fn deactivate(call: Call) -> Handled {
    set_status(&call, CustomerStatus::Deactivated).await
}

async fn activate(call: Call) -> Handled {
    set_status(&call, CustomerStatus::Active).await
}

async fn set_status(call: &Call, status: CustomerStatus) -> Handled {
    let (actor, number) = (call.actor()?, call.customer()?);
    let customer = call.store.set_customer_status(&actor, number, status).await?;
    Ok(json(&CustomerOut::new(&customer)))
}
