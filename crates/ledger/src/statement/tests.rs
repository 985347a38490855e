//! The laws of statements, and how numbers and codes are written.

use jiff::civil::date;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const DAY_MS: i64 = 86_400_000;
/// 2026-01-01.
const START: i64 = 1_767_225_600_000;

fn holding(currency: Currency) -> Holding {
    Holding {
        account: AccountNumber::new(AccountNumber::FIRST),
        customer: CustomerNumber::new(CustomerNumber::FIRST),
        kind: AccountKind::Current,
        currency,
        opened_at: START,
    }
}

/// Entries from number 1 with these amounts, each so many milliseconds after the one before.
fn entries(currency: Currency, moves: &[(i64, i64)]) -> Vec<Line> {
    let (mut at, mut balance) = (START, 0);
    let entry = |(place, (amount, pause)): (usize, &(i64, i64))| {
        at += pause;
        balance += amount;
        let number = i64::try_from(place).unwrap() + 1;
        Line {
            number,
            transfer: TransferId::new(number * 3),
            operation: OperationId::new(number * 2),
            booked_at: at,
            description: format!("entry {number}"),
            kind: "deposit".to_owned(),
            counterparty: AccountNumber::new(100_840),
            amount: Balance::new(*amount, currency),
            balance: Balance::new(balance, currency),
            reverses: None,
        }
    };
    moves.iter().enumerate().map(entry).collect()
}

/// The statement of some of an account's entries, as the books would give it.
fn of(holding: Holding, all: &[Line], number: StatementNumber) -> Statement {
    let before = all
        .iter()
        .take_while(|entry| match number.period() {
            Period::Days { from, .. } => day_of(entry.booked_at) < from,
            Period::Entries { first, .. } => entry.number < first,
        })
        .count();
    let opening = match before {
        0 => Balance::new(0, holding.currency),
        count => all[count - 1].balance,
    };
    let own: Vec<_> =
        all[before..].iter().take_while(|entry| number.holds(entry)).cloned().collect();
    Statement::try_new(number, holding, i64::try_from(before).unwrap(), opening, own).unwrap()
}

fn days(from: Date, until: Date) -> StatementNumber {
    let account = AccountNumber::new(AccountNumber::FIRST);
    StatementNumber::try_new(account, Period::Days { from, until }, None).unwrap()
}

fn numbers(first: i64, last: i64) -> StatementNumber {
    let account = AccountNumber::new(AccountNumber::FIRST);
    StatementNumber::try_new(account, Period::Entries { first, last }, None).unwrap()
}

