//! Statements for programs, and whether one is genuine.

use http::StatusCode;
use ledger::Balance;
use ledger::statement::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Digits, Sum, Time, bytes, json};
use super::money::Money;
use crate::call::Call;
use crate::openapi::Doc;
use crate::route::{Access, Handled, Route, handler};
use crate::statements::{self, Asked, Format, Made, QUERY, Verdict, verify};

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/api/v1/accounts/{number}/statement", Access::ENTRIES, handler!(statement)).doc(
        Doc::new("A statement: the last entries, a month, or a range of days; whole or refused")
            .query(&QUERY)
            .ok::<StatementOut<'static>>()
            .problems(&[404]),
    ),
    Route::post("/api/v1/statements/verify", Access::Public, handler!(answer)).doc(
        Doc::new("Whether a statement's number and code are genuine, and what it said")
            .body::<VerifyIn>()
            .ok::<VerifyOut>()
            .problems(&[503]),
    ),
];

/// An entry as a statement has it: what may change later is not in it.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementEntry)]
struct LineOut<'a> {
    number: i64,
    transfer: Digits,
    operation: Digits,
    booked_at: Time,
    description: &'a str,
    kind: &'a str,
    /// `credit` or `debit`.
    direction: &'static str,
    /// Left out when the other side is the bank itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    counterparty: Option<Digits>,
    #[schema(value_type = Money)]
    amount: Sum,
    /// After this entry.
    #[schema(value_type = Money)]
    balance: Sum,
    /// The transfer that a reversal takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<Digits>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Statement)]
struct StatementOut<'a> {
    /// Names the statement: the same number has the same content for ever.
    #[schema(example = "360110000-202611")]
    number: String,
    /// Proves with the number that the bank made it; left out by a server without data keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Whether days of the period were not over: it ends at the newest entry of then.
    provisional: bool,
    account: Digits,
    customer: Digits,
    /// `current` or `savings`.
    kind: &'static str,
    /// The first day, of UTC.
    from: String,
    /// The last day.
    to: String,
    #[schema(value_type = Money)]
    opening_balance: Sum,
    /// Oldest first.
    entries: Vec<LineOut<'a>>,
    /// The sum of what came in.
    #[schema(value_type = Money)]
    credits: Sum,
    /// The sum of what went out.
    #[schema(value_type = Money)]
    debits: Sum,
    #[schema(value_type = Money)]
    closing_balance: Sum,
}

/// What stands on a statement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StatementToVerify)]
struct VerifyIn {
    #[schema(example = "360110000-202611")]
    number: String,
    #[schema(example = "7K2M-9QXD-0FJ4-WT5B-6N1C-8HZR")]
    code: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = StatementVerified)]
struct VerifyOut {
    /// Whether number and code belong together and the books still hold what the statement said.
    genuine: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Said>,
}

/// What the statement said.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementSummary)]
struct Said {
    account: Digits,
    provisional: bool,
    from: String,
    to: String,
    entries: usize,
    #[schema(value_type = Money)]
    opening_balance: Sum,
    #[schema(value_type = Money)]
    closing_balance: Sum,
}

impl<'a> LineOut<'a> {
    fn new(line: &'a Line) -> Self {
        let (minor, other) = (line.amount.minor(), line.counterparty);
        let absolute = minor.checked_abs().unwrap_or(i64::MAX);
        Self {
            number: line.number,
            transfer: Digits(line.transfer.get()),
            operation: Digits(line.operation.get()),
            booked_at: Time(line.booked_at),
            description: &line.description,
            kind: &line.kind,
            direction: if minor < 0 { "debit" } else { "credit" },
            counterparty: (!other.is_house()).then(|| Digits(other.get())),
            amount: Sum(Balance::new(absolute, line.amount.currency())),
            balance: Sum(line.balance),
            reverses: line.reverses.map(|transfer| Digits(transfer.get())),
        }
    }
}

async fn statement(call: Call) -> Handled {
    let query = call.query();
    query.only(&QUERY.map(|(name, _)| name))?;
    let (account, asked) = (call.account()?, Asked::parse(&query)?);
    let body = statements::shown(&call.server, account, &asked, Format::Json).await?;
    Ok(bytes(StatusCode::OK, body))
}

/// A statement as the API writes it.
pub(crate) fn statement_json(made: &Made) -> Vec<u8> {
    let statement = &made.statement;
    let holding = statement.holding();
    let (from, until) = statement.days();
    let out = StatementOut {
        number: statement.number().to_string(),
        code: made.code.map(|code| code.to_string()),
        provisional: statement.number().is_provisional(),
        account: Digits(holding.account.get()),
        customer: Digits(holding.customer.get()),
        kind: holding.kind.as_str(),
        from: from.to_string(),
        to: until.to_string(),
        opening_balance: Sum(statement.opening()),
        entries: statement.entries().iter().map(LineOut::new).collect(),
        credits: Sum(statement.credits().sum),
        debits: Sum(statement.debits().sum),
        closing_balance: Sum(statement.closing()),
    };
    // String keys and no failing parts, so this cannot fail.
    serde_json::to_vec(&out).unwrap_or_default()
}

async fn answer(call: Call) -> Handled {
    let asked: VerifyIn = call.json()?;
    let verdict = verify(&call.server, &asked.number, &asked.code).await?;
    let statement = match verdict {
        Verdict::Unknown => None,
        Verdict::Genuine(made) => {
            let statement = &made.statement;
            let (from, until) = statement.days();
            Some(Said {
                account: Digits(statement.holding().account.get()),
                provisional: statement.number().is_provisional(),
                from: from.to_string(),
                to: until.to_string(),
                entries: statement.entries().len(),
                opening_balance: Sum(statement.opening()),
                closing_balance: Sum(statement.closing()),
            })
        }
    };
    Ok(json(&VerifyOut { genuine: statement.is_some(), statement }))
}
