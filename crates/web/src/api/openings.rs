//! Opening an account by the API, with its opening deposit in the same operation.

use std::borrow::Cow;

use http::StatusCode;
use ledger::operation::Opening;
use ledger::receipt::Effect;
use ledger::{
    Account, AccountKind, AccountNumber, AccountStatus, Amount, Answer, Currency, CustomerNumber,
    CustomerStatus, Operation, Request,
};
use serde::{Deserialize, Serialize};
use store::{AccountView, Decided, Outcome};
use utoipa::ToSchema;

use super::accounts::AccountOut;
use super::answer::{Digits, Time, mark_replayed, with_status};
use super::money::Money;
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Asked, FieldError, Kind, Problem};
use crate::receipts;
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] =
    &[Route::post("/api/v1/customers/{number}/accounts", Access::EXECUTIVE, handler!(open)).doc(
        Doc::new("Open an account")
            .keyed()
            .body::<OpeningIn<'static>>()
            .created::<OpeningOut<'static>>()
            .problems(&[404, 409, 422]),
    )];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OpeningIn<'a> {
    /// `current` or `savings`.
    #[serde(borrow)]
    #[schema(value_type = String, example = "current")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    #[schema(value_type = Option<Money>)]
    opening_amount: Option<Money<'a>>,
    /// How far below zero a current account may go.
    #[serde(borrow, default)]
    #[schema(value_type = Option<Money>)]
    overdraft_limit: Option<Money<'a>>,
    /// That of the amounts, else USD.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "USD")]
    currency: Option<Cow<'a, str>>,
}

#[derive(Serialize, ToSchema)]
struct OpeningOut<'a> {
    operation: Digits,
    kind: &'static str,
    replayed: bool,
    booked_at: Time,
    /// The opening deposit's transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<Digits>,
    account: AccountOut<'a>,
    /// The bank's signed word for it: a JWS that the keys at `/.well-known/jwks.json` verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// What was decided about an opening.
pub(crate) struct Opened {
    pub(crate) decided: Decided,
    pub(crate) account: AccountNumber,
    transfer: Option<i64>,
}

impl OpeningIn<'_> {
    fn parse(&self, customer: CustomerNumber) -> Result<Opening, Problem> {
        let mut errors = Vec::new();
        let kind = AccountKind::parse(&self.kind);
        if kind.is_none() {
            errors.push(FieldError::new("kind", "must be current or savings"));
        }
        // An opening amount of zero is an account without a deposit.
        let amount =
            self.opening_amount.as_ref().map(|money| money.minor("opening_amount", &mut errors));
        let overdraft =
            self.overdraft_limit.as_ref().map(|money| money.minor("overdraft_limit", &mut errors));
        let named = self.currency.as_ref().map(|code| Currency::parse(code));
        if let Some(Err(error)) = &named {
            errors.push(FieldError::new("currency", error.to_string()));
        }
        let (amount, overdraft) = (amount.flatten(), overdraft.flatten());
        let currency = named
            .and_then(Result::ok)
            .or(amount.map(|(_, currency)| currency))
            .or(overdraft.map(|(_, currency)| currency))
            .unwrap_or(Currency::Usd);
        for (field, money) in
            [("opening_amount.currency", amount), ("overdraft_limit.currency", overdraft)]
        {
            if money.is_some_and(|(_, each)| each != currency) {
                errors.push(FieldError::new(field, "must be the currency of the account"));
            }
        }
        let overdraft_minor = overdraft.map_or(0, |(minor, _)| minor);
        if kind == Some(AccountKind::Savings) && overdraft_minor > 0 {
            errors.push(FieldError::new("overdraft_limit", "must be zero on savings accounts"));
        }
        let deposit = amount.and_then(|(minor, _)| Amount::try_new(minor, currency).ok());
        match kind {
            Some(kind) if errors.is_empty() => {
                Ok(Opening { customer, kind, currency, overdraft_minor, deposit })
            }
            _ => Err(Problem::invalid(errors)),
        }
    }
}

async fn open(call: Call) -> Handled {
    let key = call.key()?;
    let given: OpeningIn<'_> = call.json()?;
    let opening = given.parse(call.customer()?)?;
    let request = Request::Open(opening.clone());
    let operation = Operation::new(key.clone(), request.clone(), call.actor()?);
    let opened = post(&call, operation).await?;
    let moved = request.movements(Some(opened.account));
    let effect = Effect::of(request.kind(), &opened.decided.answer, &moved);
    let view = as_opened(&opening, &opened);
    let mut response = with_status(
        StatusCode::CREATED,
        &OpeningOut {
            operation: Digits(opened.decided.operation.get()),
            kind: "open_account",
            replayed: opened.decided.replayed,
            booked_at: Time(opened.decided.booked_at),
            transfer: opened.transfer.map(Digits),
            account: AccountOut::new(&view),
            receipt: receipts::of_decided(&call.server, key, &opened.decided, effect),
        },
    );
    mark_replayed(&mut response, opened.decided.replayed);
    Ok(response)
}

/// Posts an opening; a refusal is a problem.
pub(crate) async fn post(call: &Call, operation: Operation) -> Result<Opened, Problem> {
    let decided = match call.store.post(operation).await? {
        Outcome::Decided(decided) => decided,
        Outcome::KeyReused => return Err(Kind::KeyReused.into()),
    };
    match &decided.answer {
        Answer::Opened { account, deposit } => {
            let (account, transfer) = (*account, deposit.map(|transfer| transfer.get()));
            Ok(Opened { decided, account, transfer })
        }
        Answer::OpenRefused(refusal) => Err(Problem::refused(*refusal, Asked::Opening)
            .of_operation(decided.operation.get(), decided.replayed)),
        Answer::Legs(_) => Err(Kind::Internal.into()),
    }
}

/// The account as it was the moment it was opened: what a repeated key must show again.
fn as_opened(opening: &Opening, opened: &Opened) -> AccountView {
    AccountView {
        account: Account {
            number: opened.account,
            customer: opening.customer,
            kind: opening.kind,
            currency: opening.currency,
            status: AccountStatus::Open,
            customer_status: CustomerStatus::Active,
            overdraft_minor: opening.overdraft_minor,
            debits_posted: 0,
            credits_posted: opening.deposit.map_or(0, Amount::minor),
            debits_pending: 0,
            entry_count: i64::from(opening.deposit.is_some()),
        },
        opened_at: opened.decided.booked_at,
        message: "Account opened".to_owned(),
        updated_at: opened.decided.booked_at,
    }
}
