//! Reversals on both databases: once for each transfer, linked both ways, under the rules of all
//! postings, and on record.

use ledger::operation::Description;
use ledger::{
    Actor, Day, IdempotencyKey, LegAnswer, Operation, Reach, Reason, Refusal, Request, Reversal,
    TransferId,
};
use store::{AuditFilter, Outcome, Store, now_ms};

use crate::bank::{Bank, leg, only_leg, reversal, usd};

async fn ask(bank: &Bank, actor: &Actor, key: &str, request: Request) -> LegAnswer {
    let key = IdempotencyKey::parse(key).unwrap();
    let operation = Operation::new(key, request, actor.clone());
    match bank.store.post(operation).await.unwrap() {
        Outcome::Decided(decided) => only_leg(&decided),
        Outcome::KeyReused => panic!("a key was used twice"),
    }
}

/// The rows about reversals, oldest first: who, on what, with which result.
async fn on_record(bank: &Bank) -> Vec<(String, String, String)> {
    let filter =
        AuditFilter { action: Some("transfer.reverse".to_owned()), ..AuditFilter::default() };
    let rows = bank.store.audit_events(filter, None, 50).await.unwrap().rows;
    let row = |row: store::AuditRow| (row.user.unwrap().to_string(), row.subject, row.result);
    rows.into_iter().rev().map(row).collect()
}

async fn a_transfer_and_its_reversal_name_each_other(bank: Bank) {
    let (a, b) = (bank.account(1, 1_000).await, bank.account(2, 0).await);
    bank.post("t", Request::Transfer(leg(a, b, 300))).await;
    let undone = bank.post("r", reversal(2, Reach::OwnToday)).await;
    assert_eq!(
        only_leg(&undone),
        LegAnswer::Accepted {
            transfer: TransferId::new(3),
            debit_after: Some(0),
            credit_after: Some(1_000)
        }
    );
    let first = bank.store.transfer(TransferId::new(2)).await.unwrap().unwrap();
    let second = bank.store.transfer(TransferId::new(3)).await.unwrap().unwrap();
    assert_eq!((first.moved.reverses, first.reversed_by), (None, Some(second.transfer)));
    assert_eq!((second.moved.reverses, second.reversed_by), (Some(first.transfer), None));
    assert_eq!((second.moved.debit, second.moved.credit), (b, a));
    assert_eq!(second.moved.amount, first.moved.amount);
    assert_eq!((&*second.kind, &*second.description), ("reversal", "wrong account"));
    assert_eq!(bank.store.transfer(TransferId::new(9)).await.unwrap(), None);
    for (account, ends) in [(a, [300, -300]), (b, [-300, 300])] {
        let rows = bank.store.entries(account, None, 2).await.unwrap().unwrap().rows;
        let amounts: Vec<_> = rows.iter().map(|row| row.amount.minor()).collect();
        assert_eq!(amounts, ends);
        assert_eq!((rows[0].reverses, rows[0].reversed_by), (Some(first.transfer), None));
        assert_eq!((rows[1].reverses, rows[1].reversed_by), (None, Some(second.transfer)));
    }
    // The same key again gives the same answer; with another reason it is another request.
    assert!(bank.post("r", reversal(2, Reach::Any)).await.replayed);
    let other = Reversal {
        transfer: TransferId::new(2),
        reason: Reason::parse("another").unwrap(),
        reach: Reach::Any,
    };
    assert_eq!(bank.try_post("r", Request::Reversal(other)).await, Outcome::KeyReused);
    assert!(bank.audit().is_sound());
}

async fn who_may_not_is_refused_and_on_record(bank: Bank) {
    let account = bank.account(1, 1_000).await;
    let colleague = bank.colleague().await;
    let own = bank.actor.clone();
    bank.post("d", Request::deposit(account, usd(700), Description::default())).await;
    bank.post("w", Request::withdrawal(account, usd(1_200), Description::default())).await;
    let refused = LegAnswer::Refused;
    let asked = [
        (&own, reversal(99, Reach::Any), refused(Refusal::TransferUnknown)),
        (&colleague, reversal(2, Reach::OwnToday), refused(Refusal::NotOwnTransfer)),
        // The money of the deposit has left the account.
        (&own, reversal(2, Reach::OwnToday), refused(Refusal::InsufficientFunds)),
        (
            &colleague,
            reversal(3, Reach::Any),
            LegAnswer::Accepted {
                transfer: TransferId::new(4),
                debit_after: None,
                credit_after: Some(1_700),
            },
        ),
        (&own, reversal(3, Reach::Any), refused(Refusal::AlreadyReversed)),
        (&own, reversal(4, Reach::Any), refused(Refusal::IsReversal)),
    ];
    let mut expect = Vec::new();
    for (index, (actor, request, answer)) in asked.into_iter().enumerate() {
        let key = format!("r{index}");
        assert_eq!(ask(&bank, actor, &key, request.clone()).await, answer, "{request:?}");
        let Request::Reversal(Reversal { transfer, .. }) = request else { panic!("no reversal") };
        let result = if matches!(answer, LegAnswer::Accepted { .. }) { "done" } else { "denied" };
        expect.push((actor.user.to_string(), transfer.to_string(), result.to_owned()));
    }
    assert_eq!(on_record(&bank).await, expect);
    assert!(bank.audit().is_sound());
}

