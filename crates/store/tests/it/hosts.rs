//! Hosts of the address: which of them is used, how far its certificate is checked, and what a
//! commit is worth that stands on one of them only.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use ledger::Request;
use ledger::operation::Description;
use store::{DatabaseUrl, Outcome, Store};
use tokio_postgres::Client;

use crate::bank::{Bank, usd};
use crate::cluster::{Standby, connect, give};

/// The port and name of a database's address.
fn port_and_name(bank: &Bank) -> (String, String) {
    let address = bank.url.to_string();
    let (port, rest) = address.split_once("127.0.0.1:").unwrap().1.split_once('/').unwrap();
    (port.to_owned(), rest.split('?').next().unwrap().to_owned())
}

async fn configure(db: &Client, parameter: &str, value: &str) {
    db.batch_execute(&format!("alter system set {parameter} = '{value}'")).await.unwrap();
    db.batch_execute("select pg_reload_conf()").await.unwrap();
    let shown = format!("show {parameter}");
    while db.query_one_scalar::<String, _>(&shown, &[]).await.unwrap() != value {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_there_or_not_the_primary_is_passed_over() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 100).await;
    let standby = Standby::start();
    let (port, name) = port_and_name(&bank);
    let standby = standby.url(&name);
    let standby = standby.split_once("127.0.0.1:").unwrap().1.split_once('/').unwrap().0;
    let hosts = format!("127.0.0.1:1,127.0.0.1:{standby},127.0.0.1:{port}");
    let url = format!("postgres://bank@{hosts}/{name}?sslmode=disable");
    let store = Store::open(&DatabaseUrl::parse(&url).unwrap()).unwrap();
    let request = Request::deposit(account, usd(5), Description::default());
    let key = ledger::IdempotencyKey::parse("d").unwrap();
    store.post(ledger::Operation::new(key, request, bank.actor.clone())).await.unwrap();
    assert_eq!(bank.balance(account).await, 105);
}

