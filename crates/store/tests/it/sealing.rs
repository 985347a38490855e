//! Social security numbers: sealed in the books, found by their index, readable by the previous
//! program until an operator says that none runs any more.

use ledger::customer::{CustomerDetails, CustomerFields, Ssn};
use ledger::{CustomerNumber, NewCustomer, Refusal};
use store::{Error, Sealed, Store};

use crate::bank::Bank;

fn ssn(text: &str) -> Ssn {
    Ssn::parse(text).unwrap()
}

async fn add(store: &Store, bank: &Bank, text: &str) -> Result<CustomerNumber, Error> {
    let fields = CustomerFields {
        ssn: text,
        name: "Ada",
        address: "1 Way",
        age: "36",
        state: "NJ",
        city: "Newark",
    };
    let customer = NewCustomer::parse(&fields).ok().unwrap();
    store.create_customer(&bank.actor, customer).await.map(|made| made.number)
}

fn is_taken(result: &Result<CustomerNumber, Error>) -> bool {
    matches!(result, Err(Error::Rejected(Refusal::SsnTaken)))
}

/// The number as every way to read it gives it.
async fn assert_reads(store: &Store, number: CustomerNumber, text: &str) {
    assert_eq!(store.customer(number).await.unwrap().unwrap().ssn, ssn(text));
    assert_eq!(store.customer_by_ssn(ssn(text)).await.unwrap().unwrap().number, number);
    let list = store.customers(None, 50).await.unwrap().rows;
    assert!(list.iter().any(|each| each.number == number && each.ssn == ssn(text)));
    let logs = store.customer_logs(Some(number), 5).await.unwrap();
    assert!(!logs.is_empty() && logs.iter().all(|log| log.ssn == ssn(text)));
}

async fn both_programs_read_and_write_until_sealing_begins(bank: Bank) {
    // A store without keys stands for the previous program.
    let previous = bank.store.clone();
    let bank = bank.with_keys();
    let old = add(&previous, &bank, "912345670").await.unwrap();
    let new = add(&bank.store, &bank, "912345671").await.unwrap();
    for (number, text) in [(old, "912345670"), (new, "912345671")] {
        assert_reads(&bank.store, number, text).await;
    }
    assert!(is_taken(&add(&bank.store, &bank, "912345670").await));
    assert!(is_taken(&add(&bank.store, &bank, "912345671").await));
    assert!(is_taken(&add(&previous, &bank, "912345670").await));
    assert_eq!(bank.store.seal_ssns().await.unwrap(), Sealed { done: 2, left: 0 });
    assert_eq!(bank.store.seal_ssns().await.unwrap(), Sealed { done: 0, left: 0 });
    let sealed = add(&bank.store, &bank, "912345672").await.unwrap();
    for (number, text) in [(old, "912345670"), (new, "912345671"), (sealed, "912345672")] {
        assert_reads(&bank.store, number, text).await;
        assert!(is_taken(&add(&bank.store, &bank, text).await), "{text}");
        assert!(previous.customer(number).await.is_err(), "sealed is sealed");
        assert_eq!(previous.customer_by_ssn(ssn(text)).await.unwrap().map(|_| ()), None);
    }
    let refused = add(&previous, &bank, "912345679").await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "no keys, no plain numbers");
    let own = sealed.to_string();
    assert!(bank.store.customer_by_ssn(ssn(&own)).await.unwrap().is_none(), "what stands there");
    let next = add(&bank.store, &bank, &own).await.unwrap();
    assert_reads(&bank.store, next, &own).await;
}

/// Numbers that are other customers' numbers, each the next one's: none can be given its own text
/// before the other is sealed.
async fn a_number_like_another_customers_is_sealed_too(bank: Bank) {
    let first = CustomerNumber::FIRST;
    let previous = bank.store.clone();
    let bank = bank.with_keys();
    for number in [first + 1, first + 2, first + 9] {
        add(&previous, &bank, &number.to_string()).await.unwrap();
    }
    assert_eq!(bank.store.seal_ssns().await.unwrap(), Sealed { done: 3, left: 0 });
    let number = CustomerNumber::new(first);
    assert_reads(&bank.store, number, &(first + 1).to_string()).await;
}

/// What servers of two versions can do to each other when `seal` is run too early.
async fn a_customer_whom_an_earlier_program_added_twice_is_reported(bank: Bank) {
    let previous = bank.store.clone();
    let bank = bank.with_keys();
    let first = add(&previous, &bank, "912345670").await.unwrap();
    assert_eq!(bank.store.seal_ssns().await.unwrap(), Sealed { done: 1, left: 0 });
    bank.execute(
        "insert into customers (number, ssn, name, address, age, state, city, status, created_at) \
         values (110110007, '912345670', 'Ada', '1 Way', 36, 'NJ', 'Newark', 'active', 1)",
    )
    .await;
    assert_eq!(bank.store.seal_ssns().await.unwrap(), Sealed { done: 0, left: 1 });
    assert_eq!(bank.store.customer(first).await.unwrap().unwrap().ssn, ssn("912345670"));
}

async fn an_edit_that_changes_nothing_leaves_no_row(bank: Bank) {
    let bank = bank.with_keys();
    let number = add(&bank.store, &bank, "912345670").await.unwrap();
    let details = |name: &str| CustomerDetails::parse(name, "1 Way", "36").ok().unwrap();
    let update = |name: &str| bank.store.update_customer(&bank.actor, number, details(name));
    assert_eq!(update("Ada").await.unwrap().details.name, "Ada");
    assert_eq!(bank.store.customer_logs(Some(number), 9).await.unwrap().len(), 1);
    update("Eva").await.unwrap();
    assert_eq!(bank.store.customer_logs(Some(number), 9).await.unwrap().len(), 2);
    let status = ledger::CustomerStatus::Deactivated;
    bank.store.set_customer_status(&bank.actor, number, status).await.unwrap();
    let refused = update("Eva").await;
    assert!(matches!(refused, Err(Error::Rejected(Refusal::CustomerDeactivated))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_is_not_in_the_file() {
    let bank = Bank::embedded().await;
    let previous = bank.store.clone();
    let bank = bank.with_keys();
    add(&previous, &bank, "917384625").await.unwrap();
    bank.store.seal_ssns().await.unwrap();
    add(&bank.store, &bank, "917384626").await.unwrap();
    let db = rusqlite::Connection::open(bank.file()).unwrap();
    let busy: i64 = db.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0, "the log is applied and empty");
    let bytes = std::fs::read(bank.file()).unwrap();
    for text in ["917384625", "917384626"] {
        let found = bytes.windows(9).any(|part| part == text.as_bytes());
        assert!(!found, "{text}");
    }
}

crate::on_both!(
    both_programs_read_and_write_until_sealing_begins,
    a_number_like_another_customers_is_sealed_too,
    a_customer_whom_an_earlier_program_added_twice_is_reported,
    an_edit_that_changes_nothing_leaves_no_row,
);
