//! A bank of the first version is brought to this one, and the first version's statements go on
//! working on it: servers are replaced one by one, so both run at once.

use refinery::{Migration, Runner};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
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

/// The migrations as they were released, with the beginning of their SHA-256.
const RELEASED: &str = "\
1bd649d397c00fba postgres/0001_books.sql
3ca846e38c3b3c84 postgres/0001_posting.sql
7aeee6a2b3531358 postgres/0002_access.sql
10d76177a0a9f4ad postgres/0003_second_factor.sql
df673f941c901824 postgres/0004_sealed_ssn.sql
be5e352f8e3d5a3e postgres/0005_reversals.sql
4e2f8b6755755391 postgres/0006_steady_plans.sql
5e71c2c49fc980b8 postgres/0007_batches.sql
7ab0187f8ddb63f3 sqlite/0001_books.sql
813fdb1b606ff772 sqlite/0002_access.sql
b3471d814fcbd15b sqlite/0003_second_factor.sql
53679fc7456016fe sqlite/0004_sealed_ssn.sql
f17f7d284b26ccfa sqlite/0005_reversals.sql
6ba858547503e700 sqlite/0006_steady_plans.sql
";

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

/// What was released never changes: a bank that has applied it would not get the change.
#[test]
fn migrations_stay_as_they_were_released() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut digests = String::new();
    for database in ["postgres", "sqlite"] {
        let files = std::fs::read_dir(folder.join(database)).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let sql = std::fs::read(&file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let digest = Sha256::digest(&sql);
            let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            digests.push_str(&format!("{digest} {database}/{name}\n"));
        }
    }
    assert_eq!(digests, RELEASED, "a change wants a migration of its own");
}
