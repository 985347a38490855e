//! The home page, by role: the counter's form, the search, the ways on.

use askama::Template;
use http::StatusCode;

use super::form::{self, Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] = &[
    Route::get("/", Access::SignedIn, handler!(home)),
    // Where the forms of this page go: a refresh there shows the page anew.
    Route::get("/counter", Access::COUNTER, handler!(home)),
    Route::get("/find", Access::BOOKS, handler!(home)),
];

#[derive(Template)]
#[template(path = "dashboard.html")]
pub(super) struct DashboardPage {
    layout: Layout,
    notice: Option<Notice>,
    name: String,
    executive: bool,
    form_token: String,
    /// Cash in one form, for those who work at the counter.
    counter: bool,
    /// The key of the counter's form.
    key: String,
    counter_inputs: Vec<Input>,
    inputs: Vec<Input>,
    ssn: String,
    ssn_error: Option<&'static str>,
}

impl DashboardPage {
    pub(super) fn new(call: &Call) -> Self {
        let layout = Layout::of(call);
        let role = call.caller.as_ref().map(crate::session::Caller::role);
        let counter = role.is_some_and(|role| Access::COUNTER.allows(role));
        let hint = "The number of a customer, account or transfer, or part of a name";
        let what = Input { hint, ..Input::text("what", "Number or name", 50) };
        let account = Input::digits("account", "Account number", "Nine digits");
        Self {
            notice: None,
            name: layout.who.as_ref().map(|who| who.name.clone()).unwrap_or_default(),
            executive: layout.is_executive(),
            form_token: layout.form_token(),
            counter,
            key: form::new_key(),
            counter_inputs: vec![
                Input { focus: counter, ..account },
                Input::money("amount", "Amount"),
            ],
            inputs: vec![Input { focus: !counter, ..what }],
            ssn: String::new(),
            ssn_error: None,
            layout,
        }
    }

    /// The counter's form again, with what was typed and what is wrong with it.
    pub(super) fn refused(call: &Call, key: &str, typed: &Fields, problem: &Problem) -> Handled {
        let mut template = Self { key: key.to_owned(), ..Self::new(call) };
        for input in &mut template.counter_inputs {
            input.focus = false;
        }
        fill(&mut template.counter_inputs, typed, &problem.errors);
        template.notice = Some(form::notice_of(problem));
        page(problem.status, &template)
    }

    /// Puts what is wrong with a social security number beside it.
    pub(super) fn fail_ssn(&mut self, typed: &str, error: &'static str) {
        for input in &mut self.inputs {
            input.focus = false;
        }
        typed.clone_into(&mut self.ssn);
        self.ssn_error = Some(error);
    }

    /// Puts what was looked for and why it was not found into the search.
    pub(super) fn fail_search(&mut self, typed: &str, rule: &'static str) {
        for input in &mut self.counter_inputs {
            input.focus = false;
        }
        for input in &mut self.inputs {
            typed.clone_into(&mut input.value);
            input.error = Some(rule.to_owned());
            input.focus = true;
        }
    }
}

async fn home(call: Call) -> Handled {
    page(StatusCode::OK, &DashboardPage::new(&call))
}
