//! Statements as a spreadsheet: amounts are numbers, dates are dates, texts are texts.
//!
//! Every text is written as a string cell, which no spreadsheet runs, whatever it begins with.

use ledger::Balance;
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format as Style, FormatAlign, Workbook, Worksheet, XlsxError,
};

use super::Made;
use super::format::RenderError;
use crate::pages::show::kind;

/// Above this a double does not hold every minor unit any more: 2^53.
const EXACT_MINOR_MAX: u64 = 1 << 53;
const COLUMNS: [(&str, u16, u32); 9] = [
    ("Number", 0, 70),
    ("Booked (UTC)", 1, 150),
    ("What for", 2, 320),
    ("Kind", 3, 110),
    ("With", 4, 90),
    ("Transfer", 5, 80),
    ("Operation", 6, 80),
    ("Amount", 7, 120),
    ("Balance", 8, 130),
];
const WHAT_FOR: u16 = 2;
const AMOUNT: u16 = 7;
const BALANCE: u16 = 8;

struct Styles {
    bold: Style,
    title: Style,
    head: Style,
    money: Style,
    time: Style,
}

pub(super) fn render(made: &Made) -> Result<Vec<u8>, RenderError> {
    let statement = &made.statement;
    let mut book = Workbook::new();
    let title = format!("Statement {}", statement.number());
    let properties = DocProperties::new().set_title(title).set_author("Ballast");
    book.set_properties(&properties.set_creation_datetime(&time(statement.as_of())?));
    let styles = Styles::new(statement.holding().currency.exponent());
    let sheet = book.add_worksheet();
    sheet.set_name("Statement")?;
    let mut row = head(sheet, made, &styles)?;
    for (name, column, width) in COLUMNS {
        sheet.set_column_width_pixels(column, width)?;
        sheet.write_string_with_format(row, column, name, &styles.head)?;
    }
    row = row.saturating_add(1);
    sheet.set_freeze_panes(row, 0)?;
    sheet.set_landscape();
    sheet.write_string(row, WHAT_FOR, "Opening balance")?;
    money(sheet, row, BALANCE, statement.opening(), &styles.money)?;
    for entry in statement.entries() {
        row = row.saturating_add(1);
        number(sheet, row, 0, entry.number)?;
        sheet.write_datetime_with_format(row, 1, &time(entry.booked_at)?, &styles.time)?;
        sheet.write_string(row, WHAT_FOR, &entry.description)?;
        sheet.write_string(row, 3, kind(&entry.kind))?;
        if !entry.counterparty.is_house() {
            number(sheet, row, 4, entry.counterparty.get())?;
        }
        number(sheet, row, 5, entry.transfer.get())?;
        number(sheet, row, 6, entry.operation.get())?;
        money(sheet, row, AMOUNT, entry.amount, &styles.money)?;
        money(sheet, row, BALANCE, entry.balance, &styles.money)?;
    }
    row = row.saturating_add(1);
    sheet.write_string_with_format(row, WHAT_FOR, "Closing balance", &styles.bold)?;
    money(sheet, row, BALANCE, statement.closing(), &styles.money)?;
    Ok(book.save_to_buffer()?)
}

/// The facts above the table; gives the row of the table's head.
fn head(sheet: &mut Worksheet, made: &Made, styles: &Styles) -> Result<u32, XlsxError> {
    let statement = &made.statement;
    let holding = statement.holding();
    sheet.write_string_with_format(
        0,
        0,
        format!("{} of account {}", made.title(), holding.account),
        &styles.title,
    )?;
    let facts = [
        ("Statement", statement.number().to_string()),
        ("Code", made.code_text()),
        ("Period", made.period_text()),
        ("Customer", holding.customer.to_string()),
        ("Kind", holding.kind.as_str().to_owned()),
        ("Currency", holding.currency.code().to_owned()),
    ];
    let mut row = 1;
    for (name, value) in facts {
        sheet.write_string_with_format(row, 0, name, &styles.bold)?;
        sheet.write_string(row, 1, value)?;
        row = row.saturating_add(1);
    }
    Ok(row.saturating_add(1))
}

impl Styles {
    fn new(exponent: u32) -> Self {
        let decimals = match exponent {
            0 => String::new(),
            count => format!(".{}", "0".repeat(usize::try_from(count).unwrap_or(0))),
        };
        Self {
            bold: Style::new().set_bold(),
            title: Style::new().set_bold().set_font_size(14),
            head: Style::new().set_bold().set_align(FormatAlign::Center),
            money: Style::new().set_num_format(format!("#,##0{decimals};[Red]-#,##0{decimals}")),
            time: Style::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        }
    }
}

/// A sum of money as a number; as a text where a number of a spreadsheet would lose a cent.
fn money(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    balance: Balance,
    style: &Style,
) -> Result<(), XlsxError> {
    let text = balance.to_string();
    match text.parse::<f64>() {
        Ok(number) if balance.minor().unsigned_abs() <= EXACT_MINOR_MAX => {
            sheet.write_number_with_format(row, column, number, style)?;
        }
        _ => {
            sheet.write_string(row, column, text)?;
        }
    }
    Ok(())
}

/// A whole number: entries and transfers are far below 2^53.
fn number(sheet: &mut Worksheet, row: u32, column: u16, number: i64) -> Result<(), XlsxError> {
    match i32::try_from(number) {
        Ok(number) => sheet.write_number(row, column, number)?,
        Err(_) => sheet.write_string(row, column, number.to_string())?,
    };
    Ok(())
}

fn time(at: i64) -> Result<ExcelDateTime, XlsxError> {
    let day = ledger::statement::day_of(at);
    let day = (day.year().unsigned_abs(), day.month().unsigned_abs(), day.day().unsigned_abs());
    let of_day = at.rem_euclid(ledger::Day::MS);
    let part = |divisor: i64, modulus: i64| (of_day / divisor).rem_euclid(modulus);
    let small = |part: i64| u8::try_from(part).unwrap_or(0);
    let hours = u16::from(small(part(3_600_000, 24)));
    let milliseconds = u16::try_from(part(1, 1_000)).unwrap_or(0);
    ExcelDateTime::from_ymd(day.0, day.1, day.2)?.and_hms_milli(
        hours,
        small(part(60_000, 60)),
        small(part(1_000, 60)),
        milliseconds,
    )
}
