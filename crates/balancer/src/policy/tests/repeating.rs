//! Which requests are sent again, and how many.

use super::*;

const SENT: Sent = Sent::Something;
const UNSENT: Sent = Sent::Nothing;

fn failure(sent: Sent, repeatable: Repeatable, tried: usize, repeats: u32) -> Failure {
    let mut servers = ServerSet::EMPTY;
    (0..tried).for_each(|server| servers.insert(server));
    Failure { sent, repeatable, tried: servers, repeats_after_sent: repeats, home_only: false }
}

#[test]
fn the_table_of_repeats() {
    use Denial::{NotRepeatable, TriedEnough};
    use Repeatable::{No, Yes};
    for (sent, repeatable, tried, repeats, expect) in [
        (UNSENT, No, 1, 0, Ok(())),
        (UNSENT, Yes, 1, 0, Ok(())),
        (UNSENT, No, 2, 0, Ok(())),
        (UNSENT, Yes, 2, 1, Ok(())),
        (UNSENT, Yes, 3, 0, Err(TriedEnough)),
        (SENT, Yes, 1, 0, Ok(())),
        (SENT, Yes, 2, 1, Err(TriedEnough)),
        (SENT, No, 1, 0, Err(NotRepeatable)),
        (SENT, No, 2, 1, Err(NotRepeatable)),
    ] {
        let mut bench = Bench::ready(4);
        let got = bench.policy.permit_retry(bench.now, &failure(sent, repeatable, tried, repeats));
        assert_eq!(got, expect, "{sent:?} {repeatable:?} tried {tried} repeats {repeats}");
    }
}

#[test]
fn nothing_is_repeated_when_there_is_nobody_else() {
    let mut bench = Bench::ready(1);
    let got = bench.policy.permit_retry(bench.now, &failure(UNSENT, Repeatable::Yes, 1, 0));
    assert_eq!(got, Err(Denial::NoOtherServer));
    let mut bench = Bench::new("balancer", &[("east", 2)], "");
    bench.check(0, Ok(()));
    let got = bench.policy.permit_retry(bench.now, &failure(UNSENT, Repeatable::Yes, 1, 0));
    assert_eq!(got, Err(Denial::NoOtherServer), "a server that never passed a check is nobody");
}

/// With everything failing, how many repeats are allowed for each of the requests?
fn repeats(bench: &mut Bench, requests: u64) -> u64 {
    let mut allowed = 0;
    for _ in 0..requests {
        bench.policy.on_request(bench.now);
        let failure = failure(SENT, Repeatable::Yes, 1, 0);
        allowed += u64::from(bench.policy.permit_retry(bench.now, &failure).is_ok());
    }
    allowed
}

#[test]
fn the_budget_is_a_fifth_of_the_requests_and_at_least_three() {
    for (requests, expect) in [(1, 1), (3, 3), (4, 3), (15, 3), (20, 4), (1_000, 200)] {
        let mut bench = Bench::ready(2);
        assert_eq!(repeats(&mut bench, requests), expect, "{requests} requests");
    }
}

#[test]
fn a_new_window_brings_a_new_minimum() {
    let mut bench = Bench::ready(2);
    assert_eq!(repeats(&mut bench, 10), 3);
    bench.later(ms(9_000));
    assert_eq!(repeats(&mut bench, 1), 0);
    bench.later(ms(2_000));
    assert_eq!(repeats(&mut bench, 3), 3);
    assert_eq!(bench.policy.counters().retries, 6);
}

#[test]
fn no_window_holds_two_minimums() {
    let mut bench = Bench::ready(2);
    bench.later(ms(990));
    assert_eq!(repeats(&mut bench, 5), 3);
    bench.later(ms(9_900));
    assert_eq!(repeats(&mut bench, 5), 0, "the three are less than a window old");
    bench.later(ms(1_100));
    assert_eq!(repeats(&mut bench, 5), 3);
}

#[test]
fn no_repeat_is_spent_when_those_in_use_are_full() {
    let mut bench =
        Bench::new("balancer", &[("east", 3)], r#""limits":{"outstanding_per_server_max":1},"#);
    bench.pass_all();
    for _ in 0..3 {
        bench.check(2, Err(CheckFailure::Timeout));
    }
    let _held = bench.policy.begin(1, bench.now);
    let got = bench.policy.permit_retry(bench.now, &failure(UNSENT, Repeatable::Yes, 1, 0));
    assert_eq!(got, Err(Denial::NoOtherServer), "a full server in use is waited for");
    assert_eq!(bench.policy.counters().retries, 0);
}

#[test]
fn what_balancers_repeated_is_taken_from_the_budget() {
    let mut bench = Bench::ready(2);
    (0..100).for_each(|_| bench.policy.on_request(bench.now));
    bench.policy.on_repeats_behind(bench.now, 15);
    let failure = failure(SENT, Repeatable::Yes, 1, 0);
    let allowed =
        (0..20).filter(|_| bench.policy.permit_retry(bench.now, &failure).is_ok()).count();
    assert_eq!(allowed, 5, "20 of 100, less 15");
    assert_eq!(bench.policy.counters().retries_behind, 15);
    bench.policy.on_repeats_behind(bench.now, 1_000);
    bench.now += Duration::from_secs(12);
    assert_eq!(bench.policy.retries_left(bench.now), 3, "forgotten after the window");
}
