//! One transfer on a page, and its reversal: reason, confirmation, result with both links.
//!
//! Guarantees: the form that reverses carries its key from the first page to the posting, as all
//! forms that move money do; the page shows before it is sent what will move from where to where.
//! Deliberately not here: who may reverse what, which the books judge; the page only says it early.

use askama::Template;
use http::StatusCode;
use ledger::operation::Description;
use ledger::{AccountNumber, Balance, Day, Operation, Reason, Refusal};
use store::{TransferView, now_ms};

use super::form::{self, ConfirmPage, FormPage, Input, fill, notice_of, token_field};
use super::layout::{Layout, Notice};
use super::show::{kind, money, when};
use super::{page, see_other};
use crate::api::postings::post;
use crate::api::reversals::{REASON_RULE, find, opposite, reach, request};
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{Asked, Kind, Problem, refusal};
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::get("/transfers/{number}", Access::BOOKS, handler!(view)),
    Route::get("/transfers/{number}/reverse", Access::REVERSERS, handler!(ask)),
    Route::post("/transfers/{number}/reverse", Access::REVERSERS, handler!(submit)),
];

#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    layout: Layout,
    notice: Option<Notice>,
    number: i64,
    facts: Vec<(&'static str, String)>,
    links: Vec<Link>,
    reversed: bool,
    /// Whether the viewer may reverse it.
    reversible: bool,
    /// Why not, for those who reverse others.
    why_not: String,
    /// Whether it was just made.
    done: bool,
    receipt: Option<String>,
}

struct Link {
    path: String,
    text: String,
}

async fn view(call: Call) -> Handled {
    let view = find(&call).await?;
    let layout = Layout::of(&call);
    let query = call.query();
    let done = query.find("done").is_some() && view.moved.reverses.is_some();
    let notice = done.then(|| match query.find("again") {
        Some(_) => Notice::info(
            "This form was sent before: nothing was moved a second time.",
            "It was done once.",
        ),
        None => Notice::good("Reversal done.", "The customer may want a receipt."),
    });
    let allowed = may_reverse(&call, &view);
    let why_not = match allowed {
        Some(Err(refused)) => {
            format!("{}. {}", refusal::title(refused), refusal::advice(refused))
        }
        Some(Ok(())) | None => String::new(),
    };
    let holder = [view.moved.debit, view.moved.credit].into_iter().find(|each| !each.is_house());
    // Executives see receipts of what they do: openings and reversals.
    let receipt = holder.filter(|_| !layout.is_executive() || view.moved.reverses.is_some());
    page(
        StatusCode::OK,
        &TransferPage {
            notice,
            number: view.transfer.get(),
            facts: facts(&view),
            links: links(&view),
            reversed: view.reversed_by.is_some(),
            reversible: allowed == Some(Ok(())),
            why_not,
            done,
            receipt: receipt
                .map(|account| format!("/accounts/{account}/receipt?operation={}", view.operation)),
            layout,
        },
    )
}

/// Whether the viewer could reverse it now, as far as the transfer itself says; `None` for roles
/// that reverse nothing.
fn may_reverse(call: &Call, view: &TransferView) -> Option<Result<(), Refusal>> {
    let caller = call.caller.as_ref()?;
    let reach = reach(caller.role())?;
    Some(view.past().may_be_reversed(&caller.session.user, reach, Day::of(now_ms())))
}

fn facts(view: &TransferView) -> Vec<(&'static str, String)> {
    let amount = view.moved.amount;
    let mut facts = vec![
        ("What", kind(&view.kind).to_owned()),
        ("Amount", money(Balance::new(amount.minor(), amount.currency()))),
        ("From", name(view.moved.debit)),
        ("To", name(view.moved.credit)),
        ("Booked", when(view.booked_at)),
        ("By", view.user.to_string()),
    ];
    if !view.description.is_empty() {
        let label = if view.moved.reverses.is_some() { "Reason" } else { "Description" };
        facts.push((label, view.description.clone()));
    }
    facts
}

fn name(account: AccountNumber) -> String {
    if account.is_house() { "cash".to_owned() } else { account.to_string() }
}

