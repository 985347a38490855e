//! Who did what with money, the newest audit rows of an action, and who is locked: on both.

use ledger::operation::Description;
use ledger::{Day, IdempotencyKey, Operation, Reach, Request, UserId};
use store::{OperationFilter, now_ms};

use crate::bank::{Bank, leg, reversal, usd};

async fn operations_are_found_by_who_and_when_and_page_from_the_newest(bank: Bank) {
    let (a, b) = (bank.account(1, 1_000).await, bank.account(2, 0).await);
    let colleague = bank.colleague().await;
    for index in 1..=5 {
        let request = Request::deposit(a, usd(index), Description::default());
        let key = IdempotencyKey::parse(&format!("d{index}")).unwrap();
        bank.store.post(Operation::new(key, request, colleague.clone())).await.unwrap();
    }
    bank.post("w", Request::withdrawal(b, usd(7), Description::default())).await;
    bank.post("b", Request::Batch(vec![leg(a, b, 1), leg(a, b, 2)])).await;
    bank.post("r", reversal(2, Reach::Any)).await;
    let list = async |filter: &OperationFilter, before, limit| {
        let page = bank.store.operations(filter.clone(), before, limit).await.unwrap();
        let minor = |view: &store::OperationView| view.moved.map(|moved| moved.amount.minor());
        let rows: Vec<_> = page.rows.iter().map(|view| (view.kind.clone(), minor(view))).collect();
        (rows, page.next)
    };
    let all = OperationFilter::default();
    let (rows, next) = list(&all, None, 4).await;
    let row = |kind: &str, minor| (kind.to_owned(), minor);
    let deposit = |minor| row("deposit", Some(minor));
    let newest =
        [row("reversal", Some(1)), row("batch", None), row("withdrawal", None), deposit(5)];
    assert_eq!(rows, newest);
    let (rows, next) = list(&all, next, 50).await;
    assert_eq!((rows.len(), next), (6, None), "four deposits and two openings");
    assert_eq!(rows.last(), Some(&row("open_account", Some(1_000))));
    let theirs = OperationFilter { user: Some(colleague.user.clone()), ..all.clone() };
    let (rows, next) = list(&theirs, None, 3).await;
    assert_eq!(rows, [deposit(5), deposit(4), deposit(3)]);
    assert_eq!(list(&theirs, next, 3).await, (vec![deposit(2), deposit(1)], None));
    let today = Day::of(now_ms());
    for (from, until, expect) in [
        (Some(today.begins_at_ms()), None, 5),
        (None, Some(today.begins_at_ms()), 0),
        (Some(today.ends_at_ms()), None, 0),
        (Some(today.begins_at_ms()), Some(today.ends_at_ms()), 5),
    ] {
        let filter = OperationFilter { from, until, ..theirs.clone() };
        assert_eq!(list(&filter, None, 50).await.0.len(), expect, "{from:?} {until:?}");
        let filter = OperationFilter { user: None, ..filter };
        assert_eq!(list(&filter, None, 50).await.0.len(), expect * 2, "{from:?} {until:?}");
    }
}

async fn the_newest_rows_of_an_action_are_found(bank: Bank) {
    bank.account(1, 100).await;
    for index in 0..3 {
        bank.post(&format!("r{index}"), reversal(1, Reach::Any)).await;
    }
    let rows = bank.store.latest_events("transfer.reverse", 2).await.unwrap();
    let results: Vec<_> = rows.iter().map(|row| &*row.result).collect();
    assert_eq!(results, ["denied", "denied"]);
    assert!(rows[0].id > rows[1].id);
    assert_eq!(bank.store.latest_events("transfer", 2).await.unwrap(), [], "exactly this action");
}

async fn who_is_locked_is_known(bank: Bank) {
    let user = |text| UserId::parse(text).unwrap();
    let (locked, free) = (user("C00000007"), user("C00000008"));
    for _ in 0..12 {
        bank.store.record_sign_in(locked.to_string(), "here".into(), false).await.unwrap();
    }
    bank.store.record_sign_in(free.to_string(), "here".into(), false).await.unwrap();
    let found = bank.store.locked_users(vec![free, locked.clone()]).await.unwrap();
    let users: Vec<_> = found.iter().map(|(user, _)| user.clone()).collect();
    assert_eq!(users, [locked]);
    assert!(found[0].1 > now_ms() - 1_000);
    assert_eq!(bank.store.locked_users(Vec::new()).await.unwrap(), []);
}

crate::on_both!(
    operations_are_found_by_who_and_when_and_page_from_the_newest,
    the_newest_rows_of_an_action_are_found,
    who_is_locked_is_known,
);
