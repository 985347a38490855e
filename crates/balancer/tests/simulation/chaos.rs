//! Any mixture of faults, in any topology, and what it must end in.

use std::time::Duration;

use balancer::policy::{Moment, ServerState};

use crate::random::Random;
use crate::server::{CONNECT_TIMEOUT, Way};
use crate::world::{
    Arrivals, Fate, LOOK_EVERY, Service, Traffic, World, any_choice, by_outstanding, settings,
};
use crate::{for_every_seed, ms};

/// No attempt on a server that is well again takes longer: ten times the longest of ten means of
/// 20 ms, or a connection that was being tried.
const TAIL: Duration = Duration::from_secs(3);

fn any_way(random: &mut Random, front_door: bool) -> Way {
    let percent = random.between(5, 60);
    let later = ms(random.between(50, 3_000));
    let retry_after = random.percent(50);
    let ways = [
        Way::Well,
        Way::Well,
        Way::Later(later),
        Way::Times(10),
        Way::Dead,
        Way::Dead,
        Way::Unreachable,
        Way::Frozen,
        Way::Garbage,
        Way::Unavailable { retry_after },
        Way::BreaksMidAnswer,
        Way::Drops { percent },
    ];
    if front_door && random.percent(40) { Way::NoServer } else { random.pick(&ways) }
}

/// Draws a world full of faults; gives it with the moment at which everything heals.
fn draw(random: &mut Random) -> (World, Moment) {
    let front_door = random.percent(30);
    let east = usize::try_from(random.between(1, 8)).expect("small");
    let west = usize::try_from(random.between(0, 3)).expect("small");
    let (role, regions) = match (front_door, west) {
        (true, _) => ("front_door", vec![("east", 1), ("west", 1)]),
        (false, 0) => ("balancer", vec![("east", east)]),
        (false, _) => ("balancer", vec![("east", east), ("west", west)]),
    };
    let (mut settings, servers) = settings(role, any_choice(random), &regions);
    settings.eject_max = random.pick(&[ms(4_000), ms(16_000), ms(60_000)]);
    settings.check_timeout = ms(random.between(200, 3_000));
    settings.interval = ms(random.between(1_000, 10_000));
    settings.healthy_threshold = u32::try_from(random.between(1, 3)).expect("small");
    settings.unhealthy_threshold = u32::try_from(random.between(1, 5)).expect("small");
    settings.outstanding_max = random.pick(&[2, 20, 1_024]);
    settings.retry_percent = random.pick(&[0, 20, 20, 100]);
    settings.return_after = if front_door { settings.return_after } else { Duration::ZERO };
    let heals = ms(random.between(10_000, 40_000));
    let traffic = Traffic {
        per_second: random.pick(&[1, 10, 50]),
        arrivals: random.pick(&[Arrivals::Even, Arrivals::Poisson, Arrivals::Bursts(7)]),
        service: random.pick(&[Service::Constant, Service::Uniform, Service::Exponential]),
        mean: random.pick(&[Duration::ZERO, ms(2), ms(20)]),
        leave_percent: random.between(0, 10),
        until: heals,
    };
    let mut world = World::new(random.clone(), settings, &servers, traffic);
    for server in 0..servers.len() {
        if random.percent(30) {
            // Slow to start: nobody listens at first.
            world.ways[server] = Way::Dead;
        }
        let mut at = Duration::ZERO;
        while at < heals {
            at += ms(random.between(50, 12_000));
            let turned = at.min(heals);
            if random.percent(10) {
                world.drain(turned, server, random.percent(50));
            } else {
                world.turn(turned, server, any_way(random, front_door));
            }
        }
        world.drain(heals, server, false);
        world.turn(heals, server, Way::Well);
    }
    (world, heals)
}

/// The longest time until a server that is well is used again: what was under way ends, a whole
/// ejection, the check that then is under way, and the passes that a server needs that was down.
fn recovery_bound(world: &World) -> Duration {
    let settings = &world.settings;
    let pause = settings.doubt_interval.max(settings.ejected_interval) + LOOK_EVERY;
    TAIL.max(CONNECT_TIMEOUT)
        + settings.eject_max
        + settings.check_timeout.max(settings.suspect_timeout)
        + pause * (settings.healthy_threshold + 1)
}

#[test]
fn any_mixture_of_faults_keeps_the_laws_and_heals() {
    for_every_seed("chaos::any_mixture_of_faults_keeps_the_laws_and_heals", |random| {
        let (mut world, heals) = draw(random);
        world.run_until(heals);
        // Thin traffic while the servers come back: enough to be evidence, too little to hurry.
        let back = heals + recovery_bound(&world);
        world.resume(5, back);
        world.run_until(back);
        let count = world.ways.len();
        world.law(
            world.policy.usable().len() == count,
            "a server that is well is used again within its bound",
            || format!("{:?}", world.policy.view(back)),
        );
        let warm = back + world.settings.slow_start.max(world.settings.return_after);
        world.run_until(warm);
        for server in 0..count {
            world.law(
                world.policy.state(server, warm) == Some(ServerState::Healthy),
                "slow start ends",
                || format!("{:?}", world.policy.view_of(server, warm)),
            );
        }
        after_the_healing(&mut world, warm);
        world.close();
    });
}

/// Every request is answered, and the servers of the preferred region share them.
fn after_the_healing(world: &mut World, warm: Moment) {
    let first = world.requests.len();
    world.traffic.leave_percent = 0;
    world.traffic.mean = ms(5);
    world.traffic.arrivals = Arrivals::Poisson;
    let end = warm + Duration::from_secs(5);
    world.resume(100, end);
    world.run_until(end + TAIL);
    for request in &world.requests[first..] {
        let fate = request.fate;
        world.law(
            fate == Some(Fate::Answered) || world.settings.outstanding_max < 20,
            "when everything has healed every request is answered",
            || format!("{fate:?}"),
        );
    }
    let shares = world.shares(warm, end);
    let home = world.laws.home();
    let total: u64 = shares.iter().sum();
    let fair = total / u64::try_from(home.len()).expect("few");
    let slack = if by_outstanding(&world.settings) { fair / 3 + 10 } else { fair / 20 + 2 };
    for (server, share) in shares.into_iter().enumerate() {
        let expected = if home.contains(server) { fair } else { 0 };
        world.law(
            share.abs_diff(expected) <= slack || world.settings.outstanding_max < 20,
            "a server that came back gets its whole share after its slow start",
            || format!("server {server} got {share} instead of {expected}"),
        );
    }
}