/// Whose commit waits for its standbys.
async fn who_waits_for_copies(db: &Client) -> BTreeSet<i32> {
    let waiting = "select pid from pg_stat_activity where wait_event = 'SyncRep'";
    db.query(waiting, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// A time in which no standby confirms anything, told by a commit that waits for one: that it does
/// says that every other will, which is some moments after the server took the setting.
struct Unconfirmed {
    commit: tokio::task::JoinHandle<()>,
    /// Who waits that is not of the bank.
    known: BTreeSet<i32>,
}

impl Unconfirmed {
    async fn begin(bank: &Bank, db: &Client) -> Self {
        configure(db, "synchronous_standby_names", "nobody").await;
        loop {
            let other = connect(&bank.url.to_string()).await.unwrap();
            let commit = tokio::spawn(async move {
                let sql = "select pg_logical_emit_message(true, 'test', '')";
                other.batch_execute(sql).await.unwrap();
            });
            while !commit.is_finished() {
                let known = who_waits_for_copies(db).await;
                if !known.is_empty() {
                    return Self { commit, known };
                }
            }
        }
    }

    async fn end(self, db: &Client) {
        configure(db, "synchronous_standby_names", "").await;
        self.commit.await.unwrap();
    }
}

/// Waits until other commits than those wait for their standbys, as many as are said. Gives theirs.
async fn others_wait_for_copies(db: &Client, known: &BTreeSet<i32>, count: usize) -> BTreeSet<i32> {
    loop {
        let others = &who_waits_for_copies(db).await - known;
        if others.len() == count {
            return others;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_stopped_waiting_for_its_copies_is_told_when_they_have_it() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 100).await;
    let db = connect(&bank.url.to_string()).await.unwrap();
    let mut unconfirmed = Unconfirmed::begin(&bank, &db).await;
    let request = Request::deposit(account, usd(5), Description::default());
    let mut deposit = pin!(bank.post("d", request));
    let waiting = tokio::select! {
        _ = &mut deposit => panic!("it did not wait"),
        waiting = others_wait_for_copies(&db, &unconfirmed.known, 1) => waiting,
    };
    for pid in &waiting {
        db.execute("select pg_cancel_backend($1)", &[pid]).await.unwrap();
    }
    unconfirmed.known.extend(waiting);
    tokio::select! {
        _ = &mut deposit => panic!("it was told although no copy has it"),
        _ = others_wait_for_copies(&db, &unconfirmed.known, 1) => {}
    }
    assert_eq!(bank.balance(account).await, 105, "it stands on this host");
    unconfirmed.end(&db).await;
    deposit.await;
    assert_eq!(bank.balance(account).await, 105);
    assert!(bank.audit().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_takes_too_long_is_asked_after_elsewhere_and_not_cancelled() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 100).await;
    let db = connect(&bank.url.to_string()).await.unwrap();
    let unconfirmed = Unconfirmed::begin(&bank, &db).await;
    let began = Instant::now();
    let request = Request::deposit(account, usd(5), Description::default());
    let mut deposit = pin!(bank.post("d", request));
    tokio::select! {
        _ = &mut deposit => panic!("it was told although no copy has it"),
        _ = others_wait_for_copies(&db, &unconfirmed.known, 2) => {}
    }
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    unconfirmed.end(&db).await;
    assert!(deposit.await.replayed);
    assert_eq!(bank.balance(account).await, 105);
    assert!(bank.audit().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shares_an_account_does_not_wait_for_each_others_copies_and_nobody_is_told_before() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 100).await;
    let db = connect(&bank.url.to_string()).await.unwrap();
    let unconfirmed = Unconfirmed::begin(&bank, &db).await;
    let servers = [0; 3].map(|_| Store::open(&bank.url).unwrap());
    let deposit = |server: usize, key: &str| {
        let request = Request::deposit(account, usd(5), Description::default());
        let key = ledger::IdempotencyKey::parse(key).unwrap();
        servers[server].post(ledger::Operation::new(key, request, bank.actor.clone()))
    };
    let mut first = pin!(deposit(0, "first"));
    tokio::select! {
        _ = &mut first => panic!("the first was told"),
        _ = others_wait_for_copies(&db, &unconfirmed.known, 1) => {}
    }
    // Another one into the same account, and the first once more, through other servers. And
    // somebody who saw it in the books asks whether it is there for good.
    let mut others = pin!(async {
        tokio::join!(deposit(1, "other"), deposit(2, "first"), servers[2].confirm())
    });
    tokio::select! {
        _ = &mut first => panic!("the first was told"),
        _ = &mut others => panic!("another was told"),
        _ = others_wait_for_copies(&db, &unconfirmed.known, 4) => {}
    }
    unconfirmed.end(&db).await;
    let (first, (other, again, confirmed)) = tokio::join!(first, others);
    confirmed.unwrap();
    let decided = [first, other, again].map(|outcome| match outcome.unwrap() {
        Outcome::Decided(decided) => decided,
        Outcome::KeyReused => panic!("the key was another's"),
    });
    let [first, other, again] = &decided;
    assert_eq!((first.replayed, other.replayed, again.replayed), (false, false, true));
    assert_eq!(first.operation, again.operation);
    assert_eq!(bank.balance(account).await, 110);
    assert!(bank.audit().is_sound());
}

/// A certificate for a name that nobody but itself vouches for; gives it.
fn certificate(folder: &Path, name: &str) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (certificate, key) =
        (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    give(&key);
    certificate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_as_far_as_is_asked() {
    let bank = Bank::postgres().await;
    let admin = connect(&bank.url.to_string()).await.unwrap();
    let (port, database) = port_and_name(&bank);
    // PostgreSQL's user walks to its key.
    let folder = tempfile::Builder::new().prefix("ballast-tls-").tempdir().unwrap();
    give(folder.path());
    let names = ["127.0.0.1", "db.elsewhere"];
    let [here, elsewhere] = names.map(|name| certificate(folder.path(), name));
    for (name, own, other) in [(names[0], &here, &elsewhere), (names[1], &elsewhere, &here)] {
        let key = folder.path().join(format!("{name}.key"));
        configure(&admin, "ssl_key_file", key.to_str().unwrap()).await;
        configure(&admin, "ssl_cert_file", own.to_str().unwrap()).await;
        configure(&admin, "ssl", "on").await;
        let is_here = name == names[0];
        for (mode, root, is_let_in) in [
            ("require", None, true),
            ("require", Some(other), false),
            ("verify-ca", Some(own), true),
            ("verify-ca", Some(other), false),
            ("verify-full", Some(own), is_here),
            ("verify-full", Some(other), false),
            ("verify-full", None, false),
        ] {
            let root = root.map(|root| format!("&sslrootcert={}", root.display()));
            let root = root.unwrap_or_default();
            let url = format!("postgres://bank@127.0.0.1:{port}/{database}?sslmode={mode}{root}");
            let store = Store::open(&DatabaseUrl::parse(&url).unwrap()).unwrap();
            let staff = store.staff_list().await.map(|staff| staff.len());
            assert_eq!(staff.is_ok(), is_let_in, "{url} of {name}: {staff:?}");
            let encrypted = "select count(*) from pg_stat_ssl where ssl";
            let encrypted: i64 = admin.query_one_scalar(encrypted, &[]).await.unwrap();
            assert!(!is_let_in || encrypted > 0, "{url} of {name}: the connection is plain");
        }
    }
}
