//! Checks, ejection, return.

use super::*;

#[test]
fn a_server_gets_nothing_before_its_first_passed_check_and_one_suffices() {
    let mut bench = Bench::new("balancer", &[("east", 2)], "");
    assert_eq!(bench.choose(), Err(Refusal::NoServer));
    bench.check(0, Err(CheckFailure::Refused));
    assert_eq!(bench.choose(), Err(Refusal::NoServer), "fail open is not for new servers");
    bench.check(0, Ok(()));
    assert_eq!(bench.choose(), Ok(0));
    assert_eq!(bench.state(1), ServerState::New);
}

#[test]
fn a_new_server_is_asked_at_once_and_every_tenth_of_a_second() {
    let mut bench = Bench::new("balancer", &[("east", 1)], "");
    for _ in 0..5 {
        let before = bench.now;
        bench.check(0, Err(CheckFailure::Refused));
        assert!(bench.now - before <= ms(100));
    }
    assert_eq!(bench.now, ms(400));
}

#[test]
fn a_failed_server_needs_its_threshold_of_passes() {
    let mut bench = Bench::ready(2);
    for _ in 0..2 {
        bench.check(0, Err(CheckFailure::Timeout));
        assert_eq!(bench.state(0), ServerState::Healthy);
    }
    bench.check(0, Err(CheckFailure::Status(503)));
    assert_eq!(bench.state(0), ServerState::Unhealthy);
    assert_eq!(
        bench.policy.view_of(0, bench.now).expect("a server").why,
        "the check was answered with 503"
    );
    bench.check(0, Ok(()));
    assert_eq!(bench.state(0), ServerState::Unhealthy);
    bench.check(0, Err(CheckFailure::Refused));
    bench.check(0, Ok(()));
    bench.check(0, Ok(()));
    assert_eq!(bench.state(0), ServerState::SlowStart);
    bench.later(ms(5_000));
    assert_eq!(bench.state(0), ServerState::Healthy);
}

#[test]
fn refused_and_broken_connections_eject_at_once() {
    for outcome in [Outcome::Refused, Outcome::Reset] {
        let mut bench = Bench::ready(2);
        bench.request(0, outcome);
        assert_eq!(bench.state(0), ServerState::Ejected);
        for _ in 0..100 {
            assert_eq!(bench.choose(), Ok(1));
        }
    }
}

#[test]
fn three_gateway_errors_in_a_row_eject() {
    let errors = [Outcome::GatewayError, Outcome::Garbage, Outcome::Silence];
    let mut bench = Bench::ready(2);
    for outcome in [errors[0], errors[1], Outcome::Answered, errors[2], errors[0]] {
        bench.request(0, outcome);
        assert_eq!(bench.state(0), ServerState::Healthy);
    }
    bench.request(0, errors[1]);
    assert_eq!(bench.state(0), ServerState::Ejected);
}

#[test]
fn an_orderly_refusal_and_a_client_that_left_are_no_evidence() {
    let mut bench = Bench::ready(2);
    for _ in 0..100 {
        bench.request(0, Outcome::Unknown);
    }
    assert_eq!(bench.state(0), ServerState::Healthy);
}

/// How long the server is out, with checks that pass all the time.
fn time_out(bench: &mut Bench, server: usize) -> Duration {
    bench.request(server, Outcome::Reset);
    let began = bench.now;
    while bench.state(server) == ServerState::Ejected {
        bench.check(server, Ok(()));
    }
    bench.now - began
}

#[test]
fn ejections_double_up_to_a_minute_and_decay_with_health() {
    let mut bench = Bench::ready(2);
    for expect in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        let out = time_out(&mut bench, 0);
        assert!(out >= ms(expect) && out <= ms(expect + 250), "{out:?} instead of {expect} ms");
    }
    bench.later(ms(65_000));
    let out = time_out(&mut bench, 0);
    assert!(out >= ms(16_000) && out <= ms(16_250), "64 s, halved twice: {out:?}");
    bench.later(ms(3_600_000));
    assert!(time_out(&mut bench, 0) <= ms(2_250));
}

#[test]
fn an_ejected_server_that_stays_dead_does_not_come_back_on_the_clock() {
    let mut bench = Bench::ready(2);
    bench.request(0, Outcome::Refused);
    for _ in 0..40 {
        bench.check(0, Err(CheckFailure::Refused));
        assert_ne!(bench.choose(), Ok(0));
    }
    assert_eq!(bench.state(0), ServerState::Unhealthy);
}

#[test]
fn what_began_before_the_ejection_is_not_new_evidence() {
    let mut bench = Bench::ready(2);
    let attempts: Vec<_> = (0..30).map(|_| bench.policy.begin(0, bench.now)).collect();
    for attempt in attempts {
        bench.policy.end(attempt, bench.now, Outcome::Reset);
    }
    assert_eq!(bench.policy.counters().ejections, 1);
    let began = bench.now;
    while bench.state(0) == ServerState::Ejected {
        bench.check(0, Ok(()));
    }
    assert!(bench.now - began <= ms(2_250), "thirty resets of one death count once");
}

