//! What statements are made of: the same from both databases, whole or refused, with days that
//! begin and end at midnight.

use ledger::operation::Description;
use ledger::statement::{Holding, Period as Days, Statement};
use ledger::{AccountNumber, Balance, Currency, Leg, Request, StatementNumber};
use store::{Extract, Period, STATEMENT_ENTRIES_MAX};

use crate::bank::{Bank, leg, usd};

const DAY_MS: i64 = 86_400_000;
/// 2026-01-01.
const START: i64 = 1_767_225_600_000;

/// Makes the past: entry n of the account was booked at `START` and n hours.
async fn turn_back(bank: &Bank, account: AccountNumber) {
    let update = format!(
        "update entries set booked_at = {START} + number * 3600000 where account = {account}"
    );
    if bank.folder.is_some() {
        bank.execute("drop trigger entries_never_change").await;
        bank.execute(&update).await;
    } else {
        bank.execute(&format!("set session_replication_role = replica; {update}")).await;
    }
    bank.execute(&format!("update accounts set opened_at = {START} where number = {account}"))
        .await;
}

async fn extract(bank: &Bank, account: AccountNumber, period: Period) -> Extract {
    bank.store.extract(account, period).await.unwrap().unwrap()
}

fn numbers(extract: &Extract) -> Vec<i64> {
    extract.entries.as_ref().unwrap().iter().map(|entry| entry.number).collect()
}

fn days(first: i64, count: i64) -> Period {
    let from = START + first * DAY_MS;
    Period::Booked { from, until: from + count * DAY_MS, up_to: None }
}

/// The law, on what the database gave.
fn statement(extract: &Extract, number: &str) -> Statement {
    let account = &extract.account.account;
    let holding = Holding {
        account: account.number,
        customer: account.customer,
        kind: account.kind,
        currency: account.currency,
        opened_at: extract.account.opened_at,
    };
    let number = StatementNumber::parse(number).unwrap();
    let entries = extract.entries.clone().unwrap().into_iter().map(Into::into).collect();
    Statement::try_new(number, holding, extract.before, extract.opening, entries).unwrap()
}

