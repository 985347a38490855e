//! The statement as a page: the last entries, a month or a range of days, and its files.
//!
//! Long statements are shown in parts; all parts have the one number and code of the whole.

use askama::Template;
use http::StatusCode;
use jiff::ToSpan as _;
use jiff::civil::Date;
use ledger::AccountNumber;
use ledger::statement::{Total, day_of};
use store::now_ms;

use super::form::{Input, fill};
use super::layout::{Layout, Notice};
use super::page;
use super::show::{EntryRow, money};
use crate::api::accounts::find as find_account;
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Problem};
use crate::route::Handled;
use crate::statements::{Asked, Made, make};

/// How many entries one part shows: some 40 KiB of page.
const PART_ROWS: usize = 100;

/// The files of a statement as they are offered.
const FILES: [(&str, &str); 5] =
    [("pdf", "PDF"), ("xlsx", "Spreadsheet"), ("csv", "CSV"), ("ofx", "OFX"), ("xml", "camt.053")];

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    layout: Layout,
    notice: Option<Notice>,
    number: i64,
    last_inputs: Vec<Input>,
    month_inputs: Vec<Input>,
    range_inputs: Vec<Input>,
    facts: Vec<(&'static str, String)>,
    entries: Vec<EntryRow>,
    /// Which part this is, if there are several.
    part: String,
    /// Below the last part alone, where it is the balance of the row above.
    closing: String,
    files: Vec<(String, &'static str)>,
    /// Other parts and other months.
    links: Vec<(String, String)>,
}

/// Where the files of an account's statement of this month are.
pub(super) fn of_this_month(account: AccountNumber) -> Vec<(String, &'static str)> {
    let month = day_of(now_ms()).strftime("%Y-%m");
    let path = |ending| format!("/accounts/{account}/statement.{ending}?month={month}");
    FILES.into_iter().map(|(ending, name)| (path(ending), name)).collect()
}

pub(super) async fn view(call: Call) -> Handled {
    let query = call.query();
    let number = find_account(&call).await?.account.number;
    let asked = Asked::parse(&query);
    let errors = asked.as_ref().err().map_or(&[][..], |problem| &problem.errors);
    let mut template = empty(&call, number.get(), &query, errors);
    let made = match asked {
        Ok(asked) => make(&call.server, number, &asked).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => {
            show(&mut template, &made, &query);
            page(StatusCode::OK, &template)
        }
        Err(problem) if problem.word == "validation" => {
            refill(&mut template, &query, &problem);
            page(problem.status, &template)
        }
        Err(problem) => Err(problem),
    }
}

/// The page with its forms alone.
fn empty(call: &Call, number: i64, query: &Fields, errors: &[FieldError]) -> StatementPage {
    let last = Input { length_max: 3, ..Input::digits("last", "Last entries", "1 to 999") };
    let today = day_of(now_ms());
    // Not of type "month": not every browser has a picker for it.
    let month = Input {
        pattern: "[0-9]{4}-[0-9]{2}",
        hint: "Such as 2026-11",
        ..Input::text("month", "Month", 7)
    };
    let month = month.value(today.strftime("%Y-%m").to_string());
    let day = |name, label| Input { kind: "date", ..Input::text(name, label, 10) }.optional();
    let mut template = StatementPage {
        layout: Layout::of(call),
        notice: None,
        number,
        last_inputs: vec![last.value("20")],
        month_inputs: vec![month],
        range_inputs: vec![day("from", "From"), day("to", "To")],
        facts: Vec::new(),
        entries: Vec::new(),
        part: String::new(),
        closing: String::new(),
        files: Vec::new(),
        links: Vec::new(),
    };
    for inputs in
        [&mut template.month_inputs, &mut template.range_inputs, &mut template.last_inputs]
    {
        fill(inputs, query, errors);
        inputs.iter_mut().for_each(|input| input.focus = false);
    }
    template
}

fn refill(template: &mut StatementPage, query: &Fields, problem: &Problem) {
    template.notice = Some(super::form::notice_of(problem));
    // No form has a field for the number of a statement: it comes with a link.
    if let Some(error) = problem.errors.iter().find(|error| error.field == "number") {
        let rule = format!("The number of the statement {}.", error.rule);
        template.notice = Some(Notice::bad(rule, "Choose the entries or the days below."));
    }
    // One of all the forms: a page has one focus.
    let mut has_focus = false;
    for inputs in
        [&mut template.last_inputs, &mut template.month_inputs, &mut template.range_inputs]
    {
        fill(inputs, query, &problem.errors);
        for input in inputs.iter_mut() {
            input.focus = !has_focus && input.error.is_some();
            has_focus |= input.focus;
        }
    }
}

fn show(template: &mut StatementPage, made: &Made, query: &Fields) {
    let statement = &made.statement;
    let holding = statement.holding();
    let number = statement.number();
    if number.is_provisional() {
        template.notice = Some(Notice::info(
            "Provisional: days of this period are not over.",
            "It ends at the newest entry of now. Its number and code stay good.",
        ));
    }
    let total = |total: Total| format!("{} · {}", total.count, money(total.sum));
    template.facts = vec![
        ("Statement", number.to_string()),
        ("Verification code", made.code_text()),
        ("Period", made.period_text()),
        ("Customer", format!("{}, {} account", holding.customer, holding.kind.as_str())),
        ("Opening balance", money(statement.opening())),
        ("Credits", total(statement.credits())),
        ("Debits", total(statement.debits())),
        ("Closing balance", money(statement.closing())),
    ];
    let path = format!("/accounts/{}/statement", holding.account);
    let file = |(ending, name)| (format!("{path}.{ending}?number={number}"), name);
    template.files = FILES.into_iter().map(file).collect();

    let entries = statement.entries();
    let parts = entries.len().div_ceil(PART_ROWS).max(1);
    let part = query.get("part").parse::<usize>().unwrap_or(1).clamp(1, parts);
    let skipped = part.saturating_sub(1).saturating_mul(PART_ROWS);
    let shown = entries.iter().skip(skipped).take(PART_ROWS);
    template.entries = shown.map(EntryRow::of).collect();
    if part == parts {
        template.closing = money(statement.closing());
    }
    if parts > 1 {
        template.part = format!("Part {part} of {parts}");
        let link = |part: usize| format!("{path}?number={number}&part={part}");
        if part > 1 {
            template.links.push((link(part.saturating_sub(1)), "Earlier entries".to_owned()));
        }
        if part < parts {
            template.links.push((link(part.saturating_add(1)), "Later entries".to_owned()));
        }
    }
    if let Some(month) = number.month() {
        let link = |day: Date| {
            let month = day.strftime("%Y-%m").to_string();
            (format!("{path}?month={month}"), month)
        };
        let months = [month.checked_sub(1.month()), month.checked_add(1.month())];
        template.links.extend(months.into_iter().flatten().map(link));
    }
}
