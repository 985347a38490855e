//! Shares, slow start, regions.

use super::*;

/// The shares of the first and the last server of a number of requests, ten in flight at a time.
fn counts(bench: &mut Bench, servers: usize, requests: usize) -> Vec<usize> {
    let mut counts = vec![0; servers];
    let mut flying = std::collections::VecDeque::new();
    for _ in 0..requests {
        let server = bench.choose().expect("a server");
        counts[server] += 1;
        flying.push_back(bench.policy.begin(server, bench.now));
        bench.later(ms(1));
        if flying.len() == 10 {
            // Some are answered out of order, as in life.
            let position = usize::try_from(bench.dice() >> 33).expect("small") % 3;
            let attempt = flying.remove(position).expect("in flight");
            bench.policy.end(attempt, bench.now, Outcome::Answered);
        }
    }
    counts
}

fn check_fair(policy: &str, servers: usize, percent: usize) {
    let extra = format!(r#""policy":"{policy}","#);
    let mut bench = Bench::new("balancer", &[("east", servers)], &extra);
    bench.pass_all();
    let requests = 10_000;
    for count in counts(&mut bench, servers, requests) {
        let fair = requests / servers;
        assert!(
            count.abs_diff(fair) * 100 <= fair * percent,
            "{policy} over {servers} servers: {count} instead of {fair}"
        );
    }
}

#[test]
fn equal_servers_get_equal_shares() {
    for servers in [2, 3, 4, 7] {
        check_fair("least_outstanding", servers, 5);
        check_fair("round_robin", servers, 1);
    }
}

#[test]
fn the_busier_of_two_is_not_chosen() {
    let mut bench = Bench::ready(2);
    let _held = bench.policy.begin(0, bench.now);
    for _ in 0..100 {
        assert_eq!(bench.choose(), Ok(1));
    }
}

#[test]
fn a_server_at_its_limit_is_left_out_and_all_at_their_limit_means_queue_full() {
    let extra = r#""limits":{"outstanding_per_server_max":2},"policy":"round_robin","#;
    let mut bench = Bench::new("balancer", &[("east", 2)], extra);
    bench.pass_all();
    let mut held = Vec::new();
    for _ in 0..4 {
        let server = bench.choose().expect("room");
        held.push(bench.policy.begin(server, bench.now));
    }
    assert_eq!(bench.choose(), Err(Refusal::QueueFull));
    let attempt = held.pop().expect("held");
    let free = attempt.server;
    bench.policy.end(attempt, bench.now, Outcome::Answered);
    assert_eq!(bench.choose(), Ok(free));
}

#[test]
fn a_returning_server_starts_slowly() {
    let mut bench = Bench::ready(2);
    bench.request(0, Outcome::Reset);
    while bench.state(0) == ServerState::Ejected {
        bench.check(0, Ok(()));
    }
    let mut shares = Vec::new();
    for _ in 0..6 {
        let mut share = 0;
        for _ in 0..1_000 {
            let server = bench.choose().expect("a server");
            share += usize::from(server == 0);
            let attempt = bench.policy.begin(server, bench.now);
            bench.policy.end(attempt, bench.now, Outcome::Answered);
        }
        shares.push(share);
        bench.later(ms(1_000));
    }
    assert!(shares[0] < 100, "a twentieth at first: {shares:?}");
    assert!(shares.windows(2).all(|pair| pair[0] < pair[1] + 60), "growing: {shares:?}");
    assert!(shares[5].abs_diff(500) < 60, "its whole share at the end: {shares:?}");
}

fn front_door() -> Bench {
    let mut bench = Bench::new("front_door", &[("east", 1), ("west", 1)], "");
    bench.pass_all();
    bench
}

#[test]
fn the_front_door_prefers_its_home() {
    let mut bench = front_door();
    for _ in 0..100 {
        assert_eq!(bench.choose(), Ok(0));
    }
}

#[test]
fn the_front_door_leaves_after_three_failed_checks_and_returns_after_a_minute_of_health() {
    let mut bench = front_door();
    let began = bench.now;
    for _ in 0..3 {
        assert_eq!(bench.choose(), Ok(0));
        bench.check(0, Err(CheckFailure::Timeout));
    }
    assert_eq!(bench.choose(), Ok(1));
    assert!(bench.now - began <= ms(4_000));
    while bench.state(0) != ServerState::SlowStart {
        bench.check(0, Ok(()));
    }
    let well = bench.now;
    while bench.now - well < ms(60_000) {
        assert_eq!(bench.choose(), Ok(1), "after {:?}", bench.now - well);
        bench.later(ms(1_000));
    }
    assert_eq!(bench.choose(), Ok(0));
}

#[test]
fn the_front_door_leaves_at_once_on_a_refused_connection() {
    let mut bench = front_door();
    bench.request(0, Outcome::Refused);
    assert_eq!(bench.choose(), Ok(1));
}

#[test]
fn a_region_that_flaps_does_not_get_its_clients_back() {
    let mut bench = front_door();
    for _ in 0..10 {
        bench.request(0, Outcome::Refused);
        while bench.state(0) == ServerState::Ejected {
            bench.check(0, Ok(()));
            assert_eq!(bench.choose(), Ok(1));
        }
        bench.later(ms(30_000));
        assert_eq!(bench.choose(), Ok(1));
    }
}

#[test]
fn a_region_not_yet_settled_is_used_when_the_other_is_gone() {
    let mut bench = front_door();
    bench.request(0, Outcome::Refused);
    while bench.state(0) == ServerState::Ejected {
        bench.check(0, Ok(()));
    }
    assert_eq!(bench.choose(), Ok(1));
    bench.request(1, Outcome::Refused);
    assert_eq!(bench.choose(), Ok(0));
}

#[test]
fn a_balancer_spills_to_the_other_region_and_comes_back_at_once() {
    let mut bench = Bench::new("balancer", &[("east", 2), ("west", 1)], "");
    bench.pass_all();
    for server in [0, 1] {
        for _ in 0..3 {
            bench.check(server, Err(CheckFailure::Refused));
        }
    }
    assert_eq!(bench.choose(), Ok(2));
    let random = bench.dice();
    let stays = bench.policy.choose(bench.now, random, ServerSet::EMPTY, true);
    assert!(stays.expect("fail open at home").server < 2, "a spilled request does not spill on");
    for _ in 0..2 {
        bench.check(0, Ok(()));
    }
    assert_eq!(bench.choose(), Ok(0));
}

#[test]
fn idle_servers_take_turns() {
    let mut bench = Bench::ready(2);
    let mut last = bench.choose().expect("a server");
    for _ in 0..100 {
        bench.request(last, Outcome::Answered);
        let next = bench.choose().expect("a server");
        assert_ne!(next, last);
        last = next;
    }
}

#[test]
fn when_both_regions_were_left_one_of_them_gets_everything() {
    let mut bench = front_door();
    for server in [0, 1] {
        for _ in 0..3 {
            bench.check(server, Err(CheckFailure::Timeout));
        }
    }
    for _ in 0..2 {
        bench.check(1, Ok(()));
    }
    for _ in 0..2 {
        bench.check(0, Ok(()));
    }
    for _ in 0..100 {
        assert_eq!(bench.choose(), Ok(1), "west is well for longer");
    }
}
