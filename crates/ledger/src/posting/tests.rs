//! The laws of posting, on random groups.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::account::AccountKind;
use crate::id::IdempotencyKey;
use crate::money::Currency;
use crate::operation::Actor;
use crate::reversal::{Reach, Reason};
use crate::staff::UserId;

const FIRST: i64 = AccountNumber::FIRST;

fn account(index: i64, balance: i64, overdraft: i64) -> Account {
    Account {
        number: AccountNumber::new(FIRST + index),
        customer: CustomerNumber::new(CustomerNumber::FIRST + index),
        kind: AccountKind::Current,
        currency: Currency::Usd,
        status: AccountStatus::Open,
        customer_status: CustomerStatus::Active,
        overdraft_minor: overdraft,
        debits_posted: 0,
        credits_posted: balance,
        debits_pending: 0,
        entry_count: 0,
    }
}

fn books(accounts: impl IntoIterator<Item = Account>) -> Books {
    let mut books = Books::new(0, FIRST + 99, 0);
    for account in accounts {
        books.insert_customer(account.customer, account.customer_status);
        books.insert_account(account);
    }
    books
}

fn usd(minor: i64) -> Amount {
    Amount::try_new(minor, Currency::Usd).unwrap()
}

fn leg(debit: i64, credit: i64, minor: i64) -> Leg {
    let number = |index| match index {
        -1 => House::Cash.account(Currency::Usd),
        index => AccountNumber::new(FIRST + index),
    };
    Leg {
        debit: number(debit),
        credit: number(credit),
        amount: usd(minor),
        description: Description::default(),
    }
}

fn post(books: &mut Books, request: Request) -> Answer {
    let actor =
        Actor { user: UserId::parse("C00000001").unwrap(), session: 1, server: Arc::from("here") };
    let key = IdempotencyKey::parse("k").unwrap();
    books.post(OperationId::new(1), &Operation::new(key, request, actor))
}

fn only_leg(answer: Answer) -> LegAnswer {
    let Answer::Legs(legs) = answer else { panic!("expected legs, got {answer:?}") };
    legs[0]
}

#[test]
fn each_rule_refuses_and_changes_nothing() {
    let closed = Account { status: AccountStatus::Closed, ..account(3, 0, 0) };
    let inactive = Account { customer_status: CustomerStatus::Deactivated, ..account(4, 500, 0) };
    let yen = Account { currency: Currency::Jpy, ..account(5, 500, 0) };
    let full = account(6, i64::MAX, 0);
    let start = books([account(0, 100, 0), account(1, 0, 50), closed, inactive, yen, full]);
    let cases = [
        (leg(0, 1, 101), Refusal::InsufficientFunds),
        (leg(1, 0, 51), Refusal::InsufficientFunds),
        (leg(0, 2, 1), Refusal::AccountUnknown),
        (leg(2, 0, 1), Refusal::AccountUnknown),
        (leg(0, 3, 1), Refusal::AccountClosed),
        (leg(4, 0, 1), Refusal::CustomerDeactivated),
        (leg(-1, 4, 1), Refusal::CustomerDeactivated),
        (leg(0, 5, 1), Refusal::CurrencyMismatch),
        (leg(0, 6, 1), Refusal::BooksFull),
        (leg(0, 0, 1), Refusal::SameAccount),
    ];
    for (leg, expect) in cases {
        let mut books = start.clone();
        let answer = only_leg(post(&mut books, Request::Transfer(leg.clone())));
        assert_eq!(answer, LegAnswer::Refused(expect), "{leg:?}");
        assert_eq!(books.accounts(), start.accounts(), "{leg:?}");
        assert_eq!(books.written(), &Written::default(), "{leg:?}");
    }
}

#[test]
fn the_whole_balance_and_overdraft_can_leave() {
    let mut books = books([account(0, 100, 50), account(1, 0, 0)]);
    let answer = only_leg(post(&mut books, Request::Transfer(leg(0, 1, 150))));
    assert_eq!(
        answer,
        LegAnswer::Accepted {
            transfer: TransferId::new(1),
            debit_after: Some(-50),
            credit_after: Some(150)
        }
    );
}

#[test]
fn a_second_account_of_a_kind_is_refused_inside_one_group() {
    let mut books = Books::new(0, 0, 0);
    let customer = CustomerNumber::new(CustomerNumber::FIRST);
    books.insert_customer(customer, CustomerStatus::Active);
    let open = |kind, deposit| {
        Request::Open(Opening {
            customer,
            kind,
            currency: Currency::Usd,
            overdraft_minor: 0,
            deposit,
        })
    };
    let first = AccountNumber::new(FIRST);
    assert_eq!(
        post(&mut books, open(AccountKind::Savings, Some(usd(5)))),
        Answer::Opened { account: first, deposit: Some(TransferId::new(1)) }
    );
    assert_eq!(
        post(&mut books, open(AccountKind::Savings, None)),
        Answer::OpenRefused(Refusal::AccountKindTaken)
    );
    assert_eq!(books.accounts()[&first].balance_minor(), 5);
    let second = AccountNumber::new(FIRST + 1);
    assert_eq!(
        post(&mut books, open(AccountKind::Current, None)),
        Answer::Opened { account: second, deposit: None }
    );
}

