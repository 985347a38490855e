//! Synthetic files: the totals, the balances, and that a seed means the same file for ever.

use drill::{
    cents::Cents,
    generate::{GenerateOptions, Totals, generate},
    replay::{Direction, ReplayFile},
};
use proptest::prelude::*;

fn write(accounts: u64, seed: u64) -> (Vec<u8>, Totals) {
    let mut content = Vec::new();
    let totals = generate(GenerateOptions { accounts, seed }, &mut content).unwrap();
    (content, totals)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_file_is_consistent_and_its_totals_are_right(seed: u64, accounts in 1_u64..20) {
        let (content, totals) = write(accounts, seed);
        let file = ReplayFile::parse(&content).unwrap();
        prop_assert_eq!(file.first_inconsistent_line(), None);
        prop_assert_eq!(file.rows, totals.rows);
        prop_assert_eq!(u64::try_from(file.accounts.len()).unwrap(), accounts);
        let rows = || file.accounts.iter().flat_map(|account| &account.rows);
        let sum = |direction| {
            rows().filter(|r| r.direction == direction).map(|r| r.amount.get()).sum::<i64>()
        };
        prop_assert_eq!(Cents::new(sum(Direction::Credit)), totals.credits);
        prop_assert_eq!(Cents::new(sum(Direction::Debit)), totals.debits);
        prop_assert_eq!(totals.credits.checked_sub(totals.debits), Some(totals.balances));
        for account in &file.accounts {
            prop_assert!(account.rows.is_sorted_by_key(|row| row.date));
            let days = account.rows.last().unwrap().date - account.rows[0].date;
            prop_assert!((300..=1_100).contains(&days.get_days()), "{} days", days.get_days());
        }
    }

    #[test]
    fn the_same_seed_is_the_same_file_and_a_smaller_one_is_its_start(seed: u64) {
        let (small, _) = write(3, seed);
        prop_assert_eq!(&write(3, seed).0, &small);
        prop_assert!(write(5, seed).0.starts_with(&small));
        prop_assert_ne!(write(3, seed ^ 1).0, small);
    }
}

#[test]
fn a_town_has_some_overdrafts_but_not_many() {
    let (_, totals) = write(500, 7);
    assert!((20..150).contains(&totals.overdrawn), "{totals:?}");
}

/// The README and other people's notes name files by their seed.
#[test]
fn a_seed_means_the_same_file_in_every_version() {
    let (content, _) = write(50, 42);
    let identity = ReplayFile::parse(&content).unwrap().short_identity();
    let text = String::from_utf8(content).unwrap();
    let start: Vec<&str> = text.lines().take(4).collect();
    let expected = [
        "account,date,direction,amount,balance,purpose",
        "S000001,2023-08-01,credit,566.07,566.07,opening deposit",
        "S000001,2023-08-01,credit,6076.88,6642.95,salary",
        "S000001,2023-08-03,debit,1959.59,4683.36,rent",
    ];
    assert_eq!((start.as_slice(), identity.as_str()), (expected.as_slice(), "f614f876"));
}
