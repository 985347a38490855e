//! The rows of one account, one after the other, each compared with the answer.
//!
//! The next row leaves only when the answer to the one before is here, so the balances can be
//! compared row by row. A refusal is a mismatch and the rows after it are posted all the same: the
//! report then shows every row the bank sees differently.

use anyhow::{Context, bail};
use http::StatusCode;
use serde::Deserialize;

use super::{
    Job, MISMATCHES_LISTED_MAX, Mismatch, Tally,
    file::{Direction, FileAccount, FileRow},
};
use crate::{
    cents::Cents,
    client::{Answer, Call, Client},
};

#[derive(Deserialize)]
struct Posted<'a> {
    replayed: bool,
    #[serde(borrow)]
    from: Option<Side<'a>>,
    #[serde(borrow)]
    to: Option<Side<'a>>,
    #[serde(borrow)]
    receipt: Option<&'a str>,
}

#[derive(Deserialize)]
struct Side<'a> {
    #[serde(borrow)]
    balance: Money<'a>,
}

#[derive(Deserialize)]
struct Money<'a> {
    amount: &'a str,
}

/// Posts every row of an account.
pub(super) async fn post_rows(
    job: &Job,
    account: &FileAccount,
    number: &str,
    client: &mut Client,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let identity = job.file.identity.account(&account.name);
    for (index, row) in account.rows.iter().enumerate() {
        let verb = match row.direction {
            Direction::Credit => "deposits",
            Direction::Debit => "withdrawals",
        };
        // Both values hold digits, points and dashes only, so the text needs no escaping.
        let body = format!(
            r#"{{"amount":{{"amount":"{}","currency":"USD"}},"description":"{}"}}"#,
            row.amount, row.date
        );
        let path = format!("/api/v1/accounts/{number}/{verb}");
        let call = Call::keyed(path, &job.target.teller, identity.row_key(index), body);
        let answer = client
            .send_until_answered(&call, job.options.patience)
            .await
            .with_context(|| format!("line {} could not be posted", row.line))?;
        let difference = compare(row, &answer)
            .with_context(|| format!("line {} could not be posted", row.line))?;
        job.keep(difference.receipt)?;
        if difference.replayed {
            tally.replayed += 1;
        }
        match difference.text {
            None => tally.matched += 1,
            Some(difference) => {
                tally.mismatched += 1;
                if tally.mismatches.len() < MISMATCHES_LISTED_MAX {
                    let (line, account) = (row.line, account.name.clone());
                    tally.mismatches.push(Mismatch { line, account, difference });
                }
            }
        }
        job.progress.inc(1);
    }
    Ok(())
}

struct Difference<'a> {
    replayed: bool,
    receipt: Option<&'a str>,
    text: Option<String>,
}

/// Compares an answer with the row. An error means that there is no use in going on.
fn compare<'a>(row: &FileRow, answer: &'a Answer) -> anyhow::Result<Difference<'a>> {
    match answer.status {
        StatusCode::CREATED | StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            bail!("the bank does not accept the token: {}", answer.excerpt())
        }
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT => {
            let text = format!(
                "the file says {}, the bank refused: {}",
                row.balance,
                answer.problem().unwrap_or_else(|| answer.excerpt())
            );
            let replayed = answer.replayed;
            return Ok(Difference { replayed, receipt: None, text: Some(text) });
        }
        _ => bail!("the bank answered {}", answer.excerpt()),
    }
    let posted: Posted<'_> = answer.json()?;
    let side = match row.direction {
        Direction::Credit => posted.to,
        Direction::Debit => posted.from,
    };
    let side = side.with_context(|| format!("no balance in the answer {}", answer.excerpt()))?;
    let text = match Cents::parse_balance(side.balance.amount) {
        Ok(balance) if balance == row.balance => None,
        _ => Some(format!("the file says {}, the bank says {}", row.balance, side.balance.amount)),
    };
    Ok(Difference { replayed: posted.replayed, receipt: posted.receipt, text })
}
