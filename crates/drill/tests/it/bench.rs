//! Measurements: that they count what happened. How fast anything is, is not tested here.

use std::{sync::mpsc, time::Duration};

use drill::bench::{BenchOptions, Report, Workload, compare_unknown, run};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::fake_bank::{FakeBank, Faults};

fn options(workload: Workload) -> BenchOptions {
    BenchOptions {
        connections: 4,
        window: Duration::from_millis(300),
        warm_up: Duration::from_millis(50),
        accounts: 20,
        batch_size: 10,
        ..BenchOptions::new(workload)
    }
}

/// Runs the bank on a runtime of its own, because the measurement blocks.
fn with_bank<T>(faults: Faults, test: impl FnOnce(&FakeBank) -> T) -> T {
    let (started, bank) = mpsc::channel();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(async move { started.send(FakeBank::start(faults).await).unwrap() });
    test(&bank.recv().unwrap())
}

fn measure(bank: &FakeBank, options: &BenchOptions) -> Report {
    run(&bank.target(), options, &ProgressBar::hidden()).unwrap()
}

#[test]
fn every_workload_counts_operations_without_errors() {
    for workload in [
        Workload::Views,
        Workload::Deposits,
        Workload::Transfers,
        Workload::Batch,
        Workload::Logins,
    ] {
        with_bank(Faults::default(), |bank| {
            let report = measure(bank, &options(workload));
            assert!(!report.found_a_problem(), "{report:?}");
            assert!(report.figures.operations > 0, "{report:?}");
            assert!(report.figures.p50_ms <= report.figures.p99_ms);
            assert!(report.figures.p99_ms <= report.figures.max_ms);
            assert_eq!(report.servers.len(), 2);
            assert_eq!(report.processes[0].name, "client");
            if matches!(workload, Workload::Deposits | Workload::Transfers | Workload::Batch) {
                // The warm-up and the last requests are booked but not counted.
                assert!(report.figures.operations <= bank.books(|books| books.postings));
            }
            if workload == Workload::Batch {
                assert_eq!(report.figures.operations % 10, 0);
            }
        });
    }
}

#[test]
fn views_beside_sign_ins_are_reported_apart() {
    with_bank(Faults::default(), |bank| {
        let options = BenchOptions { while_views: 3, ..options(Workload::Logins) };
        let report = measure(bank, &options);
        assert!(report.while_views.as_ref().is_some_and(|views| views.operations > 0));
        let json: Value = serde_json::to_value(&report).unwrap();
        assert!(json["while_views"]["p99_ms"].is_number(), "{json}");
        assert!(json["operations_per_second"].is_number(), "{json}");
    });
}

#[test]
fn failures_are_counted_under_their_reason() {
    with_bank(Faults { unavailable_every: 10, drop_every: 33, ..Faults::default() }, |bank| {
        let report = measure(bank, &options(Workload::Views));
        assert!(report.found_a_problem());
        let reasons: Vec<&str> = report.figures.errors.keys().map(String::as_str).collect();
        assert_eq!(reasons, ["503 overloaded", "connection broke"]);
        assert!(report.table().contains("503 overloaded"), "{}", report.table());
    });
}

#[test]
fn accounts_are_made_once_and_remembered_only_for_the_same_bank() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Some(folder.path().join("bench-accounts.json"));
    let small = BenchOptions { memory, ..options(Workload::Transfers) };
    let large = BenchOptions { accounts: 25, hot: true, ..small.clone() };
    let opened = |bank: &FakeBank| bank.books(|books| books.accounts.len());
    with_bank(Faults::default(), |bank| {
        for (options, expected) in [(&small, 20), (&small, 20), (&large, 26), (&large, 26)] {
            assert!(!measure(bank, options).found_a_problem());
            assert_eq!(opened(bank), expected);
        }
    });
    with_bank(Faults::default(), |bank| {
        bank.books(|books| books.customers.push(crate::fake_bank::customer("1".into(), "A")));
        assert!(!measure(bank, &small).found_a_problem());
        assert_eq!(opened(bank), 20);
    });
}

#[test]
fn unknown_and_known_users_are_compared() {
    with_bank(Faults::default(), |bank| {
        let report = compare_unknown(&bank.target(), "C00000003", 5).unwrap();
        assert_eq!(report.pairs, 5);
        assert!(report.known_median_ms > 0.0 && report.unknown_median_ms > 0.0);
    });
}
