//! The customer and the account behind one account of the file: found again, or made.
//!
//! The customer is found by a social security number derived from the file; the account by the
//! key that opened it, which the bank answers with the same account every time. Guarantees that
//! two runs at once end up with the same customer: the loser of the race is told that the number
//! is known and looks it up. A number that belongs to somebody else is left alone, and the next
//! one is tried.

use anyhow::{Context, bail};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Job, file::FileAccount, identity::AccountIdentity};
use crate::{
    cents::Cents,
    client::{Answer, Call, Client},
};

/// Numbers tried before giving up: with a million customers of a possible 10⁹ social security
/// numbers, eight in a row are taken once in 10²⁴ files.
const SSN_ATTEMPTS_MAX: u32 = 8;

#[derive(Deserialize)]
struct Customer {
    number: String,
    name: String,
}

/// The bank's answer to a search: none or one.
#[derive(Deserialize)]
struct Found {
    customers: Vec<Customer>,
}

/// The account's number in the bank.
pub(super) async fn find_or_open(
    job: &Job,
    account: &FileAccount,
    client: &mut Client,
) -> anyhow::Result<String> {
    let identity = job.file.identity.account(&account.name);
    let customer = find_or_create_customer(job, &identity, client).await?;

    #[derive(Deserialize)]
    struct Opened {
        account: OpenedAccount,
        receipt: Option<String>,
    }
    #[derive(Deserialize)]
    struct OpenedAccount {
        number: String,
    }
    let mut body = json!({ "kind": "current" });
    if account.overdraft > Cents::ZERO
        && let Some(fields) = body.as_object_mut()
    {
        let limit = json!({ "amount": account.overdraft.to_string(), "currency": "USD" });
        fields.insert("overdraft_limit".to_owned(), limit);
    }
    let call = Call::keyed(
        format!("/api/v1/customers/{customer}/accounts"),
        &job.target.executive,
        identity.opening_key(),
        body.to_string(),
    );
    let answer = client.send_until_answered(&call, job.options.patience).await?;
    if answer.status != StatusCode::CREATED {
        bail!("customer {customer} got no account: {}", answer.excerpt());
    }
    let opened: Opened = answer.json()?;
    job.keep(opened.receipt.as_deref())?;
    Ok(opened.account.number)
}

async fn find_or_create_customer(
    job: &Job,
    identity: &AccountIdentity,
    client: &mut Client,
) -> anyhow::Result<String> {
    let name = identity.customer_name();
    for attempt in 0..SSN_ATTEMPTS_MAX {
        let ssn = identity.ssn(attempt);
        let mut known = find(job, &ssn, client).await?;
        if known.is_none() {
            let answer = create(job, &ssn, &name, client).await?;
            match answer.status {
                StatusCode::CREATED => return Ok(answer.json::<Customer>()?.number),
                // Somebody was faster: another run of this file, or our own request whose
                // answer was lost, or a stranger. The name tells.
                StatusCode::CONFLICT => known = find(job, &ssn, client).await?,
                _ => bail!("the bank refused a customer: {}", answer.excerpt()),
            }
        }
        match known {
            Some(customer) if customer.name == name => return Ok(customer.number),
            _ => {}
        }
    }
    bail!("{SSN_ATTEMPTS_MAX} social security numbers in a row belong to somebody else")
}

async fn find(job: &Job, ssn: &str, client: &mut Client) -> anyhow::Result<Option<Customer>> {
    let body = json!({ "ssn": ssn }).to_string();
    // A look-up: asking again changes nothing.
    let call = Call::create_unique("/api/v1/customers/search", &job.target.executive, body);
    let answer = client.send_until_answered(&call, job.options.patience).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.json::<Found>()?.customers.into_iter().next()),
        _ => bail!("the bank did not look up a customer: {}", answer.excerpt()),
    }
}

async fn create(job: &Job, ssn: &str, name: &str, client: &mut Client) -> anyhow::Result<Answer> {
    let body = json!({
        "ssn": ssn, "name": name, "age": "40", "address": "Replay Street 1",
        "city": "Replay", "state": "Replay",
    });
    let call = Call::create_unique("/api/v1/customers", &job.target.executive, body.to_string());
    client.send_until_answered(&call, job.options.patience).await.context("no customer")
}
