//! Replays: exactly once whatever happens to the connections, and every difference noticed.

use std::time::Duration;

use drill::{
    generate::{GenerateOptions, generate},
    replay::{Outcome, ReplayFile, ReplayOptions, run},
};
use indicatif::ProgressBar;

use crate::fake_bank::{FakeBank, Faults};

fn synthetic(accounts: u64) -> ReplayFile {
    let mut content = Vec::new();
    generate(GenerateOptions { accounts, seed: 11 }, &mut content).unwrap();
    ReplayFile::parse(&content).unwrap()
}

async fn replay(bank: &FakeBank, file: &ReplayFile) -> Outcome {
    try_replay(bank, file, Duration::from_secs(60)).await.unwrap()
}

async fn try_replay(
    bank: &FakeBank,
    file: &ReplayFile,
    patience: Duration,
) -> anyhow::Result<Outcome> {
    let options = ReplayOptions { concurrency: 8, patience, ..ReplayOptions::default() };
    run(file.clone(), bank.target(), options, ProgressBar::hidden()).await
}

/// The last balances of the file are those of the bank, whatever order it opened accounts in.
fn assert_books_equal(bank: &FakeBank, file: &ReplayFile) {
    let mut expected: Vec<i64> =
        file.accounts.iter().map(|a| a.rows.last().unwrap().balance.get()).collect();
    let mut found: Vec<i64> =
        bank.books(|books| books.accounts.iter().map(|a| a.balance).collect());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_row_is_posted_and_a_second_run_changes_nothing() {
    let bank = FakeBank::start(Faults::default()).await;
    let file = synthetic(20);

    let first = replay(&bank, &file).await;
    assert_eq!((first.matched, first.mismatched, first.replayed), (file.rows, 0, 0));
    assert!(!first.found_a_problem());
    assert_eq!(bank.books(|books| books.postings), file.rows);
    assert_books_equal(&bank, &file);

    let second = replay(&bank, &file).await;
    assert_eq!((second.matched, second.mismatched, second.replayed), (file.rows, 0, file.rows));
    assert!(!second.found_a_problem());
    assert_eq!(bank.books(|books| books.postings), file.rows);
    assert_eq!(bank.books(|books| books.accounts.len()), 20);
}

#[tokio::test]
async fn lost_answers_and_refused_requests_do_not_book_twice() {
    let faults =
        Faults { drop_every: 3, unavailable_every: 7, close_after: 40, ..Faults::default() };
    let bank = FakeBank::start(faults).await;
    let file = synthetic(6);
    let outcome = replay(&bank, &file).await;
    assert_eq!((outcome.matched, outcome.mismatched), (file.rows, 0));
    assert!(outcome.replayed > 0, "no answer was lost, so this test tests nothing");
    assert_eq!(bank.books(|books| books.postings), file.rows);
    assert_eq!(bank.books(|books| books.customers.len()), 6);
    assert_books_equal(&bank, &file);
}

#[tokio::test]
async fn a_stopped_run_goes_on_where_it_was() {
    let bank = FakeBank::start(Faults::default()).await;
    let file = synthetic(8);
    let mut part = file.clone();
    for account in &mut part.accounts {
        let half = account.rows.len() / 2;
        account.rows.truncate(half);
    }
    part.rows = part.accounts.iter().map(|a| u64::try_from(a.rows.len()).unwrap()).sum();
    let first = replay(&bank, &part).await;
    let second = replay(&bank, &file).await;
    assert_eq!((second.matched, second.replayed), (file.rows, first.rows));
    assert_eq!(bank.books(|books| books.postings), file.rows);
}

#[tokio::test]
async fn a_wrong_balance_is_a_mismatch_with_its_line() {
    let bank = FakeBank::start(Faults { wrong_balance_every: 100, ..Faults::default() }).await;
    let file = synthetic(10);
    let outcome = replay(&bank, &file).await;
    assert_eq!(outcome.mismatched, file.rows / 100);
    assert_eq!(outcome.matched + outcome.mismatched, file.rows);
    assert!(outcome.found_a_problem());
    assert!(outcome.mismatches.len() <= 10 && outcome.mismatches.is_sorted_by_key(|m| m.line));
    let words = outcome.mismatches[0].to_string();
    assert!(words.contains("the file says") && words.starts_with("line "), "{words}");
}

#[tokio::test]
async fn a_refusal_is_a_mismatch_and_the_rows_after_it_are_compared_too() {
    let bank = FakeBank::start(Faults::default()).await;
    let content = "account,date,direction,amount,balance\n\
                   a,2026-01-01,credit,5.00,5.00\n\
                   a,2026-01-02,debit,6.00,1.00\n\
                   a,2026-01-03,credit,1.00,6.00\n";
    let file = ReplayFile::parse(content.as_bytes()).unwrap();
    let outcome = replay(&bank, &file).await;
    assert_eq!((outcome.matched, outcome.mismatched), (2, 1));
    assert_eq!(outcome.mismatches[0].line, 3);
    assert!(outcome.mismatches[0].difference.contains("insufficient-funds"), "{outcome:?}");
}

#[tokio::test]
async fn the_same_rows_in_another_file_are_other_accounts() {
    let bank = FakeBank::start(Faults::default()).await;
    let row = "account,date,direction,amount,balance\na,2026-01-01,credit,5.00,5.00\n";
    for content in [row.to_owned(), format!("{row}b,2026-01-01,credit,5.00,5.00\n")] {
        let file = ReplayFile::parse(content.as_bytes()).unwrap();
        let outcome = replay(&bank, &file).await;
        assert_eq!((outcome.mismatched, outcome.replayed), (0, 0));
    }
    assert_eq!(bank.books(|books| books.customers.len()), 3);
}

#[tokio::test]
async fn a_number_that_belongs_to_somebody_else_is_left_alone() {
    let bank = FakeBank::start(Faults::default()).await;
    let file = synthetic(1);
    replay(&bank, &file).await;
    // Another bank, in which a stranger has the number this file would take first.
    let other = FakeBank::start(Faults::default()).await;
    let ssn = bank.books(|books| books.customers[0].ssn.clone());
    other.books(|books| {
        books.customers.push(crate::fake_bank::customer(ssn, "Somebody Else"));
    });
    for replayed in [0, file.rows] {
        let outcome = replay(&other, &file).await;
        assert_eq!((outcome.mismatched, outcome.replayed), (0, replayed));
    }
    assert_eq!(other.books(|books| books.customers.len()), 2);
}

#[tokio::test]
async fn a_bank_that_stays_away_ends_the_run_with_advice() {
    let bank = FakeBank::start(Faults { unavailable_every: 1, ..Faults::default() }).await;
    let error = try_replay(&bank, &synthetic(1), Duration::from_millis(50)).await.unwrap_err();
    let words = format!("{error:#}");
    assert!(words.contains("the same command goes on from here"), "{words}");
    assert!(words.contains("503"), "{words}");
}