#[test]
fn passive_evidence_takes_out_at_most_half_of_a_region() {
    let mut bench = Bench::ready(5);
    for server in 0..5 {
        bench.request(server, Outcome::Refused);
    }
    let out = (0..5).filter(|&server| bench.state(server) == ServerState::Ejected).count();
    assert_eq!(out, 2);
    assert_eq!(bench.policy.counters().ejections_withheld, 3);
    let mut lone = Bench::ready(1);
    lone.request(0, Outcome::Refused);
    assert_eq!(lone.choose(), Ok(0));
}

#[test]
fn of_two_servers_the_dead_one_is_out_and_the_recovered_one_serves() {
    let mut bench = Bench::ready(2);
    bench.request(0, Outcome::Refused);
    bench.check(0, Ok(()));
    assert_eq!(bench.state(0), ServerState::Ejected, "its two seconds are not over");
    bench.request(1, Outcome::Refused);
    assert_eq!(bench.state(1), ServerState::Ejected);
    assert_eq!(bench.choose(), Ok(0));
}

#[test]
fn when_all_are_down_all_are_tried() {
    let mut bench = Bench::ready(3);
    for server in 0..3 {
        for _ in 0..3 {
            bench.check(server, Err(CheckFailure::Timeout));
        }
    }
    let mut tried = ServerSet::EMPTY;
    for _ in 0..100 {
        let random = bench.dice();
        let choice = bench.policy.choose(bench.now, random, ServerSet::EMPTY, false);
        let choice = choice.expect("fail open");
        assert!(choice.fail_open);
        tried.insert(choice.server);
        let attempt = bench.policy.begin(choice.server, bench.now);
        bench.policy.end(attempt, bench.now, Outcome::Unknown);
    }
    assert_eq!(tried.len(), 3);
    assert_eq!(bench.policy.counters().failed_open, 100);
}

#[test]
fn a_draining_server_gets_nothing_new_not_even_in_need() {
    let mut bench = Bench::ready(2);
    let attempt = bench.policy.begin(0, bench.now);
    bench.policy.set_draining(0, bench.now, true);
    for _ in 0..100 {
        assert_eq!(bench.choose(), Ok(1));
    }
    bench.policy.set_draining(1, bench.now, true);
    assert_eq!(bench.choose(), Err(Refusal::NoServer));
    assert_eq!(bench.policy.view_of(0, bench.now).expect("a server").outstanding, 1);
    bench.policy.end(attempt, bench.now, Outcome::Answered);
    bench.policy.set_draining(0, bench.now, false);
    assert_eq!(bench.choose(), Ok(0));
}

/// Waits on one server with a request that is not answered, until something happens to it.
fn freeze(bench: &mut Bench, check: CheckResult) -> Duration {
    bench.request(0, Outcome::Answered);
    let began = bench.now;
    let _held = bench.policy.begin(0, bench.now);
    while bench.now - began < ms(10_000) && bench.state(0) == ServerState::Healthy {
        match bench.policy.plan_check(0, bench.now) {
            CheckPlan::Wait(time) => bench.later(time.min(ms(100))),
            CheckPlan::Check(limit) => {
                if check.is_err() {
                    bench.later(limit);
                }
                let random = bench.dice();
                bench.policy.on_check(0, bench.now, random, check);
            }
        }
    }
    bench.now - began
}

#[test]
fn a_frozen_server_is_out_within_two_and_a_half_seconds() {
    let mut bench = Bench::ready(2);
    let out = freeze(&mut bench, Err(CheckFailure::Timeout));
    assert_eq!(bench.state(0), ServerState::Ejected);
    assert!(out <= ms(2_500), "{out:?}");
    assert!(bench.policy.view(bench.now)[0].why.starts_with("owed answers"));
}

#[test]
fn a_server_with_one_slow_request_is_checked_and_stays() {
    let mut bench = Bench::ready(2);
    freeze(&mut bench, Ok(()));
    assert_eq!(bench.state(0), ServerState::Healthy);
}

#[test]
fn a_regular_check_under_way_confirms_the_silence_that_began_meanwhile() {
    let mut bench = Bench::ready(2);
    let limit = loop {
        match bench.policy.plan_check(0, bench.now) {
            CheckPlan::Wait(time) => bench.later(time),
            CheckPlan::Check(limit) => break limit,
        }
    };
    let _held = bench.policy.begin(0, bench.now);
    bench.later(limit.max(ms(500)));
    let random = bench.dice();
    bench.policy.on_check(0, bench.now, random, Err(CheckFailure::Timeout));
    assert_eq!(bench.state(0), ServerState::Ejected);
}

#[test]
fn the_last_server_in_use_is_not_taken_out_for_one_that_checks_took_out() {
    let mut bench = Bench::ready(2);
    for _ in 0..3 {
        bench.check(0, Err(CheckFailure::Timeout));
    }
    bench.request(1, Outcome::Reset);
    assert_eq!(bench.state(1), ServerState::Healthy);
    assert_eq!(bench.policy.counters().ejections_withheld, 1);
    for _ in 0..100 {
        assert_eq!(bench.choose(), Ok(1));
    }
}
