//! The file of a replay: `account,date,direction,amount,balance`, further columns ignored.
//!
//! Guarantees that a file is either wholly understood or refused with line numbers and rules
//! before anything is posted. Columns are found by name, in any order. Whether the balances in
//! the file follow from its amounts is *not* a rule here: that is what the replay finds out.

use std::{collections::HashMap, fmt};

use csv::StringRecord;

use super::identity::FileIdentity;
use crate::cents::Cents;

/// The columns that must be there.
const COLUMNS: [&str; 5] = ["account", "date", "direction", "amount", "balance"];
/// Longest name of an account: it is shown in messages and hashed, never sent.
const ACCOUNT_NAME_MAX: usize = 64;
/// Problems named; a file of the wrong kind would otherwise fill the screen.
const PROBLEMS_LISTED_MAX: usize = 10;

/// A file that may be posted.
#[derive(Debug, Clone)]
pub struct ReplayFile {
    /// The hash of its content.
    pub identity: FileIdentity,
    /// Its accounts, in the order of their first rows.
    pub accounts: Vec<FileAccount>,
    /// Rows in all.
    pub rows: u64,
}

/// The rows of one account.
#[derive(Debug, Clone)]
pub struct FileAccount {
    /// The name in the file.
    pub name: String,
    /// In the order of the file.
    pub rows: Vec<FileRow>,
    /// The deepest balance below zero, as an amount; zero when it never was below.
    pub overdraft: Cents,
}

/// One row.
#[derive(Debug, Clone)]
pub struct FileRow {
    /// Its line in the file, counted from 1.
    pub line: u64,
    /// The day the file's bank booked it.
    pub date: jiff::civil::Date,
    /// Which way the money went.
    pub direction: Direction,
    /// How much.
    pub amount: Cents,
    /// What the account had after it.
    pub balance: Cents,
}

/// Which way, seen from the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Money came in.
    Credit,
    /// Money went out.
    Debit,
}

/// A line and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// Counted from 1; the header is line 1.
    pub line: u64,
    /// The rule.
    pub rule: String,
}

/// The file is not one to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRefused {
    /// The first problems.
    pub problems: Vec<RowProblem>,
    /// All of them, counted.
    pub count: u64,
}

impl fmt::Display for FileRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the file has bad lines ({}), so nothing was posted", self.count)?;
        for RowProblem { line, rule } in &self.problems {
            write!(formatter, "\n  line {line}: {rule}")?;
        }
        let listed = u64::try_from(self.problems.len()).unwrap_or(u64::MAX);
        match self.count.saturating_sub(listed) {
            0 => Ok(()),
            more => write!(formatter, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for FileRefused {}

impl ReplayFile {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When a line breaks a rule; all lines are looked at, the first ten problems are kept.
    pub fn parse(content: &[u8]) -> Result<Self, FileRefused> {
        let identity = FileIdentity::of(content);
        let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text);
        let mut lines = Lines { text, byte: 0, line: 1 };
        let mut record = StringRecord::new();
        let mut reading = Reading::default();
        let columns = match reader.read_record(&mut record) {
            Ok(true) => Columns::find(&record).map_err(|rule| refused(1, rule))?,
            Ok(false) => return Err(refused(1, "the file is empty".to_owned())),
            Err(error) => return Err(refused(1, error.to_string())),
        };
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let line = lines.at(error.position());
                    reading.note(line, "is not UTF-8 text in CSV form".to_owned());
                    continue;
                }
            }
            let line = lines.at(record.position());
            match columns.row(&record, line) {
                Ok((name, row)) => reading.take(name, row),
                Err(rule) => reading.note(line, rule),
            }
        }
        reading.finish(identity)
    }

    /// The first row whose balance does not follow from the row before it, if there is one: the
    /// bank will not agree with such a file.
    pub fn first_inconsistent_line(&self) -> Option<u64> {
        self.accounts.iter().filter_map(FileAccount::first_inconsistent_line).min()
    }

    /// The first digits of its identity, for people.
    pub fn short_identity(&self) -> String {
        self.identity.short()
    }
}

