//! Deposits, withdrawals and transfers by the API: one key, one effect, both new balances.

use std::borrow::Cow;

use http::StatusCode;
use ledger::receipt::{Effect, Moved};
use ledger::{AccountNumber, Amount, Answer, Balance, Leg, LegAnswer, Operation, Request};
use serde::{Deserialize, Serialize};
use store::{Decided, Outcome};
use utoipa::ToSchema;

use super::answer::{Digits, Sum, Time, mark_replayed, with_status};
use super::money::Money;
use super::text::{Text, description};
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Asked, Kind, Problem};
use crate::receipts;
use crate::route::{Access, Handled, Route, handler};

pub(crate) static ROUTES: &[Route] = &[
    Route::post("/api/v1/accounts/{number}/deposits", Access::COUNTER, handler!(deposit)).doc(
        Doc::new("Deposit cash")
            .keyed()
            .body::<CashIn<'static>>()
            .created::<PostingOut>()
            .problems(&[404, 422]),
    ),
    Route::post("/api/v1/accounts/{number}/withdrawals", Access::COUNTER, handler!(withdraw)).doc(
        Doc::new("Withdraw cash")
            .keyed()
            .body::<CashIn<'static>>()
            .created::<PostingOut>()
            .problems(&[404, 422]),
    ),
    Route::post("/api/v1/transfers", Access::COUNTER, handler!(transfer)).doc(
        Doc::new("Transfer between any two accounts")
            .keyed()
            .body::<TransferIn<'static>>()
            .created::<PostingOut>()
            .problems(&[422]),
    ),
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CashIn<'a> {
    #[serde(borrow)]
    #[schema(value_type = Money)]
    amount: Money<'a>,
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, max_length = 140)]
    description: Option<Cow<'a, str>>,
}

/// One transfer that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTransfer)]
pub(crate) struct TransferIn<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "360110000")]
    from: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = String, example = "360110001")]
    to: Text<'a>,
    #[serde(borrow)]
    #[schema(value_type = Money)]
    amount: Money<'a>,
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, max_length = 140)]
    description: Option<Cow<'a, str>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Posting)]
pub(crate) struct PostingOut {
    operation: Digits,
    /// `deposit`, `withdrawal`, `transfer` or `reversal`.
    kind: &'static str,
    /// Whether this is the stored answer of an earlier request with the same key.
    replayed: bool,
    booked_at: Time,
    transfer: Digits,
    /// The transfer that a reversal takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<Digits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Side>,
    /// The bank's signed word for it: a JWS that the keys at `/.well-known/jwks.json` verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PostingSide)]
pub(crate) struct Side {
    account: Digits,
    #[schema(value_type = Money)]
    balance: Sum,
}

impl TransferIn<'_> {
    /// The transfer; `prefix` stands before the names of fields that break their rules.
    pub(crate) fn leg(&self, prefix: impl Fn() -> String) -> Result<Leg, Problem> {
        let mut errors = Vec::new();
        let name = |field: &str| Cow::Owned(format!("{}{field}", prefix()));
        let debit = self.from.account(|| name("from"), &mut errors);
        let credit = self.to.account(|| name("to"), &mut errors);
        let text = self.description.as_deref();
        let description = description(text, || name("description"), &mut errors);
        // The path is only built for an error, because a batch comes by here 8,000 times.
        let mut money_errors = Vec::new();
        let amount = self.amount.amount("amount", &mut money_errors);
        errors.extend(money_errors.into_iter().map(|mut error| {
            error.field = name(&error.field);
            error
        }));
        match (debit, credit, amount) {
            (Some(debit), Some(credit), Some(amount)) if errors.is_empty() => {
                Ok(Leg { debit, credit, amount, description })
            }
            _ => Err(Problem::invalid(errors)),
        }
    }
}

async fn deposit(call: Call) -> Handled {
    cash(&call, Request::deposit).await
}

async fn withdraw(call: Call) -> Handled {
    cash(&call, Request::withdrawal).await
}

async fn cash(
    call: &Call,
    request: fn(AccountNumber, Amount, ledger::operation::Description) -> Request,
) -> Handled {
    let key = call.key()?;
    let given: CashIn<'_> = call.json()?;
    let mut errors = Vec::new();
    let amount = given.amount.amount("amount", &mut errors);
    let text = description(given.description.as_deref(), || "description".into(), &mut errors);
    let Some(amount) = amount.filter(|_| errors.is_empty()) else {
        return Err(Problem::invalid(errors));
    };
    let request = request(call.account()?, amount, text);
    answer(call, Operation::new(key, request, call.actor()?), Asked::Account).await
}

async fn transfer(call: Call) -> Handled {
    let key = call.key()?;
    let leg = call.json::<TransferIn<'_>>()?.leg(String::new)?;
    answer(&call, Operation::new(key, Request::Transfer(leg), call.actor()?), Asked::Posting).await
}

/// An accepted posting of one transfer.
pub(crate) struct Posted {
    pub(crate) decided: Decided,
    pub(crate) transfer: i64,
    debit_after: Option<i64>,
    credit_after: Option<i64>,
}

/// Posts an operation of one transfer; a refusal is a problem.
pub(crate) async fn post(
    call: &Call,
    operation: Operation,
    asked: Asked,
) -> Result<Posted, Problem> {
    let decided = match call.store.post(operation).await? {
        Outcome::Decided(decided) => decided,
        Outcome::KeyReused => return Err(Kind::KeyReused.into()),
    };
    let leg = match &decided.answer {
        Answer::Legs(legs) => legs.first().copied(),
        Answer::Opened { .. } | Answer::OpenRefused(_) => None,
    };
    match leg.ok_or(Kind::Internal)? {
        LegAnswer::Accepted { transfer, debit_after, credit_after } => {
            Ok(Posted { decided, transfer: transfer.get(), debit_after, credit_after })
        }
        LegAnswer::Refused(refusal) => Err(Problem::refused(refusal, asked)
            .of_operation(decided.operation.get(), decided.replayed)),
    }
}

async fn answer(call: &Call, operation: Operation, asked: Asked) -> Handled {
    let moved = operation.request.movements(None).into_iter().next().ok_or(Kind::Internal)?;
    answer_moved(call, operation, moved, asked).await
}

/// Posts an operation of one transfer that moves this, and answers.
pub(crate) async fn answer_moved(
    call: &Call,
    operation: Operation,
    moved: Moved,
    asked: Asked,
) -> Handled {
    let kind = operation.request.kind();
    let Moved { debit, credit, amount, reverses } = moved;
    let key = operation.key.clone();
    let posted = post(call, operation, asked).await?;
    let side = |account: AccountNumber, after: Option<i64>| {
        after.map(|minor| Side {
            account: Digits(account.get()),
            balance: Sum(Balance::new(minor, amount.currency())),
        })
    };
    let replayed = posted.decided.replayed;
    let effect = Effect::of(kind, &posted.decided.answer, &[moved]);
    let mut response = with_status(
        StatusCode::CREATED,
        &PostingOut {
            operation: Digits(posted.decided.operation.get()),
            kind,
            replayed,
            booked_at: Time(posted.decided.booked_at),
            transfer: Digits(posted.transfer),
            reverses: reverses.map(|transfer| Digits(transfer.get())),
            from: side(debit, posted.debit_after),
            to: side(credit, posted.credit_after),
            receipt: receipts::of_decided(&call.server, key, &posted.decided, effect),
        },
    );
    mark_replayed(&mut response, replayed);
    Ok(response)
}
