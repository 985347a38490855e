//! Both stores and the pure model in `ledger` give the same answers to any operations (I10).

use ledger::customer::CustomerStatus;
use ledger::operation::{Description, Opening};
use ledger::posting::Books;
use ledger::{
    AccountKind, AccountNumber, Amount, Answer, Currency, CustomerNumber, Fingerprint,
    IdempotencyKey, Leg, Operation, OperationId, Reach, Request,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::{AccountView, Outcome, Period};

use crate::bank::Bank;

const CUSTOMERS: u32 = 4;

/// An account by its place: of those that openings make, and one that is never opened.
fn number() -> impl Strategy<Value = AccountNumber> {
    (0..8_i64).prop_map(|place| AccountNumber::new(AccountNumber::FIRST + place))
}

fn amount() -> impl Strategy<Value = Amount> {
    let minor = prop_oneof![8 => 1..500_i64, 1 => Just(Amount::MAX_MINOR)];
    let currency = prop_oneof![9 => Just(Currency::Usd), 1 => Just(Currency::Jpy)];
    (minor, currency).prop_map(|(minor, currency)| Amount::try_new(minor, currency).unwrap())
}

fn leg() -> impl Strategy<Value = Leg> {
    (number(), number(), amount()).prop_map(|(debit, credit, amount)| Leg {
        debit,
        credit,
        amount,
        description: Description::parse("of a test").unwrap(),
    })
}

fn request() -> impl Strategy<Value = Request> {
    let kind = prop_oneof![Just(AccountKind::Current), Just(AccountKind::Savings)];
    let currency = prop_oneof![9 => Just(Currency::Usd), 1 => Just(Currency::Jpy)];
    let opening = (0..=i64::from(CUSTOMERS), kind, currency, 0..100_i64, any::<bool>(), amount());
    let opening = opening.prop_map(|(customer, kind, currency, overdraft, deposits, amount)| {
        Request::Open(Opening {
            customer: CustomerNumber::new(CustomerNumber::FIRST + customer),
            kind,
            currency,
            overdraft_minor: if kind == AccountKind::Savings { 0 } else { overdraft },
            deposit: deposits.then_some(amount),
        })
    });
    let text = Description::default;
    prop_oneof![
        4 => opening,
        3 => (number(), amount()).prop_map(move |(at, amount)| Request::deposit(at, amount, text())),
        3 => (number(), amount())
            .prop_map(move |(at, amount)| Request::withdrawal(at, amount, text())),
        3 => leg().prop_map(Request::Transfer),
        2 => prop::collection::vec(leg(), 0..20).prop_map(Request::Batch),
        3 => (1..12_i64, any::<bool>()).prop_map(|(transfer, any)| {
            crate::bank::reversal(transfer, if any { Reach::Any } else { Reach::OwnToday })
        }),
    ]
}

/// The model: one [`Books`] of everything, and what each key was used for.
struct Model {
    books: Books,
    used: Vec<(u8, Request, Answer)>,
}

impl Model {
    fn post(&mut self, key: u8, operation: &Operation) -> Option<(Answer, bool)> {
        if let Some((_, request, answer)) = self.used.iter().find(|(used, ..)| *used == key) {
            let same = Fingerprint::of(request) == operation.fingerprint;
            return same.then(|| (answer.clone(), true));
        }
        let id = OperationId::new(i64::try_from(self.used.len()).unwrap() + 1);
        let answer = self.books.post(id, operation);
        self.used.push((key, operation.request.clone(), answer.clone()));
        Some((answer, false))
    }
}

/// What is compared of an account.
fn shape(view: &AccountView) -> (ledger::Account, String) {
    (view.account.clone(), view.message.clone())
}

/// Some of an account's statements, each of which must add up.
async fn extracts(bank: &Bank, view: &AccountView) -> Vec<Vec<store::Entry>> {
    let (first, last) = (2, view.account.entry_count - 1);
    let periods = [
        Period::Last(3),
        Period::Numbers { first, last },
        Period::Booked { from: 0, until: i64::MAX, up_to: Some(last) },
    ];
    let mut found = Vec::new();
    for period in periods {
        let extract = bank.store.extract(view.account.number, period).await.unwrap().unwrap();
        let mut entries = extract.entries.unwrap();
        let mut balance = extract.opening.minor();
        for (number, entry) in (extract.before + 1..).zip(&mut entries) {
            balance += entry.amount.minor();
            assert_eq!((entry.number, entry.balance.minor()), (number, balance), "{period:?}");
            entry.booked_at = 0;
        }
        found.push(entries);
    }
    found
}

async fn check(operations: &[(u8, Request)]) {
    let mut all = Vec::new();
    for bank in [Bank::embedded().await, Bank::postgres().await] {
        for index in 1..=CUSTOMERS {
            bank.customer(index).await;
        }
        // The last customer is deactivated.
        let last = CustomerNumber::new(CustomerNumber::FIRST + i64::from(CUSTOMERS) - 1);
        let status = CustomerStatus::Deactivated;
        bank.store.set_customer_status(&bank.actor, last, status).await.unwrap();
        let mut model = Model { books: Books::new(0, 0, store::now_ms()), used: Vec::new() };
        for place in 0..i64::from(CUSTOMERS) {
            let number = CustomerNumber::new(CustomerNumber::FIRST + place);
            let active = if number == last { status } else { CustomerStatus::Active };
            model.books.insert_customer(number, active);
        }
        let colleague = bank.colleague().await;
        let operation = |(number, request): &(u8, Request)| {
            let key = IdempotencyKey::parse(&format!("key-{number}")).unwrap();
            let actor = if number % 3 == 0 { &colleague } else { &bank.actor };
            Operation::new(key, request.clone(), actor.clone())
        };
        // Those of a chunk are all in the queue before the one thread of this test runs the
        // task that empties it: they are one group, in their order.
        let mut waiting = Vec::new();
        for chunk in operations.chunks(7) {
            let posts = chunk.iter().map(|each| bank.store.post(operation(each)));
            waiting.extend(crate::posting::futures_join(posts).await);
        }
        for (each, outcome) in operations.iter().zip(waiting) {
            let told = match outcome.unwrap() {
                Outcome::Decided(decided) => Some((decided.answer, decided.replayed)),
                Outcome::KeyReused => None,
            };
            assert_eq!(told, model.post(each.0, &operation(each)), "{each:?}");
        }
        let accounts = bank.store.accounts(None, 100).await.unwrap().rows;
        let expect: Vec<_> = model.books.accounts().values().cloned().collect();
        let found: Vec<_> = accounts.iter().map(|view| view.account.clone()).collect();
        assert_eq!(found, expect);
        let mut statements = Vec::new();
        for view in &accounts {
            let page = bank.store.entries(view.account.number, None, 500).await.unwrap().unwrap();
            let rows = page.rows.into_iter().map(|row| store::Entry { booked_at: 0, ..row });
            statements.push(rows.collect::<Vec<_>>());
            statements.extend(extracts(&bank, view).await);
        }
        let shapes: Vec<_> = accounts.iter().map(shape).collect();
        let report = bank.audit();
        assert!(report.is_sound(), "{:?}", report.findings().collect::<Vec<_>>());
        let house = bank.store.house_balances().await.unwrap();
        all.push((shapes, statements, house));
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn model_and_both_databases_give_the_same_answers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Each case makes two banks; keys repeat, sometimes for another request.
    let config = Config { cases: 12, max_shrink_iters: 60, ..Config::default() };
    let operations = prop::collection::vec((0..60_u8, request()), 1..80);
    TestRunner::new(config)
        .run(&operations, |operations| {
            runtime.block_on(check(&operations));
            Ok(())
        })
        .unwrap();
}
