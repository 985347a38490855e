//! Accounts by the API: view, list, close, reactivate.

use ledger::{Balance, CustomerNumber, Refusal};
use serde::Serialize;
use store::AccountView;
use utoipa::ToSchema;

use super::answer::{Digits, Sum, Time, json};
use super::cursor::{self, List};
use super::money::Money;
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Asked, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/api/v1/accounts", Access::BOOKS, handler!(list)).doc(
        Doc::new("The accounts of a customer, or all accounts")
            .query(&[
                ("customer", "a customer's number"),
                ("cursor", "from the page before"),
                ("limit", "1 to 500"),
            ])
            .ok::<AccountsOut<'static>>(),
    ),
    Route::get("/api/v1/accounts/{number}", Access::BOOKS, handler!(view))
        .doc(Doc::new("View an account").ok::<AccountOut<'static>>().problems(&[404])),
    Route::post("/api/v1/accounts/{number}/close", Access::EXECUTIVE, handler!(close)).doc(
        Doc::new("Close an account that is at zero")
            .ok::<AccountOut<'static>>()
            .problems(&[404, 409, 422]),
    ),
    Route::post("/api/v1/accounts/{number}/reactivate", Access::EXECUTIVE, handler!(reactivate))
        .doc(
            Doc::new("Open a closed account again")
                .ok::<AccountOut<'static>>()
                .problems(&[404, 409]),
        ),
];

#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountOut<'a> {
    number: Digits,
    customer: Digits,
    /// `current` or `savings`.
    kind: &'static str,
    currency: &'static str,
    /// `open` or `closed`.
    status: &'static str,
    /// `active` or `deactivated`: nothing moves on a deactivated customer's accounts.
    customer_status: &'static str,
    #[schema(value_type = Money)]
    balance: Sum,
    /// Balance and overdraft less holds.
    #[schema(value_type = Money)]
    available: Sum,
    #[schema(value_type = Money)]
    overdraft_limit: Sum,
    opened_at: Time,
    /// The latest line of the account's log.
    message: &'a str,
    updated_at: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Accounts)]
struct AccountsOut<'a> {
    accounts: Vec<AccountOut<'a>>,
    next_cursor: Option<String>,
}

impl<'a> AccountOut<'a> {
    pub(crate) fn new(view: &'a AccountView) -> Self {
        let account = &view.account;
        Self {
            number: Digits(account.number.get()),
            customer: Digits(account.customer.get()),
            kind: account.kind.as_str(),
            currency: account.currency.code(),
            status: account.status.as_str(),
            customer_status: account.customer_status.as_str(),
            balance: Sum(account.balance()),
            available: Sum(account.available()),
            overdraft_limit: Sum(Balance::new(account.overdraft_minor, account.currency)),
            opened_at: Time(view.opened_at),
            message: &view.message,
            updated_at: Time(view.updated_at),
        }
    }
}

async fn view(call: Call) -> Handled {
    Ok(json(&AccountOut::new(&find(&call).await?)))
}

/// The account in the path.
pub(crate) async fn find(call: &Call) -> Result<AccountView, Problem> {
    let found = call.books.account(call.account()?).await?;
    found.ok_or_else(unknown)
}

pub(crate) fn unknown() -> Problem {
    Problem::refused(Refusal::AccountUnknown, Asked::State)
}

async fn list(call: Call) -> Handled {
    let query = call.query();
    query.only(&["customer", "cursor", "limit"])?;
    let (rows, next) = match query.find("customer") {
        Some(text) => {
            let customer = CustomerNumber::parse(text)
                .map_err(|error| Problem::field("customer", error.to_string()))?;
            (call.books.accounts_of(customer).await?, None)
        }
        None => {
            let (after, limit) = cursor::page(List::Accounts, &query)?;
            let page = call.books.accounts(after, limit).await?;
            (page.rows, page.next)
        }
    };
    Ok(json(&AccountsOut {
        accounts: rows.iter().map(AccountOut::new).collect(),
        next_cursor: next.map(|place| cursor::encode(List::Accounts, place)),
    }))
}

async fn close(call: Call) -> Handled {
    let view = call.store.close_account(&call.actor()?, call.account()?).await?;
    Ok(json(&AccountOut::new(&view)))
}

async fn reactivate(call: Call) -> Handled {
    let view = call.store.reactivate_account(&call.actor()?, call.account()?).await?;
    Ok(json(&AccountOut::new(&view)))
}
