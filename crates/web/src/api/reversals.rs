//! One transfer by the API, and its reversal: the opposite, once, with a reason.

use std::borrow::Cow;

use ledger::TransferId;
use ledger::receipt::Moved;
use ledger::{AccountNumber, Balance, Operation, Reach, Reason, Refusal, Request, Reversal, Role};
use serde::{Deserialize, Serialize};
use store::TransferView;
use utoipa::ToSchema;

use super::answer::{Digits, Sum, Time, json};
use super::money::Money;
use super::postings::{PostingOut, answer_moved};
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Asked, Problem};
use crate::route::{Access, Handled, Route, handler};

/// The rule of reasons.
pub(crate) const REASON_RULE: &str = "must be 1 to 140 characters without control characters";

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/api/v1/transfers/{number}", Access::BOOKS, handler!(view))
        .doc(Doc::new("A transfer, and what it is linked to").ok::<TransferOut>().problems(&[404])),
    Route::post("/api/v1/transfers/{number}/reversal", Access::REVERSERS, handler!(reverse)).doc(
        Doc::new("Reverse a transfer: once; own ones of today, executives any")
            .keyed()
            .body::<ReversalIn<'static>>()
            .created::<PostingOut>()
            .problems(&[404, 409, 422]),
    ),
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReversal)]
struct ReversalIn<'a> {
    /// Stands on the reversing transfer, and so on statements.
    #[serde(borrow)]
    #[schema(value_type = String, min_length = 1, max_length = 140)]
    reason: Cow<'a, str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Transfer)]
struct TransferOut {
    transfer: Digits,
    operation: Digits,
    /// `deposit`, `withdrawal`, `transfer`, `batch`, `open_account` or `reversal`.
    kind: String,
    /// Who booked it.
    user: String,
    booked_at: Time,
    /// Of a reversal the reason.
    description: String,
    /// Left out when the money comes from the bank itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Digits>,
    /// Left out when the money goes to the bank itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Digits>,
    #[schema(value_type = Money)]
    amount: Sum,
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<Digits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reversed_by: Option<Digits>,
}

/// How far a role reaches.
pub(crate) const fn reach(role: Role) -> Option<Reach> {
    match role {
        Role::Executive => Some(Reach::Any),
        Role::Cashier | Role::Teller => Some(Reach::OwnToday),
        Role::Auditor | Role::Administrator => None,
    }
}

/// The transfer in the path. What cannot be a number is a transfer that does not exist.
pub(crate) async fn find(call: &Call) -> Result<TransferView, Problem> {
    let unknown = || Problem::refused(Refusal::TransferUnknown, Asked::State);
    let number = TransferId::parse(call.parameter()).map_err(|_| unknown())?;
    call.store.transfer(number).await?.ok_or_else(unknown)
}

/// What the reversal of a transfer moves.
pub(crate) const fn opposite(view: &TransferView) -> Moved {
    let Moved { debit: credit, credit: debit, amount, .. } = view.moved;
    Moved { debit, credit, amount, reverses: Some(view.transfer) }
}

/// What is asked for; `None` for roles that reverse nothing.
pub(crate) fn request(call: &Call, view: &TransferView, reason: Reason) -> Option<Request> {
    let reach = reach(call.caller.as_ref()?.role())?;
    Some(Request::Reversal(Reversal { transfer: view.transfer, reason, reach }))
}

async fn view(call: Call) -> Handled {
    let view = find(&call).await?;
    let customers = |number: AccountNumber| (!number.is_house()).then(|| Digits(number.get()));
    let Moved { debit, credit, amount, reverses } = view.moved;
    let link = |transfer: Option<TransferId>| transfer.map(|transfer| Digits(transfer.get()));
    Ok(json(&TransferOut {
        transfer: Digits(view.transfer.get()),
        operation: Digits(view.operation.get()),
        kind: view.kind,
        user: view.user.to_string(),
        booked_at: Time(view.booked_at),
        description: view.description,
        from: customers(debit),
        to: customers(credit),
        amount: Sum(Balance::new(amount.minor(), amount.currency())),
        reverses: link(reverses),
        reversed_by: link(view.reversed_by),
    }))
}

async fn reverse(call: Call) -> Handled {
    let key = call.key()?;
    let given: ReversalIn<'_> = call.json()?;
    let reason = Reason::parse(&given.reason);
    let reason = reason.ok_or_else(|| Problem::field("reason", REASON_RULE))?;
    let view = find(&call).await?;
    let request = request(&call, &view, reason).ok_or(crate::problem::Kind::RoleMissing)?;
    let operation = Operation::new(key, request, call.actor()?);
    answer_moved(&call, operation, opposite(&view), Asked::Reversal).await
}
