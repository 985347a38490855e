//! What a single fault may cost, in a region that had time to earn a budget of repeats.

use std::time::Duration;

use balancer::policy::Moment;

use crate::random::Random;
use crate::server::{Ending, Way};
use crate::world::{Fate, Kind, Traffic, World, any_choice, settings};
use crate::{for_every_seed, ms};

/// When the fault begins: a window of the budget has passed.
const FAULT: Moment = Duration::from_secs(11);
const VICTIM: usize = 0;

/// A region of 2 to 8 servers with steady traffic until 30 s, one of which turns bad.
fn region(random: &mut Random, choice: &str, per_second: u64, way: Way) -> World {
    let count = usize::try_from(random.between(2, 8)).expect("small");
    let (settings, servers) = settings("balancer", choice, &[("east", count)]);
    let mean = ms(random.between(1, 20));
    let traffic = Traffic::steady(per_second, mean, Duration::from_secs(25));
    let mut world = World::new(random.clone(), settings, &servers, traffic);
    world.turn(FAULT + random.time(Duration::ZERO, ms(6_000)), VICTIM, way);
    world
}

/// Runs to the fault; gives its moment and what the victim has in flight then.
fn run_to_the_fault(world: &mut World, way: Way) -> (Moment, u32) {
    world.run_until(FAULT);
    loop {
        let in_flight = world.laws.in_flight(VICTIM);
        if world.ways[VICTIM] == way {
            return (world.now, in_flight);
        }
        world.run_until(world.now + ms(1));
    }
}

fn failed(world: &World) -> impl Iterator<Item = (Kind, Fate)> + '_ {
    world.requests.iter().filter_map(|request| match request.fate {
        Some(Fate::Answered | Fate::ClientLeft) | None => None,
        Some(fate) => Some((request.kind, fate)),
    })
}

fn attempts_after(world: &World, moment: Moment) -> usize {
    world.begun.iter().filter(|one| one.server == VICTIM && one.at > moment).count()
}

fn no_repeatable_request_fails(world: &World) {
    for (kind, fate) in failed(world) {
        let holds = kind == Kind::Post || matches!(fate, Fate::CutShort(_));
        world.law(holds, "no read and no keyed post fails", || format!("{fate:?}"));
    }
}

#[test]
fn a_dead_server_costs_nothing_that_can_be_repeated() {
    let test = "faults::a_dead_server_costs_nothing_that_can_be_repeated";
    for_every_seed(test, |random| {
        let choice = any_choice(random);
        let per_second = random.pick(&[20, 100, 300]);
        let mut world = region(random, choice, per_second, Way::Dead);
        let (died, _) = run_to_the_fault(&mut world, Way::Dead);
        world.close();
        // What was in flight was reset at that moment, or else the first attempt is refused
        // within a millisecond: either takes the server out.
        let first = world.begun.iter().find(|one| one.server == VICTIM && one.at + ms(1) >= died);
        let noticed = first.map_or(died, |one| one.at.max(died)) + ms(2);
        world.law(
            attempts_after(&world, noticed) == 0,
            "a dead server gets nothing after its first refusal",
            || format!("died {died:?}, noticed {noticed:?}"),
        );
        no_repeatable_request_fails(&world);
        for (_, fate) in failed(&world) {
            world.law(
                matches!(fate, Fate::Failed(Ending::Broken) | Fate::CutShort(_)),
                "only what was sent without a key before the death, or half answered, fails",
                || format!("{fate:?}"),
            );
        }
    });
}

#[test]
fn a_frozen_server_gets_nothing_after_two_and_a_half_seconds() {
    let test = "faults::a_frozen_server_gets_nothing_after_two_and_a_half_seconds";
    for_every_seed(test, |random| {
        let choice = any_choice(random);
        let per_second = random.pick(&[20, 100]);
        let mut world = region(random, choice, per_second, Way::Frozen);
        // The repeats come when the silence has lasted 30 s; the budget lives by the traffic then.
        world.traffic.until = Duration::from_secs(55);
        let (froze, in_flight) = run_to_the_fault(&mut world, Way::Frozen);
        world.close();
        let from = froze.checked_sub(ms(1)).expect("late");
        let first = world.begun.iter().find(|one| one.server == VICTIM && one.at >= from);
        // Thin traffic may not meet the server at once; nobody is hurt before that.
        let met = if in_flight > 0 { froze } else { first.map_or(froze, |one| one.at) };
        world.law(
            attempts_after(&world, met + ms(2_500)) == 0,
            "a frozen server gets nothing 2.5 s after it owes an answer",
            || format!("froze {froze:?}, owes since {met:?}"),
        );
        let hurt = u64::try_from(attempts_after(&world, from)).expect("few");
        let count = u64::try_from(world.ways.len()).expect("few");
        let fair = per_second * 5 / 2 / count;
        world.law(
            hurt <= fair * 3 / 2 + 10,
            "a frozen server hurts no more than its share of 2.5 s",
            || format!("{hurt} of a share of {fair}"),
        );
        no_repeatable_request_fails(&world);
    });
}

#[test]
fn a_server_half_a_second_slower_gets_a_tenth_at_most() {
    let test = "faults::a_server_half_a_second_slower_gets_a_tenth_at_most";
    for_every_seed(test, |random| {
        let way = Way::Later(ms(500));
        let mut world = region(random, "least_outstanding", 300, way);
        let (slowed, _) = run_to_the_fault(&mut world, way);
        world.close();
        let shares = world.shares(slowed, slowed + ms(5_000));
        let total: u64 = shares.iter().sum();
        world.law(
            shares[VICTIM] * 10 <= total,
            "a server 500 ms slower than its peers gets a tenth of the requests at most",
            || format!("{shares:?}"),
        );
        world.law(failed(&world).count() == 0, "slowness fails nothing", String::new);
    });
}

