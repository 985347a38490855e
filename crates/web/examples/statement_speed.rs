//! How long a statement of many entries takes in each format, from the request to the last byte.
//!
//! `cargo run --release -p web --example statement_speed -- [ENTRIES] [FOLDER]`
//!
//! The bank is one server over an embedded database in a temporary folder, asked without a network
//! between. With FOLDER the files of the last round are left in FOLDER/0 for other programs.

#![expect(clippy::print_stdout, reason = "a measurement for a person")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;
use ledger::customer::CustomerFields;
use ledger::operation::{self, Description, Opening};
use ledger::{
    AccountKind, AccountNumber, Actor, Amount, Answer, Currency, IdempotencyKey, Leg, NewCustomer,
    Operation, Role, UserId,
};
use store::{DatabaseUrl, NewSession, Outcome, SessionKind, SessionOrigin, Staff, Store, Vault};
use tower::ServiceExt as _;
use web::{Config, app, new_token};

const ROUNDS: usize = 5;
const LEGS_MAX: usize = 1_000;
const FORMATS: [&str; 6] = ["", ".csv", ".ofx", ".xml", ".xlsx", ".pdf"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let entries: usize = arguments.next().unwrap_or_else(|| "10000".to_owned()).parse()?;
    let output = arguments.next().map(PathBuf::from);
    ensure!(entries >= 2, "two entries at least");
    let folder = tempfile::tempdir()?;
    let (app, account, token) = bank(folder.path(), entries).await?;
    println!("{entries} entries, median and slowest of {ROUNDS}");
    println!("{:<6} {:>9} {:>9} {:>12}", "format", "median ms", "slowest", "bytes");
    for ending in FORMATS {
        let path = format!("/api/v1/accounts/{account}/statement{ending}?to=2999-12-31");
        let (mut took, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let request = Request::get(&path).header("authorization", format!("Bearer {token}"));
            let started = Instant::now();
            let response = app.clone().oneshot(request.body(Body::empty())?).await?;
            ensure!(response.status().is_success(), "{path}: {}", response.status());
            bytes = to_bytes(response.into_body(), usize::MAX).await?.to_vec();
            took.push(started.elapsed());
        }
        took.sort();
        let (median, slowest) = (took.get(ROUNDS / 2), took.last());
        let name = if ending.is_empty() { "json" } else { ending.trim_start_matches('.') };
        println!("{name:<6} {:>9} {:>9} {:>12}", ms(median), ms(slowest), bytes.len());
        if let Some(folder) = &output {
            let place = folder.join("0");
            std::fs::create_dir_all(&place)?;
            std::fs::write(place.join(format!("statement.{name}")), bytes)?;
        }
    }
    Ok(())
}

fn ms(took: Option<&Duration>) -> String {
    took.map_or_else(String::new, |took| format!("{:.0}", took.as_secs_f64() * 1e3))
}

/// A bank with one account that has so many entries; gives a teller's token, too.
async fn bank(
    folder: &std::path::Path,
    entries: usize,
) -> anyhow::Result<(Router, AccountNumber, String)> {
    let url = DatabaseUrl::file(folder.join("bank.db"));
    store::migrate(&url).await?;
    let vault = Vault::parse(Vault::generate()?.as_bytes())?;
    let store = Store::open(&url)?.with_vault(Arc::new(vault));
    let user = UserId::parse("C00000003").context("a user")?;
    let staff = Staff {
        user: user.clone(),
        name: "mahesh".to_owned(),
        role: Role::Teller,
        password_hash: "none".to_owned(),
        password_generated: false,
        disabled: false,
    };
    ensure!(store.add_staff(staff).await?, "the user is new");
    let (token, token_hash) = new_token();
    let session = NewSession {
        token_hash,
        user: user.clone(),
        kind: SessionKind::Client,
        expires_at: i64::MAX,
        origin: SessionOrigin::default(),
    };
    let session = store.create_session(session).await?;
    let actor = Actor { user, session, server: "example".into() };
    let account = open(&store, &actor, "000000001", 100_000_000).await?;
    let other = open(&store, &actor, "000000002", 100_000_000).await?;
    let mut left = entries.saturating_sub(1);
    while left > 0 {
        let count = left.min(LEGS_MAX);
        let legs = (0..count).map(|index| leg(account, other, left.saturating_sub(index)));
        let legs = legs.collect::<anyhow::Result<_>>()?;
        post(&store, &actor, &format!("batch-{left}"), operation::Request::Batch(legs)).await?;
        left = left.saturating_sub(count);
    }
    Ok((app(store, Config::default()), account, token))
}

fn leg(account: AccountNumber, other: AccountNumber, index: usize) -> anyhow::Result<Leg> {
    let (debit, credit) = if index.is_multiple_of(3) { (other, account) } else { (account, other) };
    let words = [
        "Rent, third floor",
        "Invoice 2026/11-004711 of the printing house Müller & Söhne",
        "=1+1",
        "Groceries",
        "",
    ];
    let text = words.get(index.checked_rem(words.len()).unwrap_or(0)).unwrap_or(&"");
    Ok(Leg {
        debit,
        credit,
        amount: Amount::try_new(i64::try_from(index % 9_973)?.saturating_add(1), Currency::Usd)?,
        description: Description::parse(text).context("a description")?,
    })
}

async fn post(
    store: &Store,
    actor: &Actor,
    key: &str,
    request: operation::Request,
) -> anyhow::Result<Answer> {
    let key = IdempotencyKey::parse(key)?;
    match store.post(Operation::new(key, request, actor.clone())).await? {
        Outcome::Decided(decided) => Ok(decided.answer),
        Outcome::KeyReused => bail!("a key was used twice"),
    }
}

async fn open(
    store: &Store,
    actor: &Actor,
    ssn: &str,
    minor: i64,
) -> anyhow::Result<AccountNumber> {
    let fields = CustomerFields {
        ssn,
        name: "Ada",
        address: "1 Way",
        age: "36",
        state: "NJ",
        city: "Newark",
    };
    let customer = NewCustomer::parse(&fields).ok().context("a customer")?;
    let customer = store.create_customer(actor, customer).await?.number;
    let opening = Opening {
        customer,
        kind: AccountKind::Current,
        currency: Currency::Usd,
        overdraft_minor: 0,
        deposit: Some(Amount::try_new(minor, Currency::Usd)?),
    };
    let request = operation::Request::Open(opening);
    match post(store, actor, &format!("open-{ssn}"), request).await? {
        Answer::Opened { account, .. } => Ok(account),
        other => bail!("not opened: {other:?}"),
    }
}
