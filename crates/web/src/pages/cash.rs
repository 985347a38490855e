//! Deposit and withdrawal at the counter: form, confirmation, result. The form of the home page
//! leads to the same confirmation.

use ledger::operation::Description;
use ledger::{AccountNumber, Amount, Balance, Operation, Request};
use store::AccountView;

use super::dashboard::DashboardPage;
use super::form::{self, ConfirmPage, FormPage, Input, fill, notice_of, token_field};
use super::layout::Layout;
use super::see_other;
use super::show::money;
use crate::api::accounts::find;
use crate::api::postings::post;
use crate::api::text::DESCRIPTION_RULE;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{Asked, FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::post("/counter", Access::COUNTER, handler!(start)),
    Route::get("/accounts/{number}/deposit", Access::COUNTER, handler!(deposit_form)),
    Route::post("/accounts/{number}/deposit", Access::COUNTER, handler!(deposit)),
    Route::get("/accounts/{number}/withdraw", Access::COUNTER, handler!(withdraw_form)),
    Route::post("/accounts/{number}/withdraw", Access::COUNTER, handler!(withdraw)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cash {
    In,
    Out,
}

impl Cash {
    const fn title(self) -> &'static str {
        match self {
            Self::In => "Deposit cash",
            Self::Out => "Withdraw cash",
        }
    }

    fn action(self, view: &AccountView) -> String {
        let word = match self {
            Self::In => "deposit",
            Self::Out => "withdraw",
        };
        format!("/accounts/{}/{word}", view.account.number)
    }
}

async fn deposit_form(call: Call) -> Handled {
    let place = Place::of(&call, find(&call).await?).await?;
    show_form(&call, Cash::In, &place, &form::new_key(), &Fields::default(), None)
}

async fn withdraw_form(call: Call) -> Handled {
    let place = Place::of(&call, find(&call).await?).await?;
    show_form(&call, Cash::Out, &place, &form::new_key(), &Fields::default(), None)
}

/// The form of the home page: the account is a field of it.
async fn start(call: Call) -> Handled {
    let form = form::read(&call)?;
    let key = form::key(&form)?;
    let cash = if form.get("kind") == "withdraw" { Cash::Out } else { Cash::In };
    let asked = match asked_account(&call, &form).await {
        Ok(view) => parse(&form, &view).map(|(amount, _)| (view, amount)),
        Err(problem) => Err(problem),
    };
    match asked {
        Ok((view, amount)) => {
            confirm(&call, cash, &Place::of(&call, view).await?, &form, amount, None)
        }
        Err(problem) if problem.errors.is_empty() => Err(problem),
        Err(problem) => DashboardPage::refused(&call, key.as_str(), &form, &problem),
    }
}

async fn asked_account(call: &Call, form: &Fields) -> Result<AccountView, Problem> {
    let number = AccountNumber::parse(form.get("account"))
        .map_err(|error| Problem::field("account", error.to_string()))?;
    let found = call.books.account(number).await?;
    let rule = "does not exist; check the number with the customer";
    found.ok_or_else(|| Problem::field("account", rule))
}

async fn deposit(call: Call) -> Handled {
    submit(&call, Cash::In).await
}

async fn withdraw(call: Call) -> Handled {
    submit(&call, Cash::Out).await
}

/// An account with the words for whose it is.
struct Place {
    view: AccountView,
    holder: String,
}

impl Place {
    async fn of(call: &Call, view: AccountView) -> Result<Self, Problem> {
        Ok(Self { holder: holder(call, &view).await?, view })
    }
}

/// Whose an account is: what a teller compares with the person at the counter.
pub(super) async fn holder(call: &Call, view: &AccountView) -> Result<String, Problem> {
    let number = view.account.customer;
    let found = call.books.customer(number).await?;
    Ok(found.map_or_else(
        || number.to_string(),
        |customer| format!("{}, {number}", customer.details.name),
    ))
}

fn facts(place: &Place) -> Vec<(&'static str, String)> {
    let account = &place.view.account;
    vec![
        ("Customer", place.holder.clone()),
        ("Account", account.number.to_string()),
        ("Kind", account.kind.as_str().to_owned()),
        ("Balance", money(account.balance())),
        ("Available", money(account.available())),
    ]
}

fn show_form(
    call: &Call,
    cash: Cash,
    place: &Place,
    key: &str,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Handled {
    let mut inputs = vec![
        Input::money("amount", "Amount"),
        Input::text("description", "Description", Description::LENGTH_MAX).optional(),
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    FormPage {
        notice: problem.map(notice_of),
        title: cash.title().to_owned(),
        facts: facts(place),
        action: cash.action(&place.view),
        hidden: vec![
            token_field(&layout),
            (form::KEY, key.to_owned()),
            (form::STEP, form::CHECK.to_owned()),
        ],
        inputs,
        submit: "Continue",
        back: format!("/accounts/{}", place.view.account.number),
        layout,
    }
    .show(problem)
}

fn parse(form: &Fields, view: &AccountView) -> Result<(Amount, Description), Problem> {
    let mut errors = Vec::new();
    let amount = amount(form, view.account.currency, &mut errors);
    let text = description(form, &mut errors);
    match (amount, text) {
        (Some(amount), Some(text)) => Ok((amount, text)),
        _ => Err(Problem::invalid(errors)),
    }
}

/// The field `amount`.
pub(super) fn amount(
    form: &Fields,
    currency: ledger::Currency,
    errors: &mut Vec<FieldError>,
) -> Option<Amount> {
    let parsed = Amount::parse(form.get("amount"), currency);
    parsed.map_err(|error| errors.push(FieldError::new("amount", error.to_string()))).ok()
}

/// The field `description`.
pub(super) fn description(form: &Fields, errors: &mut Vec<FieldError>) -> Option<Description> {
    let parsed = Description::parse(form.get("description"));
    if parsed.is_none() {
        errors.push(FieldError::new("description", DESCRIPTION_RULE));
    }
    parsed
}

async fn submit(call: &Call, cash: Cash) -> Handled {
    let form = form::read(call)?;
    let key = form::key(&form)?;
    let place = Place::of(call, find(call).await?).await?;
    let (amount, text) = match parse(&form, &place.view) {
        Ok(parsed) => parsed,
        Err(problem) => {
            return show_form(call, cash, &place, key.as_str(), &form, Some(&problem));
        }
    };
    match form.get(form::STEP) {
        "post" => {}
        "edit" => return show_form(call, cash, &place, key.as_str(), &form, None),
        _ => return confirm(call, cash, &place, &form, amount, None),
    }
    let number = place.view.account.number;
    let request = match cash {
        Cash::In => Request::deposit(number, amount, text),
        Cash::Out => Request::withdrawal(number, amount, text),
    };
    let operation = Operation::new(key, request, call.actor()?);
    match post(call, operation, Asked::Posting).await {
        Ok(posted) => Ok(see_other(&result_path(number, &posted.decided))),
        // The key is still good: nothing happened, or it is not known; the same form may be sent.
        Err(problem) if problem.status.is_server_error() => {
            confirm(call, cash, &place, &form, amount, Some(&problem))
        }
        // The key is used up: what is sent next is another operation.
        Err(problem) => show_form(call, cash, &place, &form::new_key(), &form, Some(&problem)),
    }
}

/// Where the result of an operation is seen, as often as one likes.
pub(super) fn result_path(number: ledger::AccountNumber, decided: &store::Decided) -> String {
    let again = if decided.replayed { "&again=1" } else { "" };
    format!("/accounts/{number}?done={}{again}", decided.operation)
}

fn confirm(
    call: &Call,
    cash: Cash,
    place: &Place,
    form: &Fields,
    amount: Amount,
    problem: Option<&Problem>,
) -> Handled {
    let view = &place.view;
    let mut facts = facts(place);
    let (word, sign) = match cash {
        Cash::In => ("Deposit", 1),
        Cash::Out => ("Withdrawal", -1),
    };
    let sum = Balance::new(amount.minor(), amount.currency());
    let after = amount.minor().saturating_mul(sign).saturating_add(view.account.balance_minor());
    facts.push((word, money(sum)));
    facts.push(("Balance afterwards", money(Balance::new(after, amount.currency()))));
    if !form.get("description").is_empty() {
        facts.push(("Description", form.get("description").to_owned()));
    }
    let layout = Layout::of(call);
    let carried = [form::KEY, "amount", "description"];
    ConfirmPage {
        notice: problem.map(notice_of),
        title: format!("{}: please confirm", cash.title()),
        facts,
        action: cash.action(view),
        hidden: std::iter::once(token_field(&layout))
            .chain(carried.map(|name| (name, form.get(name).to_owned())))
            .collect(),
        submit: match cash {
            Cash::In => "Confirm the deposit",
            Cash::Out => "Confirm the withdrawal",
        },
        edits: true,
        back: format!("/accounts/{}", view.account.number),
        layout,
    }
    .show(problem)
}
