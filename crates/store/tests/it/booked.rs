//! What the books say of an operation is what its poster was told.

use ledger::operation::Description;
use ledger::receipt::{Effect, accepted};
use ledger::{AccountKind, Answer, IdempotencyKey, OperationId, Request};
use store::Decided;

use crate::bank::{Bank, leg, opening, usd};

/// What the poster of a request knows.
fn told(request: &Request, decided: &Decided) -> Option<Effect> {
    let opened = match &decided.answer {
        Answer::Opened { account, .. } => Some(*account),
        _ => None,
    };
    let moved = accepted(&decided.answer, &request.movements(opened));
    Effect::of(request.kind(), &decided.answer, &moved)
}

async fn the_books_hold_what_was_told(bank: Bank) {
    let (a, b) = (bank.account(1, 10_000).await, bank.account(2, 0).await);
    let customer = bank.customer(3).await;
    let requests = [
        opening(customer, AccountKind::Savings, 0),
        opening(customer, AccountKind::Current, 700),
        opening(customer, AccountKind::Current, 700),
        Request::deposit(b, usd(5), Description::default()),
        Request::withdrawal(a, usd(7), Description::parse("for Ada").unwrap()),
        Request::Transfer(leg(a, b, 300)),
        Request::Transfer(leg(b, a, 999_999)),
        Request::Batch(vec![leg(a, b, 1), leg(b, a, 999_999), leg(b, a, 2)]),
        Request::Batch(vec![leg(b, a, 999_999)]),
    ];
    let mut keys = vec![IdempotencyKey::parse("never-used").unwrap()];
    let mut posted = Vec::new();
    for (index, request) in requests.into_iter().enumerate() {
        let key = format!("key-{index}");
        let decided = bank.post(&key, request.clone()).await;
        keys.push(IdempotencyKey::parse(&key).unwrap());
        posted.push((request, decided));
    }
    // A key that is asked for twice is found once.
    keys.extend(keys.last().cloned());
    let booked = bank.store.booked(keys.clone()).await.unwrap();
    assert_eq!(booked.len(), posted.len());
    let mut attested = Vec::new();
    for (key, (request, decided)) in keys.iter().skip(1).zip(&posted) {
        let found = booked.iter().find(|each| each.key == *key).unwrap();
        assert_eq!(found.operation, decided.operation);
        assert_eq!(found.booked_at, decided.booked_at);
        assert_eq!(found.answer, decided.answer);
        assert_eq!(found.effect(), told(request, decided), "{request:?}");
        attested.push(found.effect().is_some());
        let by_id = bank.store.booked_operation(decided.operation).await.unwrap();
        assert_eq!(by_id.as_ref(), Some(found));
    }
    assert_eq!(attested, [true, true, false, true, true, true, false, true, false]);
    assert_eq!(bank.store.booked_operation(OperationId::new(999)).await.unwrap(), None);
}

crate::on_both!(the_books_hold_what_was_told,);