fn links(view: &TransferView) -> Vec<Link> {
    let to = |number: ledger::TransferId, word: &str| Link {
        path: format!("/transfers/{number}"),
        text: format!("{word} transfer {number}"),
    };
    let accounts = [view.moved.debit, view.moved.credit].into_iter();
    let accounts = accounts.filter(|account| !account.is_house()).map(|account| Link {
        path: format!("/accounts/{account}"),
        text: format!("Account {account}"),
    });
    let reverses = view.moved.reverses.map(|number| to(number, "Reverses"));
    let reversed_by = view.reversed_by.map(|number| to(number, "Reversed by"));
    reverses.into_iter().chain(reversed_by).chain(accounts).collect()
}

async fn ask(call: Call) -> Handled {
    let view = find(&call).await?;
    match may_reverse(&call, &view) {
        // The transfer's page says why not.
        Some(Err(_)) => Ok(see_other(&format!("/transfers/{}", view.transfer))),
        Some(Ok(())) | None => show_form(&call, &view, &form::new_key(), &Fields::default(), None),
    }
}

fn show_form(
    call: &Call,
    view: &TransferView,
    key: &str,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Handled {
    let hint = "Stands on the statements of both accounts";
    let reason = Input { hint, ..Input::text("reason", "Reason", Description::LENGTH_MAX) };
    let mut inputs = vec![reason];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    FormPage {
        notice: problem.map(notice),
        title: format!("Reverse transfer {}", view.transfer),
        facts: facts(view),
        action: format!("/transfers/{}/reverse", view.transfer),
        hidden: vec![
            token_field(&layout),
            (form::KEY, key.to_owned()),
            ("step", "check".to_owned()),
        ],
        inputs,
        submit: "Continue",
        back: format!("/transfers/{}", view.transfer),
        layout,
    }
    .show(problem)
}

async fn submit(call: Call) -> Handled {
    let form = form::read(&call)?;
    let key = form::key(&form)?;
    let view = find(&call).await?;
    let Some(reason) = Reason::parse(form.get("reason")) else {
        let problem = Problem::field("reason", REASON_RULE);
        return show_form(&call, &view, key.as_str(), &form, Some(&problem));
    };
    match form.get("step") {
        "post" => {}
        "edit" => return show_form(&call, &view, key.as_str(), &form, None),
        _ => return confirm(&call, &view, &form, None),
    }
    let request = request(&call, &view, reason).ok_or(Kind::RoleMissing)?;
    let operation = Operation::new(key, request, call.actor()?);
    match post(&call, operation, Asked::Reversal).await {
        Ok(posted) => {
            let again = if posted.decided.replayed { "&again=1" } else { "" };
            Ok(see_other(&format!("/transfers/{}?done=1{again}", posted.transfer)))
        }
        // As for cash: the same key while it is not decided, a new one after a refusal.
        Err(problem) if problem.status.is_server_error() => {
            confirm(&call, &view, &form, Some(&problem))
        }
        Err(problem) => show_form(&call, &view, &form::new_key(), &form, Some(&problem)),
    }
}

fn confirm(call: &Call, view: &TransferView, form: &Fields, problem: Option<&Problem>) -> Handled {
    let moved = opposite(view);
    let amount = Balance::new(moved.amount.minor(), moved.amount.currency());
    let layout = Layout::of(call);
    let carried = [form::KEY, "reason"];
    ConfirmPage {
        notice: problem.map(notice),
        title: format!("Reverse transfer {}: please confirm", view.transfer),
        facts: vec![
            ("Takes back", format!("{} of {}", kind(&view.kind), when(view.booked_at))),
            ("Booked by", view.user.to_string()),
            ("Amount", money(amount)),
            ("Goes from", name(moved.debit)),
            ("Goes to", name(moved.credit)),
            ("Reason", form.get("reason").to_owned()),
        ],
        action: format!("/transfers/{}/reverse", view.transfer),
        hidden: std::iter::once(token_field(&layout))
            .chain(carried.map(|name| (name, form.get(name).to_owned())))
            .collect(),
        submit: "Confirm the reversal",
        edits: true,
        back: format!("/transfers/{}", view.transfer),
        layout,
    }
    .show(problem)
}

/// The notice of a problem; that the money is gone means something else here than at a withdrawal.
fn notice(problem: &Problem) -> Notice {
    if problem.refusal == Some(Refusal::InsufficientFunds) {
        return Notice::bad(
            "The money is no longer on the account.",
            "Nothing was moved. Ask the customer to pay it in or to transfer it back; then reverse \
             again.",
        );
    }
    notice_of(problem)
}
