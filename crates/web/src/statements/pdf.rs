//! Statements as PDF: A4 pages with a head, the entries as a table, and an end mark.
//!
//! The bytes are the same for the same statement: the only time in them is that of the books.
//! Letters that the font does not have (it has Latin, Greek, Cyrillic and more, not Chinese) are
//! shown as `�`; writing from right to left is not shaped. The other formats carry every text as it
//! is.

mod face;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use ledger::Balance;
use ledger::statement::Line;

use super::Made;
use super::format::RenderError;
use crate::pages::show::{figure, kind, money};
use face::Face;

/// A4 in points.
const PAGE: (f32, f32) = (595.28, 841.89);
const LEFT: f32 = 42.0;
const RIGHT: f32 = 553.0;
const TOP: f32 = 54.0;
const BOTTOM: f32 = 786.0;
const SIZE: f32 = 8.0;
const LEADING: f32 = 10.5;
const GAP: f32 = 3.5;
/// Where the table begins on the first page, under the facts.
const FIRST_TABLE: f32 = 222.0;
/// The right edge of the numbers, and the left edges and widths of the texts.
const NUMBER: f32 = 78.0;
const BOOKED: f32 = 86.0;
const WHAT_FOR: f32 = 172.0;
const WHAT_FOR_WIDTH: f32 = 174.0;
const WITH: f32 = 352.0;
const AMOUNT: f32 = 478.0;
const BALANCE: f32 = RIGHT;

/// A row of the table.
struct Row<'a> {
    entry: &'a Line,
    lines: Vec<String>,
}

impl Row<'_> {
    fn height(&self) -> f32 {
        self.lines.iter().map(|_| LEADING).sum::<f32>() + GAP
    }
}

/// What is drawn with.
struct Pen<'a, 'b> {
    surface: Surface<'a>,
    face: &'b Face,
}

impl Pen<'_, '_> {
    fn left(&mut self, x: f32, y: f32, size: f32, text: &str) {
        let glyphs = self.face.glyphs(text);
        let start = Point::from_xy(x, y);
        self.surface.draw_glyphs(start, &glyphs, self.face.font(), text, size, false);
    }

    fn right(&mut self, x: f32, y: f32, size: f32, text: &str) {
        self.left(x - self.face.width(text) * size, y, size, text);
    }

    /// A thin line from edge to edge.
    fn rule(&mut self, y: f32) {
        let mut path = PathBuilder::new();
        if let Some(line) = Rect::from_xywh(LEFT, y, RIGHT - LEFT, 0.6) {
            path.push_rect(line);
        }
        if let Some(path) = path.finish() {
            self.surface.draw_path(&path);
        }
    }

    fn ink(&mut self, shade: u8) {
        self.surface.set_fill(Some(Fill {
            paint: rgb::Color::new(shade, shade, shade).into(),
            opacity: NormalizedF32::ONE,
            rule: krilla::paint::FillRule::default(),
        }));
    }
}

pub(super) fn render(made: &Made) -> Result<Vec<u8>, RenderError> {
    let statement = &made.statement;
    let face = Face::load().ok_or_else(|| RenderError::Pdf("no font".to_owned()))?;
    let rows: Vec<_> = statement.entries().iter().map(|entry| row(&face, entry)).collect();
    let pages = paginate(&rows);
    let mut document = Document::new();
    document.set_metadata(metadata(made));
    let mut rest = rows.as_slice();
    for (index, count) in pages.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1)
            .ok_or_else(|| RenderError::Pdf("no page".to_owned()))?;
        let (here, later) = rest.split_at_checked(*count).unwrap_or((rest, &[]));
        rest = later;
        let mut page = document.start_page_with(settings);
        let mut pen = Pen { surface: page.surface(), face: &face };
        pen.ink(0);
        let top = if index == 0 { head(&mut pen, made) } else { TOP };
        let y = table(&mut pen, top, here, (index == 0).then(|| statement.opening()));
        if index.saturating_add(1) == pages.len() {
            end(&mut pen, y, statement.closing());
        }
        foot(&mut pen, made, index.saturating_add(1), pages.len());
        // The pen's surface is finished when it goes, and so is the page.
    }
    document.finish().map_err(|error| RenderError::Pdf(format!("{error:?}")))
}

fn metadata(made: &Made) -> Metadata {
    let number = made.statement.number().to_string();
    let at = Timestamp::from_millisecond(made.statement.as_of()).unwrap_or(Timestamp::MAX);
    let at = at.to_zoned(TimeZone::UTC);
    let date = DateTime::new(at.year().unsigned_abs())
        .month(at.month().unsigned_abs())
        .day(at.day().unsigned_abs())
        .hour(at.hour().unsigned_abs())
        .minute(at.minute().unsigned_abs())
        .second(at.second().unsigned_abs())
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(format!("Statement {number}"))
        .language("en".to_owned())
        .creator("Ballast".to_owned())
        .producer("Ballast".to_owned())
        .document_id(number)
        .creation_date(date)
}

fn row<'a>(face: &Face, entry: &'a Line) -> Row<'a> {
    let text = if entry.description.is_empty() { kind(&entry.kind) } else { &entry.description };
    Row { entry, lines: face.wrap(text, WHAT_FOR_WIDTH / SIZE) }
}