async fn periods_are_whole_and_chain(bank: Bank) {
    let (a, b) = (bank.account(1, 20_000).await, bank.account(2, 0).await);
    for round in 0..3 {
        let legs = (0..50).map(|index| leg(a, b, 1 + round * 50 + index)).collect();
        bank.post(&format!("batch-{round}"), Request::Batch(legs)).await;
    }
    turn_back(&bank, a).await;
    let all = extract(&bank, a, Period::Last(u32::MAX)).await;
    assert_eq!((all.before, all.entry_count, all.is_passed), (0, 151, false));
    assert_eq!(numbers(&all), (1..=151).collect::<Vec<_>>());

    // Entry 24 is the first of the second day, to the millisecond; entry 151 is of the seventh.
    let first = extract(&bank, a, days(0, 1)).await;
    assert_eq!((numbers(&first), first.is_passed), ((1..=23).collect(), true));
    let second = extract(&bank, a, days(1, 1)).await;
    assert_eq!(numbers(&second), (24..=47).collect::<Vec<_>>());
    let rest = extract(&bank, a, days(2, 5)).await;
    assert_eq!((numbers(&rest), rest.is_passed), ((48..=151).collect(), false));
    let midnight = Period::Booked { from: START + DAY_MS, until: START + DAY_MS, up_to: None };
    assert_eq!(numbers(&extract(&bank, a, midnight).await), Vec::<i64>::new());
    let made = [
        statement(&first, "360110000-20260101-20260101"),
        statement(&second, "360110000-20260102-20260102"),
        statement(&rest, "360110000-20260103-20260107"),
    ];
    assert!(made[1].follows(&made[0]) && made[2].follows(&made[1]));
    assert_eq!(made[0].opening().minor(), 0);
    assert_eq!(made[2].closing().minor(), bank.balance(a).await);

    // Before the account, after all of it, and none of an account without entries.
    for (period, before, balance) in [(days(-40, 31), 0, 0), (days(30, 31), 151, all_of(&all))] {
        let empty = extract(&bank, a, period).await;
        assert_eq!((empty.before, empty.entry_count), (before, 0));
        assert_eq!((numbers(&empty), empty.opening.minor()), (Vec::new(), balance));
        assert_eq!(empty.is_passed, before == 0);
    }
    let c = bank.account(3, 0).await;
    for period in [Period::Last(9), days(0, 99), Period::Numbers { first: 1, last: 9 }] {
        let empty = extract(&bank, c, period).await;
        assert_eq!((empty.before, empty.entry_count, empty.entries), (0, 0, Some(Vec::new())));
    }

    // By number, and up to one.
    for (period, expect) in [
        (Period::Last(3), 149..152),
        (Period::Numbers { first: 60, last: 70 }, 60..71),
        (Period::Numbers { first: 150, last: i64::MAX }, 150..152),
        (Period::Numbers { first: 400, last: 500 }, 152..152),
        (Period::Numbers { first: -5, last: 2 }, 1..3),
        (Period::Booked { from: START, until: i64::MAX, up_to: Some(30) }, 1..31),
        (Period::Booked { from: START + 2 * DAY_MS, until: i64::MAX, up_to: Some(30) }, 48..48),
        (Period::Booked { from: i64::MIN, until: i64::MAX, up_to: Some(i64::MAX) }, 1..152),
    ] {
        let found = extract(&bank, a, period).await;
        assert_eq!(numbers(&found), expect.clone().collect::<Vec<_>>(), "{period:?}");
        assert_eq!(found.before, expect.start - 1, "{period:?}");
        let opening = all.entries.as_ref().unwrap().iter().rfind(|it| it.number == found.before);
        let zero = Balance::new(0, Currency::Usd);
        assert_eq!(found.opening, opening.map_or(zero, |entry| entry.balance), "{period:?}");
    }
    let unknown = AccountNumber::new(360_999_999);
    assert_eq!(bank.store.extract(unknown, Period::Last(1)).await.unwrap(), None);
}

fn all_of(extract: &Extract) -> i64 {
    extract.entries.as_ref().unwrap().last().unwrap().balance.minor()
}

/// What is too long is not cut.
async fn too_long_a_statement_is_refused(bank: Bank) {
    let (a, b) = (bank.account(1, 100_000_000).await, bank.account(2, 0).await);
    let rounds = i64::from(STATEMENT_ENTRIES_MAX) / 8_000 + 1;
    for round in 0..rounds {
        let text = Description::default;
        let leg = || Leg { debit: a, credit: b, amount: usd(1), description: text() };
        let legs = (0..8_000).map(|_| leg()).collect();
        bank.post(&format!("batch-{round}"), Request::Batch(legs)).await;
    }
    let count = rounds * 8_000 + 1;
    let most = extract(&bank, a, Period::Last(STATEMENT_ENTRIES_MAX)).await;
    assert_eq!(most.entry_count, i64::from(STATEMENT_ENTRIES_MAX));
    assert_eq!(most.entries.unwrap().len(), usize::try_from(STATEMENT_ENTRIES_MAX).unwrap());
    for period in
        [Period::Last(STATEMENT_ENTRIES_MAX + 1), Period::Numbers { first: 2, last: count }]
    {
        let refused = extract(&bank, a, period).await;
        assert!(refused.entry_count > i64::from(STATEMENT_ENTRIES_MAX));
        assert_eq!(refused.before + refused.entry_count, count);
        assert_eq!(refused.entries, None);
        assert_eq!(refused.opening.minor(), 100_000_000 + 1 - refused.before);
    }
}

#[test]
fn a_period_of_the_ledger_is_one_of_the_store() {
    let number = StatementNumber::parse("360110000-202601").unwrap();
    let Days::Days { from, .. } = number.period() else { panic!("{number}") };
    assert_eq!(ledger::statement::start_of_day(from), START);
}

crate::on_both!(periods_are_whole_and_chain, too_long_a_statement_is_refused);
