//! The accounts a measurement uses: made once for a deployment, then remembered.
//!
//! Customers with a current and a savings account each, opened with enough money that no
//! measurement runs dry. The remembered list is used only if the bank still knows the customer
//! made last with each part of it, by a random name: a new database behind the same data folder
//! must not lead to moving the money of strangers.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use http::StatusCode;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use super::BenchOptions;
use crate::{
    client::{Call, Client},
    target::Target,
};

/// Connections that prepare: enough that group posting has groups.
const PREPARING_CONNECTIONS: usize = 64;
/// How long the bank may be away while accounts are prepared.
const PATIENCE: Duration = Duration::from_secs(30);
/// What each account starts with.
const OPENING_AMOUNT: &str = "1000000.00";
/// Random numbers tried for one customer before giving up.
const SSN_ATTEMPTS_MAX: u32 = 8;

/// The remembered file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    parts: Vec<Part>,
}

/// Accounts made in one go.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    /// The name of all customers of this part; random, so it proves that the bank is the same.
    customer_name: String,
    /// One of these customers.
    customer: String,
    accounts: Vec<String>,
}

/// At least `options.accounts` account numbers, cut to that many.
pub(super) async fn prepare(
    target: &Target,
    options: &BenchOptions,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<String>> {
    let mut memory = match &options.memory {
        Some(path) => recall(target, path).await?,
        None => Memory::default(),
    };
    let known: usize = memory.parts.iter().map(|part| part.accounts.len()).sum();
    if known < options.accounts {
        let missing = options.accounts - known;
        memory.parts.push(open(target, missing.div_ceil(2), progress).await?);
        if let Some(path) = &options.memory {
            let text = serde_json::to_vec(&memory)?;
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    let all = memory.parts.into_iter().flat_map(|part| part.accounts);
    Ok(all.take(options.accounts).collect())
}

async fn recall(target: &Target, path: &Path) -> anyhow::Result<Memory> {
    #[derive(Deserialize)]
    struct Customer {
        name: String,
    }
    let Ok(text) = fs::read(path) else { return Ok(Memory::default()) };
    let Ok(memory) = serde_json::from_slice::<Memory>(&text) else {
        return Ok(Memory::default());
    };
    let mut client = Client::new(Arc::clone(&target.address), PATIENCE);
    for part in &memory.parts {
        let path = format!("/api/v1/customers/{}", part.customer);
        let call = Call::get(path, &target.executive);
        let answer = client.send_until_answered(&call, PATIENCE).await?;
        let is_ours = answer.status == StatusCode::OK
            && answer.json::<Customer>()?.name == part.customer_name;
        if !is_ours {
            return Ok(Memory::default());
        }
    }
    Ok(memory)
}

async fn open(target: &Target, customers: usize, progress: &ProgressBar) -> anyhow::Result<Part> {
    let customer_name = format!("Bench {:016x}", rand::random::<u64>());
    progress.set_length(u64::try_from(customers)?);
    progress.set_message("opening accounts (once for this deployment)");
    let workers = PREPARING_CONNECTIONS.min(customers);
    let mut running = JoinSet::new();
    for worker in 0..workers {
        let share = (customers + workers - 1 - worker) / workers;
        let opener = Opener {
            client: Client::new(Arc::clone(&target.address), PATIENCE),
            target: target.clone(),
            name: customer_name.clone(),
            progress: progress.clone(),
        };
        running.spawn(opener.open(share));
    }
    let mut part = Part { customer_name, customer: String::new(), accounts: Vec::new() };
    while let Some(finished) = running.join_next().await {
        let (customer, accounts) = finished.context("preparing accounts ended early")??;
        part.customer = customer;
        part.accounts.extend(accounts);
    }
    // The order of arrival is chance; the order of the numbers is the same for the same seed.
    part.accounts.sort();
    Ok(part)
}

struct Opener {
    client: Client,
    target: Target,
    name: String,
    progress: ProgressBar,
}

impl Opener {
    /// Makes some customers; answers the last one and all accounts.
    async fn open(mut self, customers: usize) -> anyhow::Result<(String, Vec<String>)> {
        let mut accounts = Vec::new();
        let mut last = String::new();
        for _ in 0..customers {
            let customer = self.create_customer().await?;
            for kind in ["current", "savings"] {
                accounts.push(self.open_account(&customer, kind).await?);
            }
            self.progress.inc(1);
            last = customer;
        }
        Ok((last, accounts))
    }

    async fn create_customer(&mut self) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Created {
            number: String,
        }
        for _ in 0..SSN_ATTEMPTS_MAX {
            let body = json!({
                "ssn": format!("{:09}", rand::random_range(0..1_000_000_000_u32)),
                "name": self.name, "age": "40", "address": "Bench Street 1",
                "city": "Bench", "state": "Bench",
            });
            let token = &self.target.executive;
            let call = Call::create_unique("/api/v1/customers", token, body.to_string());
            let answer = self.client.send_until_answered(&call, PATIENCE).await?;
            match answer.status {
                StatusCode::CREATED => return Ok(answer.json::<Created>()?.number),
                StatusCode::CONFLICT => {}
                _ => bail!("the bank refused a customer: {}", answer.excerpt()),
            }
        }
        bail!("{SSN_ATTEMPTS_MAX} random social security numbers in a row are known already")
    }

    async fn open_account(&mut self, customer: &str, kind: &str) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Opened {
            account: Account,
        }
        #[derive(Deserialize)]
        struct Account {
            number: String,
        }
        let opening = json!({ "amount": OPENING_AMOUNT, "currency": "USD" });
        let call = Call::keyed(
            format!("/api/v1/customers/{customer}/accounts"),
            &self.target.executive,
            format!("{}-{customer}-{kind}", self.name.replace(' ', "-").to_lowercase()),
            json!({ "kind": kind, "opening_amount": opening }).to_string(),
        );
        let answer = self.client.send_until_answered(&call, PATIENCE).await?;
        if answer.status != StatusCode::CREATED {
            bail!("customer {customer} got no {kind} account: {}", answer.excerpt());
        }
        Ok(answer.json::<Opened>()?.account.number)
    }
}
