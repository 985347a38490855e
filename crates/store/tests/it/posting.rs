//! Posting: exactly once, in order, under concurrency, over several writers of one file.

use ledger::operation::Description;
use ledger::{AccountKind, AccountNumber, Answer, Currency, LegAnswer, Refusal, Request};
use store::{Entry, Outcome, Period, Store};

use crate::bank::{Bank, leg, only_leg, opening, usd};

async fn a_key_has_one_effect_and_one_answer(bank: Bank) {
    let account = bank.account(1, 100).await;
    let deposit = || Request::deposit(account, usd(10), Description::default());
    let first = bank.post("k", deposit()).await;
    let second = bank.post("k", deposit()).await;
    assert!(!first.replayed && second.replayed);
    assert_eq!((first.operation, first.booked_at), (second.operation, second.booked_at));
    assert_eq!(first.answer, second.answer);
    let other = Request::deposit(account, usd(11), Description::default());
    assert_eq!(bank.try_post("k", other).await, Outcome::KeyReused);
    assert_eq!(bank.balance(account).await, 110);
    assert!(bank.audit().is_sound());
}

async fn a_refusal_is_remembered_under_its_key(bank: Bank) {
    let account = bank.account(1, 100).await;
    let withdraw = || Request::withdrawal(account, usd(101), Description::default());
    let refused = LegAnswer::Refused(Refusal::InsufficientFunds);
    assert_eq!(only_leg(&bank.post("w", withdraw()).await), refused);
    bank.post("d", Request::deposit(account, usd(50), Description::default())).await;
    assert_eq!(only_leg(&bank.post("w", withdraw()).await), refused, "no second chance");
    assert_eq!(bank.balance(account).await, 150);
}

/// Four stores on one file stand for four servers.
async fn concurrent_postings_over_four_writers_keep_every_cent(bank: Bank) {
    let left = bank.account(1, 100_000).await;
    let right = bank.account(2, 100_000).await;
    let stores: Vec<Store> = (0..4).map(|_| Store::open(&bank.url).unwrap()).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..400 {
        let store = stores[index % 4].clone();
        let actor = bank.actor.clone();
        // Each key is used twice, from two servers at once.
        let key = ledger::IdempotencyKey::parse(&format!("t-{}", index / 2)).unwrap();
        let (from, to) = if (index / 2) % 2 == 0 { (left, right) } else { (right, left) };
        let request = Request::Transfer(leg(from, to, 10));
        tasks.spawn(async move {
            store.post(ledger::Operation::new(key, request, actor)).await.unwrap()
        });
    }
    let outcomes = tasks.join_all().await;
    let fresh = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Decided(decided) if !decided.replayed))
        .count();
    assert_eq!(fresh, 200);
    assert_eq!((bank.balance(left).await, bank.balance(right).await), (100_000, 100_000));
    let report = bank.audit();
    assert!(report.is_sound(), "{:?}", report.findings().collect::<Vec<_>>());
    assert_eq!(report.transfers, 202);
}

async fn concurrent_withdrawals_stop_at_the_floor(bank: Bank) {
    let account = bank.account(1, 10_000).await;
    let posts = (0..20).map(|index| {
        let request = Request::withdrawal(account, usd(10_000), Description::default());
        let key = format!("w-{index}");
        let bank = &bank;
        async move { only_leg(&bank.post(&key, request).await) }
    });
    let legs = futures_join(posts).await;
    let paid = legs.iter().filter(|leg| matches!(leg, LegAnswer::Accepted { .. })).count();
    assert_eq!((paid, bank.balance(account).await), (1, 0));
}