proptest! {
    #[test]
    fn money_is_kept_floors_hold_and_entries_are_gapless(
        legs in proptest::collection::vec((-1..4_i64, -1..4_i64, 1..400_i64), 0..60),
    ) {
        let start = [account(0, 500, 0), account(1, 0, 100), account(2, 50, 0), account(3, 0, 0)];
        let mut books = books(start.clone());
        let batch = legs.iter().map(|&(from, to, minor)| leg(from, to, minor)).collect();
        let Answer::Legs(answers) = post(&mut books, Request::Batch(batch)) else {
            panic!("a batch is answered with legs")
        };
        prop_assert_eq!(answers.len(), legs.len());
        let written = books.written();
        prop_assert_eq!(written.entries.len(), written.transfers.len() * 2);
        let total: i64 = written.entries.iter().map(|entry| entry.signed_minor).sum();
        prop_assert_eq!(total, 0);
        for before in start {
            let after = &books.accounts()[&before.number];
            prop_assert!(after.balance_minor() >= -after.overdraft_minor);
            let mut balance = before.balance_minor();
            let entries = written.entries.iter().filter(|entry| entry.account == before.number);
            for (number, entry) in (1..).zip(entries) {
                balance += entry.signed_minor;
                prop_assert_eq!(entry.number, number);
                prop_assert_eq!(entry.balance_after, Some(balance));
            }
            prop_assert_eq!(after.balance_minor(), balance);
        }
    }
}

fn reversal(transfer: i64, reach: Reach) -> Request {
    let reason = Reason::parse("wrong account").unwrap();
    Request::Reversal(Reversal { transfer: TransferId::new(transfer), reason, reach })
}

fn post_as(books: &mut Books, id: i64, user: &str, request: Request) -> LegAnswer {
    let user = UserId::parse(user).unwrap();
    let actor = Actor { user, session: 1, server: Arc::from("here") };
    let key = IdempotencyKey::parse("k").unwrap();
    only_leg(books.post(OperationId::new(id), &Operation::new(key, request, actor)))
}

#[test]
fn a_transfer_is_reversed_once_and_its_reversal_never() {
    let mut books = books([account(0, 100, 0), account(1, 0, 0)]);
    let (own, other) = ("C00000003", "C00000002");
    post_as(&mut books, 1, own, Request::Transfer(leg(0, 1, 60)));
    let refused = LegAnswer::Refused;
    let cases = [
        (own, reversal(2, Reach::OwnToday), refused(Refusal::TransferUnknown)),
        (other, reversal(1, Reach::OwnToday), refused(Refusal::NotOwnTransfer)),
        (
            own,
            reversal(1, Reach::OwnToday),
            LegAnswer::Accepted {
                transfer: TransferId::new(2),
                debit_after: Some(0),
                credit_after: Some(100),
            },
        ),
        (own, reversal(1, Reach::OwnToday), refused(Refusal::AlreadyReversed)),
        (other, reversal(1, Reach::Any), refused(Refusal::AlreadyReversed)),
        (other, reversal(2, Reach::Any), refused(Refusal::IsReversal)),
    ];
    for ((user, request, expect), id) in cases.into_iter().zip(2..) {
        assert_eq!(post_as(&mut books, id, user, request.clone()), expect, "{request:?}");
    }
    let link = ReversalRow { transfer: TransferId::new(2), reverses: TransferId::new(1) };
    assert_eq!(books.written().reversals, [link]);
    assert_eq!(books.written().transfers[1].leg.description.as_str(), "wrong account");
}

#[test]
fn a_reversal_keeps_the_rules_of_posting() {
    let past = |debit, credit, minor| {
        let leg = leg(debit, credit, minor);
        Past {
            debit: leg.debit,
            credit: leg.credit,
            amount: leg.amount,
            user: UserId::parse("C00000003").unwrap(),
            booked_at_ms: 0,
            is_reversal: false,
            is_reversed: false,
        }
    };
    let closed = Account { status: AccountStatus::Closed, ..account(2, 0, 0) };
    let inactive = Account { customer_status: CustomerStatus::Deactivated, ..account(3, 500, 0) };
    let mut books = books([account(0, 100, 0), account(1, 40, 50), closed, inactive]);
    books.transfer_last = 9;
    books.booked_at_ms = Day::MS;
    for (id, past) in
        [past(-1, 0, 101), past(-1, 1, 90), past(2, 0, 1), past(-1, 3, 1)].into_iter().enumerate()
    {
        books.insert_transfer(TransferId::new(i64::try_from(id).unwrap() + 1), past);
    }
    for (transfer, reach, expect) in [
        (1, Reach::OwnToday, Err(Refusal::NotOfToday)),
        (1, Reach::Any, Err(Refusal::InsufficientFunds)),
        (2, Reach::Any, Ok(-50)),
        (3, Reach::Any, Err(Refusal::AccountClosed)),
        (4, Reach::Any, Err(Refusal::CustomerDeactivated)),
    ] {
        let told = match post_as(&mut books, transfer, "C00000003", reversal(transfer, reach)) {
            LegAnswer::Accepted { debit_after, .. } => Ok(debit_after.unwrap()),
            LegAnswer::Refused(refusal) => Err(refusal),
        };
        assert_eq!(told, expect, "{transfer}");
    }
}
