//! A transfer at the counter: from any account to any account; form, confirmation, result.

use ledger::operation::Description;
use ledger::{AccountNumber, Amount, Balance, Leg, Operation, Request};
use store::AccountView;

use super::cash::{amount, description, holder, result_path};
use super::form::{self, ConfirmPage, FormPage, Input, fill, notice_of, token_field};
use super::layout::Layout;
use super::see_other;
use super::show::money;
use crate::api::postings::post;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{Asked, FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};

const PATH: &str = "/transfers/new";

pub(super) static ROUTES: &[Route] = &[
    Route::get(PATH, Access::COUNTER, handler!(new)),
    Route::post(PATH, Access::COUNTER, handler!(submit)),
];

async fn new(call: Call) -> Handled {
    show_form(&call, &form::new_key(), &call.query(), None)
}

fn show_form(call: &Call, key: &str, typed: &Fields, problem: Option<&Problem>) -> Handled {
    let mut inputs = vec![
        Input::digits("from", "From account", "Where the money leaves"),
        Input::digits("to", "To account", "Any customer's account"),
        Input::money("amount", "Amount"),
        Input::text("description", "Description", Description::LENGTH_MAX).optional(),
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    if problem.is_none()
        && let [from, to, ..] = inputs.as_mut_slice()
        && !from.value.is_empty()
    {
        (from.focus, to.focus) = (false, true);
    }
    let from = AccountNumber::parse(typed.get("from"));
    let layout = Layout::of(call);
    FormPage {
        notice: problem.map(notice_of),
        title: "Transfer".to_owned(),
        facts: Vec::new(),
        action: PATH.to_owned(),
        hidden: vec![
            token_field(&layout),
            (form::KEY, key.to_owned()),
            (form::STEP, form::CHECK.to_owned()),
        ],
        inputs,
        submit: "Continue",
        back: from.map_or_else(|_| "/".to_owned(), |from| format!("/accounts/{from}")),
        layout,
    }
    .show(problem)
}

/// A transfer that can be asked for, with what is known of both accounts.
struct Asking {
    leg: Leg,
    from: AccountView,
    to: AccountView,
}

async fn parse(call: &Call, form: &Fields) -> Result<Asking, Problem> {
    let mut errors = Vec::new();
    let from = side(call, form, "from", &mut errors).await?;
    let to = side(call, form, "to", &mut errors).await?;
    let currency = from.as_ref().map_or(ledger::Currency::Usd, |view| view.account.currency);
    let amount = amount(form, currency, &mut errors);
    let text = description(form, &mut errors);
    match (from, to, amount, text) {
        (Some(from), Some(to), Some(amount), Some(description)) => {
            let (debit, credit) = (from.account.number, to.account.number);
            Ok(Asking { leg: Leg { debit, credit, amount, description }, from, to })
        }
        _ => Err(Problem::invalid(errors)),
    }
}

async fn side(
    call: &Call,
    form: &Fields,
    field: &'static str,
    errors: &mut Vec<FieldError>,
) -> Result<Option<AccountView>, Problem> {
    let number = match AccountNumber::parse(form.get(field)) {
        Ok(number) => number,
        Err(error) => {
            errors.push(FieldError::new(field, error.to_string()));
            return Ok(None);
        }
    };
    let found = call.books.account(number).await?;
    if found.is_none() {
        errors.push(FieldError::new(field, "does not exist; check the number with the customer"));
    }
    Ok(found)
}

async fn submit(call: Call) -> Handled {
    let form = form::read(&call)?;
    let key = form::key(&form)?;
    let asking = match parse(&call, &form).await {
        Ok(asking) => asking,
        Err(problem) => return show_form(&call, key.as_str(), &form, Some(&problem)),
    };
    match form.get(form::STEP) {
        "post" => {}
        "edit" => return show_form(&call, key.as_str(), &form, None),
        _ => return confirm(&call, &asking, &form, None).await,
    }
    let operation = Operation::new(key, Request::Transfer(asking.leg.clone()), call.actor()?);
    match post(&call, operation, Asked::Posting).await {
        Ok(posted) => Ok(see_other(&result_path(asking.leg.debit, &posted.decided))),
        // As for cash: the same key while it is not decided, a new one after a refusal.
        Err(problem) if problem.status.is_server_error() => {
            confirm(&call, &asking, &form, Some(&problem)).await
        }
        Err(problem) => show_form(&call, &form::new_key(), &form, Some(&problem)),
    }
}

async fn confirm(
    call: &Call,
    asking: &Asking,
    form: &Fields,
    problem: Option<&Problem>,
) -> Handled {
    let Asking { leg, from, to } = asking;
    let (from_holder, to_holder) = (holder(call, from).await?, holder(call, to).await?);
    let mut facts = vec![
        ("From", describe(from, &from_holder)),
        ("To", describe(to, &to_holder)),
        ("Amount", sum(leg.amount)),
        ("Balance before", money(from.account.balance())),
        ("Balance afterwards", after(from, leg.amount)),
    ];
    if !leg.description.as_str().is_empty() {
        facts.push(("Description", leg.description.as_str().to_owned()));
    }
    let layout = Layout::of(call);
    let carried = [form::KEY, "from", "to", "amount", "description"];
    ConfirmPage {
        notice: problem.map(notice_of),
        title: "Transfer: please confirm".to_owned(),
        facts,
        action: PATH.to_owned(),
        hidden: std::iter::once(token_field(&layout))
            .chain(carried.map(|name| (name, form.get(name).to_owned())))
            .collect(),
        submit: "Confirm the transfer",
        edits: true,
        back: format!("/accounts/{}", leg.debit),
        layout,
    }
    .show(problem)
}

fn describe(view: &AccountView, holder: &str) -> String {
    format!("{} ({}) of {holder}", view.account.number, view.account.kind.as_str())
}

fn sum(amount: Amount) -> String {
    money(Balance::new(amount.minor(), amount.currency()))
}

fn after(view: &AccountView, amount: Amount) -> String {
    let minor = view.account.balance_minor().saturating_sub(amount.minor());
    money(Balance::new(minor, amount.currency()))
}
