//! A bank of the first version is brought to this one, and the first version's statements go on
//! working on it: servers are replaced one by one, so both run at once.

use refinery::{Migration, Runner};
use rusqlite::Connection;
use store::{DatabaseUrl, Store};

const FIRST: &str = include_str!("../../migrations/sqlite/0001_books.sql");

/// What the first version's program writes about access.
const WRITES_OF_FIRST: [&str; 4] = [
    "insert into staff (user, name, role, password_hash, password_generated, disabled, created_at) \
     values ('C0000000' || (select count(*) + 1 from staff), 'a', 'teller', 'x', 1, 0, 1)",
    "insert into sessions (token_hash, user, kind, created_at, expires_at, seen_at) \
     values (randomblob(32), 'C00000001', 'browser', 1, 9999999999999, 1)",
    "insert into audit_events (at, user, session, server, action, subject, result) \
     values (1, 'C00000001', 1, 's', 'sign-in', 'x', 'denied')",
    "insert into operations \
     (key, fingerprint, kind, user, session, server, booked_at, answer) \
     values ('k' || (select count(*) from operations), zeroblob(32), 'deposit', 'C00000001', 1, \
         's', 1, x'00')",
];

fn write_as_the_first_version(db: &Connection) {
    for sql in WRITES_OF_FIRST {
        db.execute(sql, []).unwrap();
    }
}

#[tokio::test]
async fn a_bank_of_the_first_version_keeps_its_rows_and_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.db");
    let mut old = Connection::open(&path).unwrap();
    old.execute_batch("pragma journal_mode = wal; pragma foreign_keys = on;").unwrap();
    let first = [Migration::unapplied("V1__books", FIRST).unwrap()];
    Runner::new(&first).run(&mut old).unwrap();
    write_as_the_first_version(&old);
    let url = DatabaseUrl::file(&path);
    assert_eq!(store::migrate(&url).await.unwrap(), 5);
    assert_eq!(store::migrate(&url).await.unwrap(), 0, "a second time there is nothing to do");
    // The connection that was open all the while is a server of the first version.
    write_as_the_first_version(&old);
    let orphan = "insert into sessions (token_hash, user, kind, created_at, expires_at, seen_at) \
        values (randomblob(32), 'C00000099', 'browser', 1, 2, 1)";
    assert!(old.execute(orphan, []).is_err(), "sessions still refer to staff");
    let store = Store::open(&url).unwrap();
    assert_eq!(store.staff_list().await.unwrap().len(), 2);
    let user = ledger::UserId::parse("C00000001").unwrap();
    assert_eq!(store.sessions_of(user).await.unwrap().len(), 2);
    assert_eq!(store.audit_events(Default::default(), None, 9).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn every_posting_function_keeps_plans_that_are_good_for_large_tables() {
    let address = crate::cluster::database().await;
    store::migrate(&DatabaseUrl::parse(&address).unwrap()).await.unwrap();
    let db = crate::cluster::connect(&address).await.unwrap();
    let functions = "select proconfig from pg_proc where proname = 'post_group'";
    let functions = db.query(functions, &[]).await.unwrap();
    assert!(!functions.is_empty());
    for function in functions {
        let settings: Vec<String> = function.get(0);
        for setting in ["plan_cache_mode=force_generic_plan", "enable_seqscan=off"] {
            assert!(settings.iter().any(|it| it == setting), "{setting} in {settings:?}");
        }
    }
}
