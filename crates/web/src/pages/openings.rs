//! Opening an account by form: its key too is born with the form.

use ledger::operation::Opening;
use ledger::{AccountKind, Amount, Currency, CustomerStatus, Operation, Request};

use super::cash::result_path;
use super::customers::{find, show_deactivated};
use super::form::{self, FormPage, Input, fill, notice_of, token_field};
use super::layout::Layout;
use super::see_other;
use crate::api::openings::post;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::get("/customers/{number}/accounts/new", Access::EXECUTIVE, handler!(new)),
    Route::post("/customers/{number}/accounts/new", Access::EXECUTIVE, handler!(submit)),
];

const KINDS: &[(&str, &str)] = &[("current", "Current"), ("savings", "Savings")];
const CURRENCIES: &[(&str, &str)] = &[
    ("USD", "USD"),
    ("EUR", "EUR"),
    ("GBP", "GBP"),
    ("CHF", "CHF"),
    ("CZK", "CZK"),
    ("JPY", "JPY"),
    ("KWD", "KWD"),
];

async fn new(call: Call) -> Handled {
    let customer = find(&call).await?;
    if customer.status == CustomerStatus::Deactivated {
        return show_deactivated(&call).await;
    }
    show(&call, customer, &form::new_key(), &Fields::default(), None)
}

fn show(
    call: &Call,
    customer: store::Customer,
    key: &str,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Handled {
    let choice = |name, label, choices| Input { choices, ..Input::text(name, label, 20) };
    let mut inputs = vec![
        choice("kind", "Kind of account", KINDS),
        choice("currency", "Currency", CURRENCIES),
        Input::money("opening_amount", "Opening amount").optional(),
        Input::money("overdraft_limit", "Overdraft limit").optional(),
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    let path = format!("/customers/{}", customer.number);
    FormPage {
        notice: problem.map(notice_of),
        title: "Open an account".to_owned(),
        facts: vec![
            ("Customer", customer.details.name),
            ("Customer number", customer.number.to_string()),
        ],
        action: format!("{path}/accounts/new"),
        hidden: vec![token_field(&layout), (form::KEY, key.to_owned())],
        inputs,
        submit: "Open the account",
        back: path,
        layout,
    }
    .show(problem)
}

fn parse(call: &Call, form: &Fields) -> Result<Opening, Problem> {
    let mut errors = Vec::new();
    let kind = AccountKind::parse(form.get("kind"));
    if kind.is_none() {
        errors.push(FieldError::new("kind", "must be current or savings"));
    }
    let currency = Currency::parse(form.get("currency")).unwrap_or_else(|error| {
        errors.push(FieldError::new("currency", error.to_string()));
        Currency::Usd
    });
    let mut minor = |field| match form.get(field) {
        "" => 0,
        text => ledger::money::parse_minor(text, currency).unwrap_or_else(|error| {
            errors.push(FieldError::new(field, error.to_string()));
            0
        }),
    };
    let (opening_minor, overdraft_minor) = (minor("opening_amount"), minor("overdraft_limit"));
    if kind == Some(AccountKind::Savings) && overdraft_minor > 0 {
        errors.push(FieldError::new("overdraft_limit", "must be empty for savings accounts"));
    }
    let deposit = Amount::try_new(opening_minor, currency).ok();
    match kind {
        Some(kind) if errors.is_empty() => {
            Ok(Opening { customer: call.customer()?, kind, currency, overdraft_minor, deposit })
        }
        _ => Err(Problem::invalid(errors)),
    }
}

async fn submit(call: Call) -> Handled {
    let form = form::read(&call)?;
    let key = form::key(&form)?;
    let opening = match parse(&call, &form) {
        Ok(opening) => opening,
        Err(problem) => {
            return show(&call, find(&call).await?, key.as_str(), &form, Some(&problem));
        }
    };
    let operation = Operation::new(key.clone(), Request::Open(opening), call.actor()?);
    match post(&call, operation).await {
        Ok(opened) => Ok(see_other(&result_path(opened.account, &opened.decided))),
        Err(problem) if problem.status.is_server_error() => {
            show(&call, find(&call).await?, key.as_str(), &form, Some(&problem))
        }
        Err(problem) => show(&call, find(&call).await?, &form::new_key(), &form, Some(&problem)),
    }
}
