//! The receipt of an operation as a page, ready to be printed.
//!
//! It is made of what the books hold, so it can be had again at any time. The signed text names
//! the balance of the other account of a transfer: it is on the screen for staff, and printed only
//! when all of it concerns the account whose holder gets the paper.

use askama::Template;
use http::StatusCode;
use ledger::receipt::{Effect, Movement, MovementKind};
use ledger::{AccountNumber, Balance, OperationId};
use store::Booked;

use super::layout::Layout;
use super::page;
use super::show::{kind, money, when};
use crate::call::Call;
use crate::problem::{Kind, Problem};
use crate::receipts;
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] =
    &[Route::get("/accounts/{number}/receipt", Access::BOOKS, handler!(view))];

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    layout: Layout,
    number: i64,
    operation: i64,
    facts: Vec<(&'static str, String)>,
    /// Empty on a server without a key.
    receipt: String,
    /// Whether the signed text may go to the holder of the account.
    printed: bool,
}

async fn view(call: Call) -> Handled {
    let account = call.account()?;
    let query = call.query();
    let operation = OperationId::parse(query.get("operation"))
        .map_err(|error| Problem::field("operation", error.to_string()))?;
    let booked = call.books.booked_operation(operation).await?;
    let booked = booked.filter(|booked| concerns(booked, account)).ok_or(Kind::NotFound)?;
    let effect = booked.effect().ok_or(Kind::NotFound)?;
    let layout = Layout::of(&call);
    // Executives open accounts and reverse; what else moves on them is the counter's.
    if layout.is_executive() && !is_executives(&effect) {
        return Err(Kind::NotFound.into());
    }
    let printed = match &effect {
        Effect::Opened { .. } => true,
        Effect::Movement(_, movement) => {
            movement.debit_after.is_none() || movement.credit_after.is_none()
        }
        Effect::Batch { .. } => false,
    };
    call.books.confirm().await?;
    let template = ReceiptPage {
        number: account.get(),
        operation: operation.get(),
        facts: facts(&booked, &effect, account),
        receipt: receipts::of_booked(&call.server, &booked).unwrap_or_default(),
        printed,
        layout,
    };
    page(StatusCode::OK, &template)
}

const fn is_executives(effect: &Effect) -> bool {
    matches!(effect, Effect::Opened { .. } | Effect::Movement(MovementKind::Reversal, _))
}

/// Whether an operation touched an account.
pub(super) fn concerns(booked: &Booked, account: AccountNumber) -> bool {
    let opened = match &booked.answer {
        ledger::Answer::Opened { account: opened, .. } => *opened == account,
        ledger::Answer::OpenRefused(_) | ledger::Answer::Legs(_) => false,
    };
    opened || booked.moved.iter().any(|moved| moved.debit == account || moved.credit == account)
}

fn facts(booked: &Booked, effect: &Effect, account: AccountNumber) -> Vec<(&'static str, String)> {
    let what = match effect {
        Effect::Movement(movement, _) => kind(movement.as_str()),
        Effect::Opened { .. } => "Account opened",
        Effect::Batch { .. } => "Batch of transfers",
    };
    let mut facts = vec![("What", what.to_owned()), ("Booked", when(booked.booked_at))];
    let sum = |amount: ledger::Amount| money(Balance::new(amount.minor(), amount.currency()));
    match effect {
        Effect::Movement(_, Movement { moved, debit_after, credit_after, .. }) => {
            let reverses = moved.reverses.map(|number| ("Reverses", format!("transfer {number}")));
            facts.extend(reverses);
            facts.push(("Amount", sum(moved.amount)));
            let name = |number: AccountNumber| {
                if number.is_house() { "cash".to_owned() } else { number.to_string() }
            };
            facts.push(("From", name(moved.debit)));
            facts.push(("To", name(moved.credit)));
            let after = if moved.debit == account { debit_after } else { credit_after };
            let currency = moved.amount.currency();
            facts.extend(after.map(|minor| ("New balance", money(Balance::new(minor, currency)))));
        }
        Effect::Opened { account, deposit } => {
            facts.push(("Account", account.to_string()));
            facts.extend(deposit.map(|(_, amount)| ("Opening deposit", sum(amount))));
        }
        Effect::Batch { accepted, refused, .. } => {
            facts.push(("Transfers accepted", accepted.to_string()));
            facts.push(("Transfers refused", refused.to_string()));
        }
    }
    facts.push(("Operation", booked.operation.to_string()));
    facts.push(("Key", booked.key.as_str().to_owned()));
    facts
}