/// How many rows go on each page; one page at least, with room for the end on the last.
fn paginate(rows: &[Row<'_>]) -> Vec<usize> {
    const HEADING: f32 = LEADING * 2.0;
    const ENDING: f32 = LEADING * 4.0;
    let mut pages = Vec::new();
    let mut y = FIRST_TABLE + HEADING + LEADING + GAP;
    let mut count = 0_usize;
    for row in rows {
        if y + row.height() > BOTTOM {
            pages.push(count);
            (y, count) = (TOP + HEADING, 0);
        }
        y += row.height();
        count = count.saturating_add(1);
    }
    if y + ENDING > BOTTOM {
        pages.push(count);
        count = 0;
    }
    pages.push(count);
    pages
}

/// The head of the first page; gives where the table begins.
fn head(pen: &mut Pen<'_, '_>, made: &Made) -> f32 {
    let statement = &made.statement;
    let holding = statement.holding();
    pen.left(LEFT, TOP, 10.0, "Ballast");
    pen.left(LEFT, TOP + 24.0, 16.0, &format!("{} of account {}", made.title(), holding.account));
    let total = |total: ledger::statement::Total| format!("{} · {}", total.count, money(total.sum));
    let facts = [
        [("Statement", statement.number().to_string()), ("Period", made.period_text())],
        [("Verification code", made.code_text()), ("Opening balance", money(statement.opening()))],
        [("Customer", holding.customer.to_string()), ("Credits", total(statement.credits()))],
        [("Kind", holding.kind.as_str().to_owned()), ("Debits", total(statement.debits()))],
        [
            ("Currency", holding.currency.code().to_owned()),
            ("Closing balance", money(statement.closing())),
        ],
    ];
    let mut y = TOP + 52.0;
    for pair in facts {
        for ((name, value), x) in pair.into_iter().zip([LEFT, 330.0]) {
            pen.ink(90);
            pen.left(x, y, SIZE, name);
            pen.ink(0);
            pen.left(x + 82.0, y, 9.0, &value);
        }
        y += 15.0;
    }
    let note = if statement.number().is_provisional() {
        "Days of the period were not over yet: this statement ends at the newest entry of then."
    } else {
        "Times and days are those of UTC. Opening balance and entries make the closing balance."
    };
    pen.ink(90);
    pen.left(LEFT, y + 8.0, SIZE, note);
    pen.ink(0);
    FIRST_TABLE
}

/// The heading and the rows; gives where the last one ends.
fn table(pen: &mut Pen<'_, '_>, top: f32, rows: &[Row<'_>], opening: Option<Balance>) -> f32 {
    pen.ink(90);
    pen.right(NUMBER, top, SIZE, "Number");
    pen.left(BOOKED, top, SIZE, "Booked (UTC)");
    pen.left(WHAT_FOR, top, SIZE, "What for");
    pen.left(WITH, top, SIZE, "With");
    pen.right(AMOUNT, top, SIZE, "Amount");
    pen.right(BALANCE, top, SIZE, "Balance");
    pen.rule(top + 4.0);
    pen.ink(0);
    let mut y = top + LEADING * 1.6;
    if let Some(opening) = opening {
        pen.left(WHAT_FOR, y, SIZE, "Opening balance");
        pen.right(BALANCE, y, SIZE, &figure(opening));
        y += LEADING + GAP;
    }
    for row in rows {
        let entry = row.entry;
        pen.right(NUMBER, y, SIZE, &entry.number.to_string());
        pen.left(BOOKED, y, SIZE, &time(entry.booked_at));
        let with = entry.counterparty;
        let with = if with.is_house() { "cash".to_owned() } else { with.to_string() };
        pen.left(WITH, y, SIZE, &with);
        pen.right(AMOUNT, y, SIZE, &figure(entry.amount));
        pen.right(BALANCE, y, SIZE, &figure(entry.balance));
        let mut line_y = y;
        for line in &row.lines {
            pen.left(WHAT_FOR, line_y, SIZE, line);
            line_y += LEADING;
        }
        y += row.height();
    }
    y
}

fn end(pen: &mut Pen<'_, '_>, y: f32, closing: Balance) {
    pen.rule(y - LEADING + 2.0);
    pen.left(WHAT_FOR, y + 3.0, SIZE, "Closing balance");
    pen.right(BALANCE, y + 3.0, SIZE, &money(closing));
    pen.ink(90);
    pen.left(LEFT, y + LEADING * 2.5, SIZE, "End of the statement");
    pen.ink(0);
}

fn foot(pen: &mut Pen<'_, '_>, made: &Made, page: usize, pages: usize) {
    pen.ink(90);
    let y = PAGE.1 - 30.0;
    let number = made.statement.number();
    pen.left(LEFT, y, 7.0, &format!("Statement {number} · code {}", made.code_text()));
    pen.left(
        LEFT,
        y + 9.0,
        7.0,
        "The bank's page /verify tells whether number and code are genuine.",
    );
    pen.right(RIGHT, y, 7.0, &format!("Page {page} of {pages}"));
}

fn time(at: i64) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
