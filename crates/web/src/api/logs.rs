//! The two log endpoints of the old bank, with its names of fields: the latest rows by GET, the
//! newest row of one customer or account by POST.

use ledger::Refusal;
use serde::{Deserialize, Serialize};
use store::{AccountLog, CustomerLog, LOG_ROWS_MAX};
use utoipa::ToSchema;

use super::answer::{Digits, Time, json};
use super::text::Text;
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Asked, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/api/v1/customerlog", Access::CUSTOMERS, handler!(customers))
        .doc(Doc::new("The latest 50 log rows of customers").ok::<Vec<CustomerLogOut<'static>>>()),
    Route::post("/api/v1/customerlog", Access::CUSTOMERS, handler!(customer)).doc(
        Doc::new("The newest log row of a customer")
            .body::<CustomerLogIn<'static>>()
            .ok::<CustomerLogOut<'static>>()
            .problems(&[404]),
    ),
    Route::get("/api/v1/accountlog", Access::CUSTOMERS, handler!(accounts))
        .doc(Doc::new("The latest 50 log rows of accounts").ok::<Vec<AccountLogOut<'static>>>()),
    Route::post("/api/v1/accountlog", Access::CUSTOMERS, handler!(account)).doc(
        Doc::new("The newest log row of an account")
            .body::<AccountLogIn<'static>>()
            .ok::<AccountLogOut<'static>>()
            .problems(&[404]),
    ),
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CustomerLogIn<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "110110000")]
    cust_id: Text<'a>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountLogIn<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "360110000")]
    acc_id: Text<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CustomerLog)]
struct CustomerLogOut<'a> {
    /// The customer's number.
    id: Digits,
    /// The last four digits behind bullets.
    ssn_id: String,
    message: &'a str,
    date: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccountLog)]
struct AccountLogOut<'a> {
    cust_id: Digits,
    acc_id: Digits,
    acc_type: &'static str,
    status: &'static str,
    message: &'a str,
    date: Time,
}

impl<'a> CustomerLogOut<'a> {
    fn new(row: &'a CustomerLog) -> Self {
        Self {
            id: Digits(row.customer.get()),
            ssn_id: row.ssn.masked(),
            message: &row.message,
            date: Time(row.at),
        }
    }
}

impl<'a> AccountLogOut<'a> {
    fn new(row: &'a AccountLog) -> Self {
        Self {
            cust_id: Digits(row.customer.get()),
            acc_id: Digits(row.account.get()),
            acc_type: row.kind.as_str(),
            status: row.status.as_str(),
            message: &row.message,
            date: Time(row.at),
        }
    }
}

async fn customers(call: Call) -> Handled {
    let rows = call.books.customer_logs(None, LOG_ROWS_MAX).await?;
    Ok(json(&rows.iter().map(CustomerLogOut::new).collect::<Vec<_>>()))
}

async fn accounts(call: Call) -> Handled {
    let rows = call.books.account_logs(None, LOG_ROWS_MAX).await?;
    Ok(json(&rows.iter().map(AccountLogOut::new).collect::<Vec<_>>()))
}

async fn customer(call: Call) -> Handled {
    let mut errors = Vec::new();
    let number = call.json::<CustomerLogIn<'_>>()?.cust_id.customer(&mut errors);
    let number = number.ok_or_else(|| Problem::invalid(errors))?;
    let rows = call.books.customer_logs(Some(number), 1).await?;
    let row = rows.first();
    let row = row.ok_or_else(|| Problem::refused(Refusal::CustomerUnknown, Asked::State))?;
    Ok(json(&CustomerLogOut::new(row)))
}

async fn account(call: Call) -> Handled {
    let mut errors = Vec::new();
    let number = call.json::<AccountLogIn<'_>>()?.acc_id.account(|| "acc_id".into(), &mut errors);
    let number = number.ok_or_else(|| Problem::invalid(errors))?;
    let rows = call.books.account_logs(Some(number), 1).await?;
    let row = rows.first();
    let row = row.ok_or_else(|| Problem::refused(Refusal::AccountUnknown, Asked::State))?;
    Ok(json(&AccountLogOut::new(row)))
}
