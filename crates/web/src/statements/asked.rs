//! Which statement is asked for.

use jiff::civil::Date;
use ledger::StatementNumber;
use ledger::statement::{Period, start_of_day};

use crate::fields::Fields;
use crate::problem::Problem;

/// The most entries of a statement by number (the old bank's three digits).
pub(crate) const LAST_MAX: u32 = 999;
/// What a statement shows unless asked otherwise.
pub(crate) const LAST_DEFAULT: u32 = 20;

/// The fields of a query, for the description of the API.
pub(crate) const QUERY: [(&str, &str); 5] = [
    ("last", "so many entries, 1 to 999"),
    ("month", "a month of UTC, YYYY-MM"),
    ("from", "first day of UTC, YYYY-MM-DD"),
    ("to", "last day of UTC, YYYY-MM-DD"),
    ("number", "the number of a statement, to have it again"),
];

/// A period as people ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The newest entries.
    Last(u32),
    /// Days; an open end is the account's opening, or today.
    Days { from: Option<Date>, until: Option<Date> },
    /// The statement of a number.
    Number(StatementNumber),
}

impl Asked {
    /// Reads `last`, `month`, `from` and `to` (either may be open), or `number`.
    pub(crate) fn parse(query: &Fields) -> Result<Self, Problem> {
        let given = |name: &str| !query.get(name).is_empty();
        for (name, others) in [
            ("last", &["month", "from", "to", "number"][..]),
            ("month", &["from", "to", "number"][..]),
            ("number", &["from", "to"][..]),
        ] {
            if given(name) && others.iter().any(|other| given(other)) {
                return Err(Problem::field(name, "must not be given with other periods"));
            }
        }
        if given("number") {
            let number = StatementNumber::parse(query.get("number"));
            let rule = "must be the number of a statement, such as 360110000-202611";
            return number.map(Self::Number).ok_or_else(|| Problem::field("number", rule));
        }
        if given("month") {
            let from = month(query)?;
            return Ok(Self::Days { from: Some(from), until: Some(from.last_of_month()) });
        }
        let (from, until) = (day(query, "from")?, day(query, "to")?);
        if from.is_none() && until.is_none() {
            let last = if given("last") { query.count("last", LAST_MAX)? } else { None };
            return Ok(Self::Last(last.unwrap_or(LAST_DEFAULT)));
        }
        if from.zip(until).is_some_and(|(from, until)| from > until) {
            return Err(Problem::field("to", "must not be before from"));
        }
        Ok(Self::Days { from, until })
    }

    /// What of the books it takes.
    pub(super) fn of_the_books(&self) -> store::Period {
        let end = |until: Option<Date>| {
            until.map_or(i64::MAX, |day| day.tomorrow().map_or(i64::MAX, start_of_day))
        };
        match *self {
            Self::Last(count) => store::Period::Last(count),
            Self::Days { from, until } => store::Period::Booked {
                from: from.map_or(0, start_of_day),
                until: end(until),
                up_to: None,
            },
            Self::Number(number) => match number.period() {
                Period::Entries { first, last } => store::Period::Numbers { first, last },
                Period::Days { from, until } => store::Period::Booked {
                    from: start_of_day(from),
                    until: end(Some(until)),
                    up_to: number.up_to(),
                },
            },
        }
    }

    /// The field to change for another period.
    pub(super) const fn field(&self) -> &'static str {
        match self {
            Self::Last(_) => "last",
            Self::Days { .. } => "to",
            Self::Number(_) => "number",
        }
    }
}

fn month(query: &Fields) -> Result<Date, Problem> {
    let text = query.get("month");
    let day = if text.len() == 7 { read(&format!("{text}-01")) } else { None };
    day.ok_or_else(|| Problem::field("month", "must be a month such as 2026-11"))
}

fn day(query: &Fields, name: &'static str) -> Result<Option<Date>, Problem> {
    let Some(text) = query.find(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let rule = "must be a day such as 2026-11-23, in 1970 or later";
    read(text).map(Some).ok_or_else(|| Problem::field(name, rule))
}

fn read(text: &str) -> Option<Date> {
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse::<Date>().ok().filter(|day| plain && day.year() >= 1970)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn periods_are_read_and_wrong_ones_named() {
        let days = |from, until| Ok(Asked::Days { from, until });
        for (query, expect) in [
            ("", Ok(Asked::Last(20))),
            ("last=&from=&to=", Ok(Asked::Last(20))),
            ("last=999", Ok(Asked::Last(999))),
            ("last=1000", Err("last")),
            ("last=0", Err("last")),
            ("month=2024-02", days(Some(date(2024, 2, 1)), Some(date(2024, 2, 29)))),
            ("month=2024-2", Err("month")),
            ("month=2024-13", Err("month")),
            ("month=1969-12", Err("month")),
            ("month=2024-02&to=2024-02-03", Err("month")),
            ("from=2026-01-31", days(Some(date(2026, 1, 31)), None)),
            ("to=2026-01-31&last=", days(None, Some(date(2026, 1, 31)))),
            ("from=2026-02-30", Err("from")),
            ("from=20260201", Err("from")),
            ("from=2026-02-02&to=2026-02-01", Err("to")),
            ("last=3&from=2026-02-02", Err("last")),
            ("number=nothing", Err("number")),
            ("number=360110000-202611&from=2026-02-02", Err("number")),
        ] {
            let asked = Asked::parse(&Fields::parse(query.as_bytes()));
            let asked = asked.map_err(|problem| problem.errors[0].field.clone().into_owned());
            assert_eq!(asked, expect.map_err(str::to_owned), "{query}");
        }
        let number = Asked::parse(&Fields::parse(b"number=360110000-202611p7")).unwrap();
        let expect = store::Period::Booked {
            from: start_of_day(date(2026, 11, 1)),
            until: start_of_day(date(2026, 12, 1)),
            up_to: Some(7),
        };
        assert_eq!(number.of_the_books(), expect);
    }
}
