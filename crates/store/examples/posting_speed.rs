//! How many transfers a second one writer posts, by the size of the group.
//!
//! `cargo run --release -p store --example posting_speed` measures the embedded database; with
//! `-- postgres://…` behind it, an empty database in PostgreSQL.

use std::sync::Arc;
use std::time::Instant;

use ledger::customer::CustomerFields;
use ledger::operation::{Description, Opening};
use ledger::{
    AccountKind, AccountNumber, Actor, Amount, Answer, Currency, IdempotencyKey, Leg, NewCustomer,
    Operation, Request, Role, UserId,
};
use store::{DatabaseUrl, NewSession, Outcome, SessionKind, Staff, Store};

const ACCOUNTS: usize = 10_000;

#[tokio::main]
#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for a person")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let url = match std::env::args().nth(1) {
        Some(url) => DatabaseUrl::parse(&url).unwrap(),
        None => DatabaseUrl::file(folder.path().join("bank.db")),
    };
    store::migrate(&url).await.unwrap();
    let store = Store::open(&url).unwrap();
    let actor = actor(&store).await;
    let mut accounts = Vec::with_capacity(ACCOUNTS);
    for index in 0..ACCOUNTS {
        accounts.push(open(&store, &actor, index).await);
    }
    println!("{:>6} {:>12} {:>10}", "group", "transfers/s", "ms/group");
    for size in [1, 10, 100, 1_000, 8_000] {
        let rounds = (40_000 / size).clamp(10, 2_000);
        let started = Instant::now();
        for round in 0..rounds {
            let legs = (0..size).map(|index| leg(&accounts, round * 7_919 + index * 104_729));
            post(&store, &actor, format!("{size}-{round}"), Request::Batch(legs.collect())).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        let rounds = f64::from(u32::try_from(rounds).unwrap());
        let transfers = rounds * f64::from(u32::try_from(size).unwrap());
        println!("{size:>6} {:>12.0} {:>10.3}", transfers / seconds, seconds * 1e3 / rounds);
    }
}

#[expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "remainders are in range")]
fn leg(accounts: &[AccountNumber], seed: usize) -> Leg {
    Leg {
        debit: accounts[seed % ACCOUNTS],
        credit: accounts[(seed + 1 + seed % (ACCOUNTS - 2)) % ACCOUNTS],
        amount: Amount::try_new(1, Currency::Usd).unwrap(),
        description: Description::default(),
    }
}

#[expect(clippy::unwrap_used, reason = "a measurement that cannot go on")]
async fn post(store: &Store, actor: &Actor, key: String, request: Request) -> Answer {
    let key = IdempotencyKey::parse(&key).unwrap();
    match store.post(Operation::new(key, request, actor.clone())).await.unwrap() {
        Outcome::Decided(decided) => decided.answer,
        Outcome::KeyReused => Answer::Legs(Vec::new()),
    }
}

#[expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on")]
async fn open(store: &Store, actor: &Actor, index: usize) -> AccountNumber {
    let ssn = format!("{index:09}");
    let customer = NewCustomer::parse(&CustomerFields {
        ssn: &ssn,
        name: "Ada",
        address: "1 Way",
        age: "36",
        state: "NJ",
        city: "Newark",
    });
    let customer = store.create_customer(actor, customer.ok().unwrap()).await.unwrap();
    let opening = Opening {
        customer: customer.number,
        kind: AccountKind::Current,
        currency: Currency::Usd,
        overdraft_minor: 0,
        deposit: Amount::try_new(100_000_000, Currency::Usd).ok(),
    };
    match post(store, actor, format!("open-{index}"), Request::Open(opening)).await {
        Answer::Opened { account, .. } => account,
        other => panic!("not opened: {other:?}"),
    }
}

#[expect(clippy::unwrap_used, reason = "a measurement that cannot go on")]
async fn actor(store: &Store) -> Actor {
    let user = UserId::parse("C00000001").unwrap();
    let staff = Staff {
        user: user.clone(),
        name: "ramesh".into(),
        role: Role::Executive,
        password_hash: String::new(),
        password_generated: true,
        disabled: false,
    };
    store.add_staff(staff).await.unwrap();
    let session = NewSession {
        token_hash: [1; 32],
        user: user.clone(),
        kind: SessionKind::Client,
        expires_at: i64::MAX,
        origin: store::SessionOrigin::default(),
    };
    let session = store.create_session(session).await.unwrap();
    Actor { user, session, server: Arc::from("example") }
}