#[test]
fn a_server_ten_times_slower_fails_nothing() {
    for_every_seed("faults::a_server_ten_times_slower_fails_nothing", |random| {
        let choice = any_choice(random);
        let mut world = region(random, choice, 100, Way::Times(10));
        world.close();
        world.law(failed(&world).count() == 0, "slowness fails nothing", String::new);
    });
}

#[test]
fn a_server_that_answers_wrongly_is_out_after_three() {
    for_every_seed("faults::a_server_that_answers_wrongly_is_out_after_three", |random| {
        let choice = any_choice(random);
        let ways =
            [Way::Garbage, Way::Unavailable { retry_after: false }, Way::Drops { percent: 100 }];
        let way = random.pick(&ways);
        let mut world = region(random, choice, 100, way);
        // Until the third wrong answer arrives others are sent: as many as then are in flight.
        let (turned, _) = run_to_the_fault(&mut world, way);
        let (mut in_flight, mut ejections) = (0, 0);
        while world.now < turned + ms(2_000) {
            world.run_until(world.now + ms(1));
            if ejections == 0 {
                in_flight = in_flight.max(u64::from(world.laws.in_flight(VICTIM)));
            }
            ejections = world.policy.counters().ejections;
        }
        world.law(ejections > 0, "a server that answers wrongly is taken out", String::new);
        let wrong = u64::try_from(attempts_after(&world, turned)).expect("few");
        let allowed = u64::from(world.settings.gateway_errors_max) + in_flight + 1;
        world.law(
            wrong <= allowed,
            "a server gets three wrong answers and what is in flight meanwhile",
            || format!("{wrong} instead of {allowed} by {way:?}"),
        );
        world.close();
        if way != (Way::Unavailable { retry_after: false }) {
            no_repeatable_request_fails(&world);
        }
    });
}

#[test]
fn an_orderly_refusal_is_no_evidence() {
    for_every_seed("faults::an_orderly_refusal_is_no_evidence", |random| {
        let choice = any_choice(random);
        let mut world = region(random, choice, 100, Way::Unavailable { retry_after: true });
        world.close();
        let ejections = world.policy.counters().ejections;
        world.law(ejections == 0, "503 with Retry-After is no evidence", || ejections.to_string());
    });
}

#[test]
fn a_server_that_drops_a_share_costs_nothing_that_can_be_repeated() {
    let test = "faults::a_server_that_drops_a_share_costs_nothing_that_can_be_repeated";
    for_every_seed(test, |random| {
        let choice = any_choice(random);
        let way = Way::Drops { percent: random.between(1, 50) };
        let mut world = region(random, choice, 200, way);
        world.close();
        no_repeatable_request_fails(&world);
        few_fail(&world, 1);
    });
}

/// One percent: each fall hurts what is in flight on one server (a few requests), and ejections
/// that double leave room for seven falls in the first two minutes.
fn few_fail(world: &World, percent: usize) {
    let (lost, all) = (failed(world).count(), world.requests.len());
    world.law(lost * 100 <= all * percent, "a bad server takes few requests with it", || {
        format!("{lost} of {all}")
    });
}

#[test]
fn a_flapping_server_takes_one_percent_with_it_at_most() {
    let test = "faults::a_flapping_server_takes_one_percent_with_it_at_most";
    for_every_seed(test, |random| {
        let choice = any_choice(random);
        let mut world = region(random, choice, 100, Way::Well);
        let (up, down) = (ms(random.between(200, 5_000)), ms(random.between(200, 3_000)));
        let fault = random.pick(&[Way::Dead, Way::Drops { percent: 100 }, Way::Garbage]);
        let mut at = FAULT;
        while at < Duration::from_secs(70) {
            world.turn(at, VICTIM, fault);
            world.turn(at + down, VICTIM, Way::Well);
            at += up + down;
        }
        world.traffic.until = Duration::from_secs(70);
        world.close();
        no_repeatable_request_fails(&world);
        few_fail(&world, 1);
    });
}

#[test]
fn a_server_that_came_back_gets_its_whole_share() {
    for_every_seed("faults::a_server_that_came_back_gets_its_whole_share", |random| {
        let choice = any_choice(random);
        let mut world = region(random, choice, 200, Way::Dead);
        let (died, _) = run_to_the_fault(&mut world, Way::Dead);
        let back = died + random.time(ms(100), ms(3_000));
        world.turn(back, VICTIM, Way::Well);
        let settings = &world.settings;
        let healthy = (settings.doubt_interval + settings.ejected_interval) * 2;
        let used = back + settings.eject_base + healthy + ms(500);
        let warm = used + settings.slow_start;
        world.traffic.until = warm + ms(10_000);
        world.run_until(used);
        world.law(
            world.policy.usable().contains(VICTIM),
            "a server that came back is used within its first ejection and two checks",
            || format!("{:?}", world.policy.view_of(VICTIM, used)),
        );
        world.close();
        let count = u64::try_from(world.ways.len()).expect("few");
        let first = world.begun.iter().find(|one| one.server == VICTIM && one.at >= back);
        let first = first.expect("it is used again").at;
        let shares = world.shares(first, first + ms(1_000));
        let fair = shares.iter().sum::<u64>() / count;
        world.law(
            shares[VICTIM] <= fair * 6 / 10 + 3,
            "a server that came back starts slowly",
            || format!("{shares:?}"),
        );
        let shares = world.shares(warm, warm + ms(10_000));
        let total: u64 = shares.iter().sum();
        world.law(
            shares[VICTIM].abs_diff(total / count) * 5 <= total / count,
            "after its slow start it has its share within a fifth",
            || format!("{shares:?}"),
        );
    });
}
