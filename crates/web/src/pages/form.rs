//! Forms: inputs with what was typed and what is wrong with it, hidden fields, confirmation.

use askama::Template;
use http::StatusCode;
use ledger::IdempotencyKey;
use rand::RngCore as _;

use super::layout::{Layout, Notice};
use super::page;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Kind, Problem, refusal};
use crate::route::Handled;

/// The form token's field.
const FORM_TOKEN: &str = "form_token";
/// The field of the idempotency key.
pub(super) const KEY: &str = "key";
/// The field that says how far a form has come.
pub(super) const STEP: &str = "step";
/// The form is checked, and asks before it does anything.
pub(super) const CHECK: &str = "check";

/// One input.
#[derive(Default, Clone)]
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) error: Option<String>,
    pub(super) hint: &'static str,
    pub(super) kind: &'static str,
    pub(super) mode: &'static str,
    pub(super) pattern: &'static str,
    pub(super) autocomplete: &'static str,
    pub(super) length_max: usize,
    pub(super) required: bool,
    pub(super) focus: bool,
    pub(super) choices: &'static [(&'static str, &'static str)],
}

impl Input {
    pub(super) fn text(name: &'static str, label: &'static str, length_max: usize) -> Self {
        Self {
            name,
            label,
            length_max,
            kind: "text",
            autocomplete: "off",
            required: true,
            ..Self::default()
        }
    }

    /// A number of so many digits.
    pub(super) fn digits(name: &'static str, label: &'static str, hint: &'static str) -> Self {
        Self { mode: "numeric", pattern: "[0-9]+", hint, ..Self::text(name, label, 18) }
    }

    /// A sum of money.
    pub(super) fn money(name: &'static str, label: &'static str) -> Self {
        Self {
            mode: "decimal",
            hint: "Digits with at most one decimal point, such as 165.88",
            ..Self::text(name, label, 20)
        }
    }

    pub(super) fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub(super) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }
}

/// Puts what was typed and what is wrong into the inputs; the first wrong one gets the focus.
pub(super) fn fill(inputs: &mut [Input], typed: &Fields, errors: &[FieldError]) {
    for input in inputs.iter_mut() {
        if let Some(value) = typed.find(input.name) {
            input.value = value.to_owned();
        }
        // Browsers show nothing in a box for days but a day, and what was typed must not be lost.
        if input.kind == "date" && !is_day_or_empty(&input.value) {
            input.kind = "text";
        }
        let error = errors.iter().find(|error| error.field == input.name);
        input.error = error.map(|error| error.rule.to_string());
    }
    let wrong = inputs.iter().position(|input| input.error.is_some()).unwrap_or(0);
    if let Some(input) = inputs.get_mut(wrong) {
        input.focus = true;
    }
}

fn is_day_or_empty(text: &str) -> bool {
    text.is_empty() || (text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok())
}

/// A page with one form.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct FormPage {
    pub(super) layout: Layout,
    pub(super) notice: Option<Notice>,
    pub(super) title: String,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) action: String,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) inputs: Vec<Input>,
    pub(super) submit: &'static str,
    pub(super) back: String,
}

/// The page between a form and what it does.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct ConfirmPage {
    pub(super) layout: Layout,
    pub(super) notice: Option<Notice>,
    pub(super) title: String,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) action: String,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) submit: &'static str,
    /// Whether there is a form behind it that can be changed.
    pub(super) edits: bool,
    pub(super) back: String,
}

impl FormPage {
    /// Whether a confirmation comes before anything is done. A form that does something is left to
    /// the browser: when its answer is lost, loading again sends it again, with the same key.
    fn only_checks(&self) -> bool {
        self.hidden.iter().any(|(name, value)| *name == STEP && value == CHECK)
    }

    /// Shows it: as the answer to a problem if there is one.
    pub(super) fn show(self, problem: Option<&Problem>) -> Handled {
        answer(&self, problem)
    }
}

impl ConfirmPage {
    /// Whether a fact is the sum that moves: it stands out.
    fn is_what_moves(name: &str) -> bool {
        ["Deposit", "Withdrawal", "Amount"].contains(&name)
    }

    /// Shows it: as the answer to a problem if there is one.
    pub(super) fn show(self, problem: Option<&Problem>) -> Handled {
        answer(&self, problem)
    }
}

fn answer(template: &impl Template, problem: Option<&Problem>) -> Handled {
    let mut response = page(problem.map_or(StatusCode::OK, |problem| problem.status), template)?;
    if let Some(problem) = problem {
        problem.decorate(&mut response);
    }
    Ok(response)
}

/// The hidden field that ties a form to its session.
pub(super) fn token_field(layout: &Layout) -> (&'static str, String) {
    (FORM_TOKEN, layout.form_token())
}

/// The body of a form of this session.
pub(super) fn read(call: &Call) -> Result<Fields, Problem> {
    let form = call.form();
    if call.caller()?.owns_form(form.get(FORM_TOKEN)) {
        Ok(form)
    } else {
        Err(Kind::FormForeign.into())
    }
}

/// The key for a new form.
pub(super) fn new_key() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    format!("form-{:032x}", u128::from_be_bytes(bytes))
}

/// The key a form was born with.
pub(super) fn key(form: &Fields) -> Result<IdempotencyKey, Problem> {
    IdempotencyKey::parse(form.get(KEY)).map_err(|_| Kind::FormForeign.into())
}

/// What a problem of the books looks like above a form. `None`: it concerns fields only.
pub(super) fn notice_of(problem: &Problem) -> Notice {
    if let Some(refusal) = problem.refusal {
        let nothing = if refusal::is_of_money(refusal) { "moved" } else { "changed" };
        return Notice::bad(
            format!("{}.", problem.title),
            format!("Nothing was {nothing}. {}", refusal::advice(refusal)),
        );
    }
    match problem.word {
        "validation" => Notice::bad("Please check the marked fields.", "Nothing was done."),
        "idempotency-key-reused" => Notice::bad(
            "This form was used before, with other values.",
            "Nothing was moved now. Check the account first; then send this new form.",
        ),
        "outcome-unknown" => Notice::bad(
            "It is not known yet whether this was done.",
            "Send it again: the form makes sure that it is never done twice.",
        ),
        _ => Notice::bad(
            "The bank cannot do this now.",
            "Nothing was moved. Send it again in a moment; it is never done twice.",
        ),
    }
}