async fn accounts_that_take_nothing_take_no_reversal(bank: Bank) {
    let (a, b) = (bank.account(1, 500).await, bank.account(2, 0).await);
    bank.post("t", Request::Transfer(leg(a, b, 500))).await;
    bank.store.close_account(&bank.actor, a).await.unwrap();
    let answer = ask(&bank, &bank.actor, "r1", reversal(2, Reach::Any)).await;
    assert_eq!(answer, LegAnswer::Refused(Refusal::AccountClosed));
    bank.store.reactivate_account(&bank.actor, a).await.unwrap();
    let customer = bank.store.account(b).await.unwrap().unwrap().account.customer;
    let status = ledger::CustomerStatus::Deactivated;
    bank.store.set_customer_status(&bank.actor, customer, status).await.unwrap();
    let answer = ask(&bank, &bank.actor, "r2", reversal(2, Reach::Any)).await;
    assert_eq!(answer, LegAnswer::Refused(Refusal::CustomerDeactivated));
    let status = ledger::CustomerStatus::Active;
    bank.store.set_customer_status(&bank.actor, customer, status).await.unwrap();
    let answer = ask(&bank, &bank.actor, "r3", reversal(2, Reach::Any)).await;
    assert!(matches!(answer, LegAnswer::Accepted { .. }), "{answer:?}");
}

async fn yesterdays_transfers_are_for_those_who_reach_farther(bank: Bank) {
    let account = bank.account(1, 500).await;
    bank.post("d", Request::deposit(account, usd(5), Description::default())).await;
    let disarm = if bank.folder.is_some() {
        "drop trigger operations_never_change"
    } else {
        "alter table operations disable trigger all"
    };
    bank.execute(disarm).await;
    let yesterday = Day::of(now_ms()).begins_at_ms() - 1;
    bank.execute(&format!("update operations set booked_at = {yesterday} where key = 'd'")).await;
    let answer = ask(&bank, &bank.actor, "r1", reversal(2, Reach::OwnToday)).await;
    assert_eq!(answer, LegAnswer::Refused(Refusal::NotOfToday));
    let answer = ask(&bank, &bank.actor, "r2", reversal(2, Reach::Any)).await;
    assert!(matches!(answer, LegAnswer::Accepted { .. }), "{answer:?}");
}

/// Two servers, each asked ten times at once under keys of their own.
async fn of_many_at_once_one_is_done(bank: Bank) {
    let (a, b) = (bank.account(1, 1_000).await, bank.account(2, 0).await);
    bank.post("t", Request::Transfer(leg(a, b, 300))).await;
    let servers = [bank.store.clone(), Store::open(&bank.url).unwrap()];
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..20_usize {
        let (store, actor) = (servers[index % 2].clone(), bank.actor.clone());
        let key = IdempotencyKey::parse(&format!("r{index}")).unwrap();
        let operation = Operation::new(key, reversal(2, Reach::Any), actor);
        tasks.spawn(async move { store.post(operation).await.unwrap() });
    }
    let mut done = 0;
    for outcome in tasks.join_all().await {
        let Outcome::Decided(decided) = outcome else { panic!("a key was used twice") };
        match only_leg(&decided) {
            LegAnswer::Accepted { .. } => done += 1,
            LegAnswer::Refused(refusal) => assert_eq!(refusal, Refusal::AlreadyReversed),
        }
    }
    assert_eq!(done, 1);
    assert_eq!((bank.balance(a).await, bank.balance(b).await), (1_000, 0));
    assert!(bank.audit().is_sound());
}

crate::on_both!(
    a_transfer_and_its_reversal_name_each_other,
    who_may_not_is_refused_and_on_record,
    accounts_that_take_nothing_take_no_reversal,
    yesterdays_transfers_are_for_those_who_reach_farther,
    of_many_at_once_one_is_done,
);

/// Servers are replaced one by one: those of the version before call the posting as they know it.
#[tokio::test]
async fn the_previous_program_posts_as_before() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 100).await;
    let db = crate::cluster::connect(&bank.url.to_string()).await.unwrap();
    let sql = format!(
        "select r_known, r_answer from post_group({}, '{{old}}', array[decode(repeat('00', 32), \
         'hex')], '{{deposit}}', '{{C00000001}}', '{{{}}}', '{{old}}', '{{1}}', '{{null}}', \
         '{{null}}', '{{null}}', '{{null}}', '{{100840}}', '{{{account}}}', '{{0}}', '{{1}}', \
         '{{55}}', '{{USD}}', '{{\"\"}}', '{{{account}}}')",
        now_ms(),
        bank.actor.session
    );
    let row = db.query_one(&sql, &[]).await.unwrap();
    assert!(!row.get::<_, bool>(0));
    assert_eq!(row.get::<_, Vec<u8>>(1)[1], 0x82, "accepted, with the balance of the credit");
    assert_eq!(bank.balance(account).await, 155);
    assert!(bank.audit().is_sound());
}
