//! Each rule of the audit is attacked: sound books pass, and each kind of damage is named.

use ledger::audit::Rule;
use ledger::operation::Description;
use ledger::{Reach, Request};
use rusqlite::Connection;

use crate::bank::{Bank, leg, reversal, usd};
use crate::cluster;

/// Takes away what an embedded database defends itself with.
const DISARM: &str = "pragma foreign_keys = off; pragma ignore_check_constraints = on; \
     drop index accounts_one_of_a_kind; \
     drop trigger entries_never_change; drop trigger entries_never_go; \
     drop trigger transfers_never_change; drop trigger transfers_never_go; \
     drop trigger operations_never_change; drop trigger operations_never_go; \
     drop trigger reversals_never_change; drop trigger reversals_never_go;";

/// The same of PostgreSQL.
const DISARM_POSTGRES: &str = "set session_replication_role = replica; \
     drop index accounts_one_of_a_kind; \
     alter table accounts drop constraint accounts_floor, \
         drop constraint accounts_closed_at_zero, drop constraint accounts_overdraft; \
     alter table entries drop constraint entries_previous; \
     alter table reversals drop constraint reversals_later, drop constraint reversals_once;";

/// Lifts what the database itself defends, damages a copy, and asks the audit.
async fn check(bank: Bank, damage: &str, expect: &[Rule]) {
    let (left, right) = (bank.account(1, 1_000).await, bank.account(2, 1_000).await);
    bank.post("t", Request::Transfer(leg(left, right, 100))).await;
    bank.post("w", Request::withdrawal(right, usd(50), Description::default())).await;
    bank.post("d", Request::deposit(left, usd(25), Description::default())).await;
    bank.post("r", reversal(5, Reach::OwnToday)).await;
    bank.store.roll_up_house().await.unwrap();
    assert!(bank.audit().is_sound(), "{:?}", bank.audit().findings().collect::<Vec<_>>());
    if bank.folder.is_some() {
        let db = Connection::open(bank.file()).unwrap();
        db.execute_batch(DISARM).unwrap();
        assert!(db.execute(damage, []).unwrap() > 0, "{damage}");
    } else {
        let damage = damage.replace("user =", "user_id =").replace("x'", "'\\x");
        let db = cluster::connect(&bank.url.to_string()).await.unwrap();
        db.batch_execute(DISARM_POSTGRES).await.unwrap();
        assert!(db.execute(&damage, &[]).await.unwrap() > 0, "{damage}");
    }
    let report = bank.audit();
    let found: Vec<_> = report.findings().map(|finding| finding.rule).collect();
    assert_eq!(found, expect, "{damage}: {:?}", report.findings().collect::<Vec<_>>());
}

#[tokio::test]
async fn each_kind_of_damage_is_named() {
    use Rule::{
        Actors, Answers, BalanceAfter, Balanced, BookingOrder, ClosedAtZero, Counters, EntryList,
        EntryNumbers, Floor, HouseMark, OneOfAKind, Orphans, Reversals, TransferEntries,
    };
    let cases: [(&str, &[Rule]); 25] = [
        (
            "update entries set amount = 101 where account = 360110001 and number = 2",
            &[Balanced, TransferEntries, BalanceAfter, Counters],
        ),
        (
            "delete from entries where account = 360110001 and number = 2",
            &[Balanced, TransferEntries, EntryNumbers, EntryList, BalanceAfter, Counters, Answers],
        ),
        ("update entries set number = 9 where account = 360110001 and number = 3", &[EntryNumbers]),
        ("update entries set previous = 1 where account = 360110001 and number = 2", &[EntryList]),
        ("update accounts set last_entry = 3 where number = 360110001", &[EntryList]),
        ("insert into entry_marks values (360110001, 64, 5)", &[EntryList]),
        (
            "update entries set balance = 7 where account = 360110001 and number = 2",
            &[BalanceAfter, Answers],
        ),
        (
            "update accounts set credits_posted = 1 + credits_posted where number = 360110001",
            &[Counters],
        ),
        ("update accounts set entry_count = 8 where number = 360110001", &[Counters]),
        ("update accounts set debits_pending = 8 where number = 360110001", &[Counters]),
        ("update accounts set overdraft = -2000 where number = 360110001", &[Floor]),
        ("update house_marks set credits = credits + 1", &[HouseMark]),
        ("update accounts set status = 'closed' where number = 360110001", &[ClosedAtZero]),
        ("update accounts set customer = 110110000 where number = 360110001", &[OneOfAKind]),
        ("update operations set answer = x'04' where key = 't'", &[Answers]),
        ("update operations set answer = x'ff' where key = 't'", &[Answers]),
        ("update operations set session = 99 where key = 't'", &[Actors]),
        ("update operations set user = 'nobody' where key = 't'", &[Actors, Orphans]),
        ("update operations set booked_at = 5 where key = 't'", &[BookingOrder]),
        (
            "update transfers set debit = 360119999 where id = 3",
            &[TransferEntries, Answers, Orphans],
        ),
        ("delete from reversals", &[Reversals]),
        ("update reversals set reverses = 3", &[Reversals]),
        ("update reversals set transfer = 4", &[Reversals]),
        ("update reversals set reverses = 99", &[Orphans, Reversals]),
        // The withdrawal is called the reversal of the opening deposit.
        ("insert into reversals (transfer, reverses) values (4, 2)", &[Reversals]),
    ];
    for (damage, expect) in cases {
        check(Bank::embedded().await, damage, expect).await;
        check(Bank::postgres().await, damage, expect).await;
    }
}