/// 10,000 random accounts, each with its statements of months, of days and of entries.
#[test]
fn opening_and_entries_are_closing_and_statements_chain() {
    let moves = prop::collection::vec((-1_000_000..1_000_000_i64, 0..9 * DAY_MS), 0..24);
    let cuts = prop::collection::vec(1..40_i64, 1..8);
    let input = (moves, 0..7_usize, cuts);
    let config = Config { cases: 10_000, ..Config::default() };
    TestRunner::new(config)
        .run(&input, |(moves, currency, cuts)| {
            let moves: Vec<_> = moves.into_iter().filter(|(amount, _)| *amount != 0).collect();
            let currency = Currency::ALL[currency];
            let (holding, all) = (holding(currency), entries(currency, &moves));
            let end = all.last().map_or(0, |entry| entry.balance.minor());

            let months: Vec<_> = (1..=12)
                .map(|month| days(date(2026, month, 1), date(2026, month, 1).last_of_month()))
                .collect();
            let mut from = date(2026, 1, 1);
            let ranges: Vec<_> = cuts
                .iter()
                .map(|length| {
                    let until = from.checked_add(jiff::Span::new().days(*length)).unwrap();
                    let number = days(from, until);
                    from = until.tomorrow().unwrap();
                    number
                })
                .collect();
            let count = i64::try_from(all.len()).unwrap();
            let halves = [numbers(1, count / 2), numbers(count / 2 + 1, count)];
            for (chain, is_complete) in [(&months[..], true), (&ranges, false), (&halves, true)] {
                let made: Vec<_> = chain.iter().map(|number| of(holding, &all, *number)).collect();
                for (place, statement) in made.iter().enumerate() {
                    let sum: i64 = statement.entries().iter().map(|it| it.amount.minor()).sum();
                    prop_assert_eq!(statement.opening().minor() + sum, statement.closing().minor());
                    let net = statement.credits().sum.minor() - statement.debits().sum.minor();
                    prop_assert_eq!(net, sum);
                    prop_assert_eq!(statement.digest(), of(holding, &all, chain[place]).digest());
                    if place > 0 {
                        prop_assert!(statement.follows(&made[place - 1]));
                    }
                }
                if is_complete {
                    prop_assert_eq!(made.last().unwrap().closing().minor(), end);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_does_not_add_up_is_no_statement() {
    let good = entries(Currency::Usd, &[(500, 0), (-200, DAY_MS), (50, DAY_MS)]);
    let whole = days(date(2026, 1, 1), date(2026, 1, 3));
    let zero = Balance::new(0, Currency::Usd);
    let check = |number, before, change: &dyn Fn(&mut Vec<Line>)| {
        let mut entries = good.clone();
        change(&mut entries);
        Statement::try_new(number, holding(Currency::Usd), before, zero, entries).err()
    };
    let wrong = |number| Some(StatementError::BalanceWrong(number));
    assert_eq!(check(whole, 0, &|_| ()), None);
    assert_eq!(check(whole, 0, &|all| all[1].amount = Balance::new(-201, Currency::Usd)), wrong(2));
    assert_eq!(check(whole, 0, &|all| all[2].balance = zero), wrong(3));
    assert_eq!(check(whole, 0, &|all| all[0].amount = Balance::new(500, Currency::Eur)), wrong(1));
    let gap = |number| Some(StatementError::Gap(number));
    assert_eq!(check(whole, 0, &|all| drop(all.remove(1))), gap(3));
    assert_eq!(check(whole, 1, &|_| ()), gap(1));
    let outside = Some(StatementError::OutsidePeriod(3));
    assert_eq!(check(days(date(2026, 1, 1), date(2026, 1, 2)), 0, &|_| ()), outside);
    assert_eq!(check(numbers(1, 2), 0, &|_| ()), outside);
    let missing = Some(StatementError::EntriesMissing);
    assert_eq!(check(numbers(1, 4), 0, &|_| ()), missing);
    assert_eq!(check(numbers(1, 3), 0, &|_| ()), None);
    let other = AccountNumber::new(AccountNumber::FIRST + 1);
    let other = StatementNumber::try_new(other, whole.period(), None).unwrap();
    assert_eq!(check(other, 0, &|_| ()), Some(StatementError::AccountOther));
    let up_to =
        |number| StatementNumber::try_new(whole.account(), whole.period(), Some(number)).unwrap();
    assert_eq!(check(up_to(3), 0, &|_| ()), None);
    assert_eq!(check(up_to(2), 0, &|_| ()), outside);
    assert_eq!(check(up_to(4), 0, &|_| ()), missing);
}

/// Damage to an account or its entries.
type Change<'a> = &'a dyn Fn(&mut Vec<Line>, &mut Holding);

#[test]
fn each_word_of_a_statement_is_in_its_digest() {
    let (all, number) = (entries(Currency::Usd, &[(500, 0), (7, 1)]), numbers(1, 2));
    let own = of(holding(Currency::Usd), &all, number).digest();
    let digest = |change: Change<'_>| {
        let (mut all, mut holding) = (all.clone(), holding(Currency::Usd));
        change(&mut all, &mut holding);
        of(holding, &all, number).digest()
    };
    assert_eq!(digest(&|_, _| ()), own);
    let changes: [Change<'_>; 10] = [
        &|all, _| all[0].description = "other".to_owned(),
        &|all, _| all[0].kind = "withdrawal".to_owned(),
        &|all, _| all[0].booked_at += 1,
        &|all, _| all[1].transfer = TransferId::new(9),
        &|all, _| all[1].operation = OperationId::new(9),
        &|all, _| all[1].counterparty = AccountNumber::new(100_978),
        &|all, _| all[1].reverses = Some(TransferId::new(3)),
        &|_, holding| holding.kind = AccountKind::Savings,
        &|_, holding| holding.customer = CustomerNumber::new(CustomerNumber::FIRST + 1),
        &|_, holding| holding.opened_at += 1,
    ];
    for (place, change) in changes.into_iter().enumerate() {
        assert_ne!(digest(change), own, "change {place}");
    }
}

#[test]
fn numbers_are_read_as_they_are_written() {
    for (text, expect) in [
        ("360110000-202602", Some(days(date(2026, 2, 1), date(2026, 2, 28)))),
        ("360110000-20260201-20260227", Some(days(date(2026, 2, 1), date(2026, 2, 27)))),
        (" 360110000-E41-60 ", Some(numbers(41, 60))),
        ("360110000-e1-0", Some(numbers(1, 0))),
        ("360110000-20260201-20260228", None), // That is the month.
        ("360110000-20260227-20260201", None),
        ("360110000-202613", None),
        ("360110000-20260230-20260301", None),
        ("360110000-e2-0", None),
        ("360110000-e01-2", None),
        ("360110000-e1-2p2", None),
        ("360110000-e1-+2", None),
        ("360110000-196912", None),
        ("100840-202602", None),
        ("360110000-", None),
        ("360110000-ä", None),
        ("", None),
        (&"9".repeat(200), None),
    ] {
        assert_eq!(StatementNumber::parse(text), expect, "{text}");
        if let Some(number) = expect {
            assert_eq!(number.to_string(), text.trim().to_lowercase());
            assert!(!number.is_provisional());
        }
    }
    let open = StatementNumber::parse("360110000-202602p60").unwrap();
    assert_eq!((open.up_to(), open.month()), (Some(60), Some(date(2026, 2, 1))));
    assert_eq!(open.to_string(), "360110000-202602p60");
}

#[test]
fn months_are_counted_from_the_opening() {
    let statement = |number: &str| {
        let number = StatementNumber::parse(number).unwrap();
        let zero = Balance::new(0, Currency::Jpy);
        Statement::try_new(number, holding(Currency::Jpy), 0, zero, Vec::new()).unwrap()
    };
    let sequence = |number| statement(number).sequence();
    assert_eq!(sequence("360110000-202601"), Some(1));
    assert_eq!(sequence("360110000-202702"), Some(14));
    assert_eq!(sequence("360110000-202512"), None);
    assert_eq!(sequence("360110000-20260101-20260102"), None);
    assert_eq!(statement("360110000-202601").as_of(), start_of_day(date(2026, 2, 1)));
    assert_eq!(statement("360110000-202601p0").as_of(), START);
    assert_eq!(statement("360110000-e1-0").days(), (date(2026, 1, 1), date(2026, 1, 1)));
}

#[test]
fn a_day_is_a_day_of_utc() {
    let midnight = start_of_day(date(2026, 3, 1));
    assert_eq!(day_of(midnight - 1), date(2026, 2, 28));
    assert_eq!(day_of(midnight), date(2026, 3, 1));
    assert_eq!(start_of_day(date(1970, 1, 1)), 0);
}

proptest! {
    #[test]
    fn codes_are_read_as_they_are_written(number: [u8; 32], content: [u8; 32]) {
        let code = VerificationCode::new(&number, &content);
        let text = code.to_string();
        prop_assert_eq!(text.len(), 29);
        for text in [text.clone(), text.to_lowercase(), text.replace('-', " "), text.replace('0', "O")] {
            prop_assert_eq!(VerificationCode::parse(&text), Some(code));
        }
        prop_assert_eq!(code.ticket(), &number[..5]);
        prop_assert_eq!(VerificationCode::parse(&text[1..]), None);
        prop_assert_eq!(VerificationCode::parse(&format!("{text}0")), None);
        prop_assert_eq!(VerificationCode::parse(&text.replacen('-', "U", 1)), None);
    }
}
