//! What people see of the policy agrees with what it does.

use super::*;

fn view(bench: &Bench, server: usize) -> ServerView {
    bench.policy.view_of(server, bench.now).expect("a server")
}

#[test]
fn a_state_knows_since_when_and_an_ejection_until_when() {
    let mut bench = Bench::ready(2);
    assert_eq!(view(&bench, 0).since, ms(0));
    bench.later(ms(300));
    bench.request(0, Outcome::Refused);
    let ejected = bench.now;
    bench.later(ms(700));
    let seen = view(&bench, 0);
    assert_eq!((seen.state, seen.since), (ServerState::Ejected, ejected));
    assert_eq!(seen.ejection, Some((Evidence::Refused, ejected + ms(2_000))));
    assert_eq!(seen.why, "refused a connection");
    assert_eq!(seen.ejections, [1, 0, 0, 0], "in the order of Evidence::ALL");
    while bench.state(0) == ServerState::Ejected {
        bench.check(0, Ok(()));
    }
    let back = bench.now;
    assert_eq!(view(&bench, 0).last_check, Some((back, Ok(()))));
    assert_eq!((view(&bench, 0).since, view(&bench, 0).ejection), (back, None));
    bench.later(ms(60_000));
    let warm = (ServerState::Healthy, back + ms(5_000));
    assert_eq!((view(&bench, 0).state, view(&bench, 0).since), warm);
    bench.check(0, Ok(()));
    assert_eq!((view(&bench, 0).state, view(&bench, 0).since), warm, "a check does not move it");
}

#[test]
fn a_region_that_was_left_says_when_it_is_used_again() {
    let mut bench = Bench::new("front_door", &[("east", 1), ("west", 1)], "");
    bench.pass_all();
    assert_eq!(bench.policy.serving(bench.now), ServerSet::only(0));
    bench.request(0, Outcome::Refused);
    assert_eq!(bench.policy.serving(bench.now), ServerSet::only(1));
    let [east, west] = <[_; 2]>::try_from(bench.policy.view_of_regions(bench.now)).expect("two");
    assert_eq!((east.name.as_str(), east.preferred, east.left), ("east", true, true));
    assert_eq!(east.returns_at, None, "it is not well yet");
    assert!(!west.left && !west.preferred);
    while bench.state(0) == ServerState::Ejected {
        bench.check(0, Ok(()));
    }
    let returns = bench.policy.view_of_regions(bench.now)[0].returns_at.expect("it is well");
    assert_eq!(returns, bench.now + ms(60_000));
    bench.now = returns;
    assert!(!bench.policy.view_of_regions(bench.now)[0].left);
    assert_eq!(bench.policy.serving(bench.now), ServerSet::only(0), "before anybody chose");
    assert_eq!(bench.choose(), Ok(0));
}

#[test]
fn with_nobody_usable_it_says_that_it_fails_open() {
    let mut bench = Bench::new("balancer", &[("east", 2)], "");
    assert!(!bench.policy.fails_open(), "nobody may be tried yet");
    bench.pass_all();
    for server in [0, 1] {
        for _ in 0..3 {
            assert!(!bench.policy.fails_open());
            bench.check(server, Err(CheckFailure::Timeout));
        }
    }
    assert!(bench.policy.fails_open());
}
