//! Each rule of the audit is attacked: sound books pass, and each kind of damage is named.

use ledger::Request;
use ledger::audit::Rule;
use ledger::operation::Description;
use rusqlite::Connection;

use crate::bank::{Bank, leg, usd};

/// Lifts what the database itself defends, damages a copy, and asks the audit.
async fn check(damage: &str, expect: &[Rule]) {
    let bank = Bank::open().await;
    let (left, right) = (bank.account(1, 1_000).await, bank.account(2, 1_000).await);
    bank.post("t", Request::Transfer(leg(left, right, 100))).await;
    bank.post("w", Request::withdrawal(right, usd(50), Description::default())).await;
    bank.store.roll_up_house().await.unwrap();
    assert!(bank.audit().is_sound());
    let db = Connection::open(bank.folder.path().join("bank.db")).unwrap();
    db.execute_batch(
        "pragma foreign_keys = off; pragma ignore_check_constraints = on; \
         drop index accounts_one_of_a_kind; \
         drop trigger entries_never_change; drop trigger entries_never_go; \
         drop trigger transfers_never_change; drop trigger transfers_never_go; \
         drop trigger operations_never_change; drop trigger operations_never_go;",
    )
    .unwrap();
    assert!(db.execute(damage, []).unwrap() > 0, "{damage}");
    let report = bank.audit();
    let found: Vec<_> = report.findings().map(|finding| finding.rule).collect();
    assert_eq!(found, expect, "{damage}");
}

#[tokio::test]
async fn each_kind_of_damage_is_named() {
    use Rule::{
        Actors, Answers, BalanceAfter, Balanced, BookingOrder, ClosedAtZero, Counters, EntryList,
        EntryNumbers, Floor, HouseMark, OneOfAKind, Orphans, TransferEntries,
    };
    let cases: [(&str, &[Rule]); 20] = [
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
    ];
    for (damage, expect) in cases {
        check(damage, expect).await;
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
    let bank = Bank::open().await;
    let account = bank.account(1, 1_000).await;
    let db = Connection::open(bank.folder.path().join("bank.db")).unwrap();
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
        ("update accounts set debits_posted = 1001", "accounts_floor"),
        ("update accounts set status = 'closed' where kind <> 'house'", "accounts_closed_at_zero"),
    ] {
        let error = db.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains(expect), "{sql}: {error}");
    }
    assert_eq!(bank.balance(account).await, 1_000);
}