impl FileAccount {
    fn first_inconsistent_line(&self) -> Option<u64> {
        let mut balance = Cents::ZERO;
        for row in &self.rows {
            let expected = match row.direction {
                Direction::Credit => balance.checked_add(row.amount),
                Direction::Debit => balance.checked_sub(row.amount),
            };
            if expected != Some(row.balance) {
                return Some(row.line);
            }
            balance = row.balance;
        }
        None
    }
}

/// Counts lines as an editor does. The positions of `csv` lag behind after empty lines and with
/// line ends of two characters, because it skips what is left of a line end when it reads on.
struct Lines<'a> {
    text: &'a [u8],
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a record that begins at this position or after the line ends that follow it.
    /// Positions must not go back.
    fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok());
        let start = start.unwrap_or(self.byte);
        while let Some(byte) = self.text.get(self.byte)
            && (self.byte < start || matches!(byte, b'\r' | b'\n'))
        {
            if *byte == b'\n' {
                self.line += 1;
            }
            self.byte += 1;
        }
        self.line
    }
}

/// Where each column is.
struct Columns([usize; 5]);

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        let mut places = [0; 5];
        for (name, place) in COLUMNS.iter().zip(&mut places) {
            let mut found = header.iter().enumerate().filter(|(_, column)| column == name);
            *place = match (found.next(), found.next()) {
                (Some((index, _)), None) => index,
                (None, _) => {
                    return Err(format!(
                        "the header must hold {}; there is no `{name}`",
                        COLUMNS.join(",")
                    ));
                }
                (Some(_), Some(_)) => return Err(format!("the header holds `{name}` twice")),
            };
        }
        Ok(Self(places))
    }

    fn row<'a>(&self, record: &'a StringRecord, line: u64) -> Result<(&'a str, FileRow), String> {
        let [account, date, direction, amount, balance] = self.0.map(|place| record.get(place));
        let account = account.filter(|name| !name.is_empty()).ok_or("account is missing")?;
        if account.chars().count() > ACCOUNT_NAME_MAX || account.chars().any(char::is_control) {
            return Err(format!("account must be at most {ACCOUNT_NAME_MAX} printable characters"));
        }
        let date = date.unwrap_or_default();
        let date = (date.len() == "2026-11-23".len())
            .then(|| date.parse().ok())
            .flatten()
            .ok_or_else(|| format!("date {date:?} must be a day such as 2026-11-23"))?;
        let direction = match direction.unwrap_or_default() {
            "credit" => Direction::Credit,
            "debit" => Direction::Debit,
            other => return Err(format!("direction {other:?} must be credit or debit")),
        };
        let amount = amount.unwrap_or_default();
        let amount =
            Cents::parse_amount(amount).map_err(|rule| format!("amount {amount:?} {rule}"))?;
        let balance = balance.unwrap_or_default();
        let balance =
            Cents::parse_balance(balance).map_err(|rule| format!("balance {balance:?} {rule}"))?;
        Ok((account, FileRow { line, date, direction, amount, balance }))
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    accounts: Vec<FileAccount>,
    places: HashMap<String, usize>,
    rows: u64,
    problems: Vec<RowProblem>,
    count: u64,
}

impl Reading {
    fn note(&mut self, line: u64, rule: String) {
        self.count += 1;
        if self.problems.len() < PROBLEMS_LISTED_MAX {
            self.problems.push(RowProblem { line, rule });
        }
    }

    fn take(&mut self, name: &str, row: FileRow) {
        self.rows += 1;
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let place = self.accounts.len();
                self.places.insert(name.to_owned(), place);
                let name = name.to_owned();
                self.accounts.push(FileAccount { name, rows: Vec::new(), overdraft: Cents::ZERO });
                place
            }
        };
        if let Some(account) = self.accounts.get_mut(place) {
            let below_zero = Cents::new(-row.balance.get());
            account.overdraft = account.overdraft.max(below_zero);
            account.rows.push(row);
        }
    }

    fn finish(self, identity: FileIdentity) -> Result<ReplayFile, FileRefused> {
        let Self { accounts, rows, problems, count, .. } = self;
        if count > 0 {
            return Err(FileRefused { problems, count });
        }
        if rows == 0 {
            return Err(refused(2, "there are no rows under the header".to_owned()));
        }
        Ok(ReplayFile { identity, accounts, rows })
    }
}

fn refused(line: u64, rule: String) -> FileRefused {
    FileRefused { problems: vec![RowProblem { line, rule }], count: 1 }
}
