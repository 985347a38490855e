//! Laws under any sequence of events.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Check(usize, CheckResult),
    Request(u64),
    End(usize, Outcome),
    Drain(usize, bool),
}

const SERVERS: usize = 4;

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Answered),
        1 => Just(Outcome::GatewayError),
        1 => Just(Outcome::Silence),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Reset),
        1 => Just(Outcome::Unknown),
    ]
}

fn check_result() -> impl Strategy<Value = CheckResult> {
    prop_oneof![3 => Just(Ok(())), 1 => Just(Err(CheckFailure::Timeout))]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0_u64..3_000).prop_map(Event::Wait),
        3 => (0..SERVERS, check_result()).prop_map(|(server, result)| Event::Check(server, result)),
        6 => any::<u64>().prop_map(Event::Request),
        6 => (0_usize..64, outcome()).prop_map(|(which, outcome)| Event::End(which, outcome)),
        1 => (0..SERVERS, any::<bool>()).prop_map(|(server, on)| Event::Drain(server, on)),
    ]
}

fn check_laws(bench: &Bench, passed: ServerSet, flying: &[Attempt]) {
    let views = bench.policy.view(bench.now);
    for region in [0..2, 2..4] {
        let out = region.clone().filter(|&s| bench.policy.servers[s].is_ejected()).count();
        assert!(out <= region.len() / 2, "more than half of a region ejected: {views:?}");
    }
    for (server, view) in views.iter().enumerate() {
        let held = flying.iter().filter(|attempt| attempt.server == server).count();
        assert_eq!(usize::try_from(view.outstanding), Ok(held), "outstanding of {server}");
        let in_use = matches!(view.state, ServerState::Healthy | ServerState::SlowStart);
        assert_eq!(bench.policy.usable().contains(server), in_use, "{view:?}");
        assert_eq!(view.state == ServerState::New, !passed.contains(server) && !drains(view));
        assert_eq!(view.why.is_empty(), view.state == ServerState::Healthy, "{view:?}");
    }
}

fn drains(view: &ServerView) -> bool {
    view.state == ServerState::Draining
}

proptest! {
    #[test]
    fn no_sequence_of_events_breaks_the_laws(events in prop::collection::vec(event(), 1..300)) {
        let mut bench = Bench::new("balancer", &[("east", 2), ("west", 2)], "");
        let (mut passed, mut flying) = (ServerSet::EMPTY, Vec::new());
        for event in events {
            match event {
                Event::Wait(time) => bench.later(ms(time)),
                Event::Check(server, result) => {
                    bench.check(server, result);
                    passed.set(server, passed.contains(server) || result.is_ok());
                }
                Event::Request(random) => {
                    bench.policy.on_request(bench.now);
                    let usable = bench.policy.usable();
                    match bench.policy.choose(bench.now, random, ServerSet::EMPTY, false) {
                        Ok(choice) => {
                            prop_assert!(passed.contains(choice.server));
                            prop_assert!(!bench.policy.servers[choice.server].draining);
                            prop_assert_eq!(choice.fail_open, usable.is_empty());
                            prop_assert!(choice.fail_open || usable.contains(choice.server));
                            flying.push(bench.policy.begin(choice.server, bench.now));
                        }
                        Err(_) => prop_assert!(usable.is_empty()),
                    }
                }
                Event::End(which, outcome) if !flying.is_empty() => {
                    let attempt = flying.swap_remove(which % flying.len());
                    bench.policy.end(attempt, bench.now, outcome);
                }
                Event::End(..) => {}
                Event::Drain(server, on) => bench.policy.set_draining(server, bench.now, on),
            }
            check_laws(&bench, passed, &flying);
        }
    }

    #[test]
    fn a_well_server_is_used_again_within_its_bound(
        events in prop::collection::vec((0..2_usize, outcome(), check_result()), 1..60)
    ) {
        let mut bench = Bench::ready(2);
        for (server, outcome, result) in events {
            bench.request(server, outcome);
            bench.check(server, result);
        }
        // Longest ejection, one check more, and the two passes of a server that was down.
        let end = bench.now + ms(60_000 + 250 + 3_000);
        while bench.now < end {
            bench.check(0, Ok(()));
            bench.check(1, Ok(()));
        }
        prop_assert_eq!(bench.policy.usable().len(), 2);
    }

    #[test]
    fn repeats_never_exceed_the_budget(gaps in prop::collection::vec(0_u64..3_000, 1..400)) {
        let mut bench = Bench::ready(2);
        let (mut requests, mut retries) = (0_u64, 0_u64);
        let began = bench.now;
        for gap in gaps {
            bench.later(ms(gap));
            bench.policy.on_request(bench.now);
            requests += 1;
            let failure = Failure {
                sent: Sent::Something,
                repeatable: Repeatable::Yes,
                tried: ServerSet::only(0),
                repeats_after_sent: 0,
                home_only: false,
            };
            retries += u64::from(bench.policy.permit_retry(bench.now, &failure).is_ok());
            // The window moves in tenths, so a minimum may fall into nine of them.
            let windows = u64::try_from((bench.now - began).as_millis()).expect("short") / 9_000;
            prop_assert!(retries <= requests / 5 + 3 * (windows + 2));
        }
    }
}