#[test]
fn a_file_without_books_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let url = store::DatabaseUrl::file(&path);
    for table in ["", "create table t (a);"] {
        Connection::open(&path).unwrap().execute_batch(table).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = store::audit::run(&url, |_| ()).unwrap_err().to_string();
        assert!(error.contains("holds no books"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_what_is_written() {
    let bank = Bank::embedded().await;
    let account = bank.account(1, 500).await;
    bank.post("d", Request::deposit(account, usd(500), Description::default())).await;
    bank.account(2, 7).await;
    bank.post("r", reversal(3, Reach::Any)).await;
    let db = Connection::open(bank.file()).unwrap();
    db.execute_batch("pragma foreign_keys = on").unwrap();
    for (sql, expect) in [
        ("update entries set amount = 1", "entries are never changed"),
        ("delete from entries", "entries are never removed"),
        ("update transfers set amount = 1", "transfers are never changed"),
        ("delete from transfers", "transfers are never removed"),
        ("update operations set user = ''", "operations are never changed"),
        ("delete from operations", "operations are never removed"),
        ("update audit_events set result = 'done'", "audit rows are never changed"),
        ("delete from audit_events", "audit rows are never removed"),
        ("update reversals set reverses = 1", "reversals are never changed"),
        ("delete from reversals", "reversals are never removed"),
        ("insert into reversals (transfer, reverses) values (9, 3)", "reversals.reverses"),
        ("update accounts set debits_posted = 1001", "accounts_floor"),
        ("update accounts set status = 'closed' where kind <> 'house'", "accounts_closed_at_zero"),
    ] {
        let error = db.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains(expect), "{sql}: {error}");
    }
    assert_eq!(bank.balance(account).await, 1_000);
}

#[tokio::test]
async fn postgres_refuses_to_change_what_is_written() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 500).await;
    bank.post("d", Request::deposit(account, usd(500), Description::default())).await;
    bank.account(2, 7).await;
    bank.post("r", reversal(3, Reach::Any)).await;
    let db = cluster::connect(&bank.url.to_string()).await.unwrap();
    for (sql, expect) in [
        ("update entries set amount = 1", "entries are never changed"),
        ("delete from entries", "entries are never removed"),
        ("truncate entries", "entries are never removed"),
        ("update transfers set amount = 1", "transfers are never changed"),
        ("delete from transfers", "transfers are never removed"),
        ("update operations set user_id = ''", "operations are never changed"),
        ("delete from operations", "operations are never removed"),
        ("update audit_events set result = 'done'", "audit rows are never changed"),
        ("delete from audit_events", "audit rows are never removed"),
        ("update reversals set reverses = 1", "reversals are never changed"),
        ("delete from reversals", "reversals are never removed"),
        ("insert into reversals (transfer, reverses) values (9, 3)", "reversals_once"),
        ("update accounts set debits_posted = 1001", "accounts_floor"),
        ("update accounts set status = 'closed' where kind <> 'house'", "accounts_closed_at_zero"),
    ] {
        let error = db.execute(sql, &[]).await.unwrap_err();
        let message = error.as_db_error().unwrap().message();
        assert!(message.contains(expect), "{sql}: {message}");
    }
    assert_eq!(bank.balance(account).await, 1_000);
}

/// The role of servers runs the bank, and cannot touch the books but through a posting.
#[tokio::test]
async fn the_role_of_servers_writes_entries_only_by_posting() {
    let owner = Bank::postgres().await;
    let account = owner.account(1, 1_000).await;
    let db = cluster::connect(&owner.url.to_string()).await.unwrap();
    db.batch_execute("create role server login in role ballast_app").await.unwrap();
    let url = owner.url.to_string().replace("bank@", "server@");
    let server = cluster::connect(&url).await.unwrap();
    for sql in [
        "insert into entries values (1, 1, 1, 1, 1)",
        "insert into transfers values (9, 9, 1, 2, 1, '')",
        "insert into operations select * from operations",
        "update entries set amount = 1",
        "update accounts set credits_posted = 5",
        "delete from audit_events",
        "insert into reversals values (2, 1)",
        "alter table entries disable trigger all",
    ] {
        let error = server.execute(sql, &[]).await.unwrap_err();
        let code = error.code().unwrap();
        assert_eq!(*code, tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE, "{sql}");
    }
    let url = store::DatabaseUrl::parse(&url).unwrap();
    assert_eq!(store::migrate(&url).await.unwrap(), 0);
    let bank = Bank { store: store::Store::open(&url).unwrap(), url, ..owner };
    bank.post("d", Request::deposit(account, usd(10), Description::default())).await;
    bank.post("w", Request::withdrawal(account, usd(1_010), Description::default())).await;
    bank.store.roll_up_house().await.unwrap();
    bank.store.close_account(&bank.actor, account).await.unwrap();
    bank.customer(2).await;
    assert!(bank.audit().is_sound());
}

/// Servers start together, and an older program meets a newer database.
#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_and_the_previous_program_lives_on() {
    let url = cluster::database().await;
    let parsed = store::DatabaseUrl::parse(&url).unwrap();
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let parsed = parsed.clone();
        starts.spawn(async move { store::migrate(&parsed).await.unwrap() });
    }
    assert_eq!(starts.join_all().await.iter().sum::<usize>(), 7);
    let db = cluster::connect(&url).await.unwrap();
    db.batch_execute(
        "alter table accounts add column nickname text; \
         insert into refinery_schema_history (version, name, applied_on, checksum) \
         values (1000, 'nicknames', now(), '1')",
    )
    .await
    .unwrap();
    assert_eq!(store::migrate(&parsed).await.unwrap(), 0);
    let bank = Bank::at(None, parsed).await;
    assert_eq!(bank.balance(bank.account(1, 70).await).await, 70);
}
