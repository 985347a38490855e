//! The statement as a page: the last entries or a range of days, ready to be printed.

use askama::Template;
use http::StatusCode;

use super::form::{Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use super::show::{EntryRow, money};
use crate::api::accounts::find as find_account;
use crate::api::entries::{Asked, find};
use crate::call::Call;
use crate::route::Handled;

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    layout: Layout,
    notice: Option<Notice>,
    number: i64,
    last_inputs: Vec<Input>,
    range_inputs: Vec<Input>,
    facts: Vec<(&'static str, String)>,
    entries: Vec<EntryRow>,
    closing: String,
}

pub(super) async fn view(call: Call) -> Handled {
    let query = call.query();
    let number = find_account(&call).await?.account.number;
    let mut last_inputs = vec![
        Input { length_max: 3, ..Input::digits("last", "Last entries", "1 to 999") }.value("20"),
    ];
    let day = |name, label| Input { kind: "date", ..Input::text(name, label, 10) }.optional();
    let mut range_inputs = vec![day("from", "From"), day("to", "To")];
    let asked = Asked::parse(&query);
    let errors = asked.as_ref().err().map_or(&[][..], |problem| &problem.errors);
    fill(&mut last_inputs, &query, errors);
    fill(&mut range_inputs, &query, errors);
    let mut template = StatementPage {
        layout: Layout::of(&call),
        notice: None,
        number: number.get(),
        last_inputs,
        range_inputs,
        facts: Vec::new(),
        entries: Vec::new(),
        closing: String::new(),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            template.notice = Some(super::form::notice_of(&problem));
            return page(problem.status, &template);
        }
    };
    let statement = find(&call, number, &asked).await?;
    if statement.truncated {
        template.notice = Some(Notice::info("Not all entries are shown.", "Choose fewer days."));
    }
    template.facts = vec![
        ("Kind", statement.account.account.kind.as_str().to_owned()),
        ("Customer", statement.account.account.customer.to_string()),
        ("Opening balance", money(statement.opening)),
    ];
    template.entries = statement.entries.iter().map(|entry| EntryRow::new(entry, None)).collect();
    template.closing = money(statement.closing);
    page(StatusCode::OK, &template)
}
