//! Whether a statement is genuine: for anybody who holds one, and for staff with the way to it.
//!
//! Number and code travel in the body of a form, never in an address. What does not fit gets one
//! answer whatever is wrong; what fits shows what the bank's books say, to be compared with what is
//! held.

use askama::Template;
use http::StatusCode;

use super::form::{self, Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use super::show::money;
use crate::call::Call;
use crate::fields::Fields;
use crate::route::{Access, Handled, Route, handler};
use crate::statements::{Made, Verdict, verify};

const PUBLIC: &str = "/verify";
const STAFF: &str = "/statements/verify";

pub(super) static ROUTES: &[Route] = &[
    Route::get(PUBLIC, Access::Public, handler!(ask)),
    Route::post(PUBLIC, Access::Public, handler!(tell)),
    Route::get(STAFF, Access::ENTRIES, handler!(ask)),
    Route::post(STAFF, Access::ENTRIES, handler!(tell)),
];

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    layout: Layout,
    notice: Option<Notice>,
    action: &'static str,
    form_token: String,
    inputs: Vec<Input>,
    facts: Vec<(&'static str, String)>,
    /// The statement, for staff.
    statement: Option<String>,
}

async fn ask(call: Call) -> Handled {
    page(StatusCode::OK, &empty(&call, &Fields::default()))
}

fn empty(call: &Call, typed: &Fields) -> VerifyPage {
    let layout = Layout::of(call);
    let mut inputs = vec![
        Input {
            hint: "As it is printed, such as 360110000-202611",
            ..Input::text("number", "Statement", 60)
        },
        Input {
            hint: "Six groups of four letters and digits",
            ..Input::text("code", "Verification code", 40)
        },
    ];
    fill(&mut inputs, typed, &[]);
    VerifyPage {
        notice: None,
        action: if call.caller.is_some() { STAFF } else { PUBLIC },
        form_token: layout.form_token(),
        inputs,
        facts: Vec::new(),
        statement: None,
        layout,
    }
}

async fn tell(call: Call) -> Handled {
    let typed = if call.caller.is_some() { form::read(&call)? } else { call.form() };
    let verdict = verify(&call.server, typed.get("number"), typed.get("code")).await?;
    let mut template = empty(&call, &typed);
    match verdict {
        Verdict::Genuine(made) => {
            template.notice = Some(Notice::good(
                "This statement is genuine.",
                "Compare what follows with what you hold: it is what the bank's books say.",
            ));
            template.facts = facts(&made);
            let number = made.statement.number();
            let path = format!("/accounts/{}/statement?number={number}", number.account());
            template.statement = call.caller.is_some().then_some(path);
        }
        Verdict::Unknown => {
            template.notice = Some(Notice::bad(
                "No statement has this number and this code.",
                "Check both for typing errors. If they are as printed, it is not the bank's.",
            ));
        }
    }
    page(StatusCode::OK, &template)
}

fn facts(made: &Made) -> Vec<(&'static str, String)> {
    let statement = &made.statement;
    let mut facts = vec![
        ("Account", statement.holding().account.to_string()),
        ("Period", made.period_text()),
        ("Entries", statement.entries().len().to_string()),
        ("Opening balance", money(statement.opening())),
        ("Credits", money(statement.credits().sum)),
        ("Debits", money(statement.debits().sum)),
        ("Closing balance", money(statement.closing())),
    ];
    if statement.number().is_provisional() {
        facts.push(("Provisional", format!("up to entry {}", statement.last())));
    }
    facts
}