/// Polls all at once; the outputs are in the order of the futures.
pub(crate) async fn futures_join<F: Future>(
    futures: impl IntoIterator<Item = F>,
) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut pending {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        match pending.iter().all(|(_, output)| output.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    pending.into_iter().filter_map(|(_, output)| output).collect()
}

async fn a_batch_accepts_and_refuses_each_on_its_own(bank: Bank) {
    let (left, right) = (bank.account(1, 100).await, bank.account(2, 0).await);
    let legs = vec![leg(left, right, 60), leg(left, right, 60), leg(right, left, 10)];
    let first = bank.post("b", Request::Batch(legs.clone())).await;
    let Answer::Legs(answers) = &first.answer else { panic!("{first:?}") };
    assert_eq!(answers[1], LegAnswer::Refused(Refusal::InsufficientFunds));
    assert!(matches!(
        answers[2],
        LegAnswer::Accepted { debit_after: Some(50), credit_after: Some(50), .. }
    ));
    assert_eq!(bank.post("b", Request::Batch(legs)).await.answer, first.answer);
    assert_eq!((bank.balance(left).await, bank.balance(right).await), (50, 50));
}

async fn one_savings_account_for_a_customer_and_no_business_when_deactivated(bank: Bank) {
    let customer = bank.customer(1).await;
    let open = || opening(customer, AccountKind::Savings, 500);
    let Answer::Opened { account, .. } = bank.post("a", open()).await.answer else {
        panic!("not opened")
    };
    let second = bank.post("b", open()).await.answer;
    assert_eq!(second, Answer::OpenRefused(Refusal::AccountKindTaken));
    bank.store
        .set_customer_status(&bank.actor, customer, ledger::CustomerStatus::Deactivated)
        .await
        .unwrap();
    let refused = LegAnswer::Refused(Refusal::CustomerDeactivated);
    let deposit = Request::deposit(account, usd(1), Description::default());
    assert_eq!(only_leg(&bank.post("d", deposit).await), refused);
    let current = opening(customer, AccountKind::Current, 0);
    let third = bank.post("c", current).await.answer;
    assert_eq!(third, Answer::OpenRefused(Refusal::CustomerDeactivated));
}

async fn accounts_close_at_zero_and_reopen_once(bank: Bank) {
    let account = bank.account(1, 100).await;
    let refusal = |result: Result<store::AccountView, store::Error>| match result {
        Err(store::Error::Rejected(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let closed = bank.store.close_account(&bank.actor, account).await;
    assert_eq!(refusal(closed), Refusal::BalanceNotZero);
    bank.post("w", Request::withdrawal(account, usd(100), Description::default())).await;
    bank.store.close_account(&bank.actor, account).await.unwrap();
    let deposit = Request::deposit(account, usd(1), Description::default());
    let leg = only_leg(&bank.post("d", deposit).await);
    assert_eq!(leg, LegAnswer::Refused(Refusal::AccountClosed));
    let view = bank.store.reactivate_account(&bank.actor, account).await.unwrap();
    assert_eq!(view.message, "Account reactivated");
    let again = bank.store.reactivate_account(&bank.actor, account).await;
    assert_eq!(refusal(again), Refusal::AccountOpen);
}

/// The opening balance of a period, and its entries.
async fn extract(bank: &Bank, account: AccountNumber, period: Period) -> (i64, Vec<Entry>) {
    let found = bank.store.extract(account, period).await.unwrap().unwrap();
    (found.opening.minor(), found.entries.unwrap())
}

fn closing(entries: &[Entry]) -> i64 {
    entries.last().map_or(0, |entry| entry.balance.minor())
}

async fn statements_open_and_close_with_the_right_balances(bank: Bank) {
    let account = bank.account(1, 100).await;
    for index in 1..=9 {
        let request = Request::deposit(account, usd(index), Description::default());
        bank.post(&format!("d-{index}"), request).await;
    }
    let (opening, all) = extract(&bank, account, Period::Last(999)).await;
    assert_eq!((opening, all.len(), closing(&all)), (0, 10, 145));
    let (opening, last) = extract(&bank, account, Period::Last(3)).await;
    assert_eq!((opening, last[0].number, closing(&last)), (121, 8, 145));
    let from = all[4].booked_at;
    let since = Period::Booked { from, until: i64::MAX, up_to: None };
    let (opening, some) = extract(&bank, account, since).await;
    assert!(some.iter().all(|entry| entry.booked_at >= from));
    let until = Period::Booked { from: i64::MIN, until: from, up_to: None };
    let (_, before) = extract(&bank, account, until).await;
    assert_eq!(closing(&before), opening);
    assert_eq!(before.len() + some.len(), 10);
    let page = bank.store.entries(account, None, 4).await.unwrap().unwrap();
    assert_eq!((page.rows[0].number, page.next), (10, Some(7)));
    let page = bank.store.entries(account, page.next, 100).await.unwrap().unwrap();
    assert_eq!((page.rows[0].number, page.rows.len(), page.next), (6, 6, None));
}

async fn old_entries_of_a_long_list_are_found_through_marks(bank: Bank) {
    let (account, other) = (bank.account(1, 1_000).await, bank.account(2, 0).await);
    let legs = (0..299).map(|_| leg(account, other, 1)).collect();
    bank.post("b", Request::Batch(legs)).await;
    assert!(bank.audit().is_sound(), "{:?}", bank.audit().findings().collect::<Vec<_>>());
    for before in [300, 257, 256, 255, 193, 65, 64, 63, 2] {
        let page = bank.store.entries(account, Some(before), 5).await.unwrap().unwrap();
        let numbers: Vec<_> = page.rows.iter().map(|entry| entry.number).collect();
        let expect: Vec<_> = (1..before).rev().take(5).collect();
        assert_eq!(numbers, expect, "before {before}");
        assert_eq!(page.rows[0].balance.minor(), 1_001 - numbers[0], "before {before}");
    }
    let (_, all) = extract(&bank, account, Period::Last(999)).await;
    assert_eq!((all.len(), closing(&all)), (300, 701));
    let many = (0..10_010).map(|_| leg(other, account, 1)).collect();
    bank.post("d", Request::deposit(other, usd(20_000), Description::default())).await;
    bank.post("m", Request::Batch(many)).await;
    let period = |until| Period::Booked { from: 0, until, up_to: None };
    let (_, all) = extract(&bank, account, period(i64::MAX)).await;
    assert_eq!(all.len(), 10_310, "a statement is whole");
    assert_eq!(closing(&all), bank.balance(account).await);
    assert_eq!(extract(&bank, account, period(1)).await, (0, Vec::new()));
}

async fn house_accounts_balance_with_and_without_their_mark(bank: Bank) {
    let account = bank.account(1, 100).await;
    let cash = |balances: Vec<store::HouseBalance>| balances[0].balance.minor();
    assert_eq!(cash(bank.store.house_balances().await.unwrap()), -100);
    bank.store.roll_up_house().await.unwrap();
    assert_eq!(cash(bank.store.house_balances().await.unwrap()), -100);
    bank.post("w", Request::withdrawal(account, usd(30), Description::default())).await;
    assert_eq!(cash(bank.store.house_balances().await.unwrap()), -70);
    bank.store.roll_up_house().await.unwrap();
    bank.store.roll_up_house().await.unwrap();
    let balances = bank.store.house_balances().await.unwrap();
    assert_eq!((balances.len(), cash(balances)), (1, -70));
    assert!(bank.audit().is_sound());
}

/// A transfer's id is taken before the end of its posting, here long before: another transaction
/// holds the key.
#[tokio::test]
async fn a_roll_up_waits_for_postings_that_are_on_their_way() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 100).await;
    let db = crate::cluster::connect(&bank.url.to_string()).await.unwrap();
    let hold = "begin; insert into operations (id, key, fingerprint, kind, user_id, session, \
         server, booked_at, answer) values (0, 'held', decode(repeat('00', 32), 'hex'), \
         'deposit', 'C00000001', 1, 'test', 0, '')";
    db.batch_execute(hold).await.unwrap();
    let deposit = Request::deposit(account, usd(30), Description::default());
    let held = async {
        let taken = "select last_value > 1 from transfers_id";
        while !db.query_one(taken, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
        bank.store.roll_up_house().await.unwrap();
        db.batch_execute("rollback").await.unwrap();
    };
    tokio::join!(bank.post("held", deposit), held);
    bank.store.roll_up_house().await.unwrap();
    assert!(bank.audit().is_sound());
    assert_eq!(bank.store.house_balances().await.unwrap()[0].balance.minor(), -130);
}

async fn currencies_do_not_mix(bank: Bank) {
    let account = bank.account(1, 100).await;
    let yen = ledger::Amount::try_new(5, Currency::Jpy).unwrap();
    let deposit = Request::deposit(account, yen, Description::default());
    let leg = only_leg(&bank.post("y", deposit).await);
    assert_eq!(leg, LegAnswer::Refused(Refusal::CurrencyMismatch));
}

/// Waits until the database has somebody who waits for a lock.
async fn someone_waits(db: &tokio_postgres::Client) {
    let waiting = "select count(*) from pg_stat_activity \
        where datname = current_database() and wait_event_type = 'Lock'";
    while db.query_one_scalar::<i64, _>(waiting, &[]).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_groups_take_turns_and_small_ones_pass() {
    let bank = Bank::postgres().await;
    let (left, right) = (bank.account(1, 1_000).await, bank.account(2, 0).await);
    let first = crate::cluster::connect(&bank.url.to_string()).await.unwrap();
    first.batch_execute("select pg_advisory_lock(2255280)").await.unwrap();
    let other_server = Store::open(&bank.url).unwrap();
    let batch = |key: &str, legs| {
        let request = Request::Batch(vec![leg(left, right, 1); legs]);
        let key = ledger::IdempotencyKey::parse(key).unwrap();
        other_server.post(ledger::Operation::new(key, request, bank.actor.clone()))
    };
    batch("small", 249).await.unwrap();
    let mut large = std::pin::pin!(batch("large", 250));
    tokio::select! {
        _ = &mut large => panic!("it did not wait"),
        () = someone_waits(&first) => {}
    }
    let request = Request::deposit(left, usd(5), Description::default());
    bank.post("beside", request).await;
    first.batch_execute("select pg_advisory_unlock(2255280)").await.unwrap();
    large.await.unwrap();
    assert_eq!((bank.balance(left).await, bank.balance(right).await), (506, 499));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_moved_while_a_group_waited_for_it_is_found() {
    let bank = Bank::postgres().await;
    let (left, right) = (bank.account(1, 1_000).await, bank.account(2, 0).await);
    let db = crate::cluster::connect(&bank.url.to_string()).await.unwrap();
    let change = format!("begin; update accounts set overdraft = 9 where number = {left}");
    db.batch_execute(&change).await.unwrap();
    let watch = crate::cluster::connect(&bank.url.to_string()).await.unwrap();
    let mut transfer =
        std::pin::pin!(bank.post("t", Request::Batch(vec![leg(left, right, 1_009); 1])));
    tokio::select! {
        _ = &mut transfer => panic!("it did not wait"),
        () = someone_waits(&watch) => {}
    }
    db.batch_execute("commit").await.unwrap();
    assert!(matches!(only_leg(&transfer.await), LegAnswer::Accepted { debit_after: Some(-9), .. }));
    assert_eq!((bank.balance(left).await, bank.balance(right).await), (-9, 1_009));
    assert!(bank.audit().is_sound());
}

crate::on_both!(
    a_key_has_one_effect_and_one_answer,
    a_refusal_is_remembered_under_its_key,
    concurrent_postings_over_four_writers_keep_every_cent,
    concurrent_withdrawals_stop_at_the_floor,
    a_batch_accepts_and_refuses_each_on_its_own,
    one_savings_account_for_a_customer_and_no_business_when_deactivated,
    accounts_close_at_zero_and_reopen_once,
    statements_open_and_close_with_the_right_balances,
    old_entries_of_a_long_list_are_found_through_marks,
    house_accounts_balance_with_and_without_their_mark,
    currencies_do_not_mix,
);
