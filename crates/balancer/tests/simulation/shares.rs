//! Equal servers get equal shares.

use std::time::Duration;

use crate::world::{Arrivals, Service, Traffic, World, by_outstanding, settings};
use crate::{for_every_seed, ms};

const REQUESTS: u64 = 10_000;

/// Measures over 10,000 requests; with equal servers and nothing wrong.
fn check(test: &'static str, choice: &'static str, percent: u64) {
    for_every_seed(test, |random| {
        let count = usize::try_from(random.between(2, 8)).expect("small");
        let (settings, servers) = settings("balancer", choice, &[("east", count)]);
        let per_second = random.pick(&[50, 300, 1_000]);
        let begin = ms(100);
        let traffic = Traffic {
            per_second,
            arrivals: random.pick(&[Arrivals::Even, Arrivals::Poisson, Arrivals::Bursts(20)]),
            service: random.pick(&[Service::Constant, Service::Uniform, Service::Exponential]),
            mean: random.pick(&[Duration::ZERO, ms(1), ms(5), ms(50)]),
            leave_percent: 0,
            until: Duration::from_secs(REQUESTS * 11 / 10 / per_second + 1),
        };
        let mut world = World::new(random.clone(), settings, &servers, traffic);
        world.close();
        let mut shares = vec![0_u64; count];
        let measured = world.requests.iter().filter(|one| one.came >= begin);
        for request in measured.take(usize::try_from(REQUESTS).expect("few")) {
            shares[request.first.expect("served")] += 1;
        }
        let fair = REQUESTS / u64::try_from(count).expect("few");
        let percent = match world.traffic.service {
            // Equally many outstanding means more for a server that drew shorter requests. The
            // mean of n exponential times deviates by 1/sqrt(n) of itself: four of these.
            Service::Exponential if by_outstanding(&world.settings) => {
                percent.max(400 / fair.isqrt())
            }
            // Nothing is ever outstanding: the turns decide, and chance would show.
            _ if world.traffic.mean.is_zero() && !is_bursts(world.traffic.arrivals) => 1,
            _ => percent,
        };
        for share in &shares {
            world.law(
                share.abs_diff(fair) * 100 <= fair * percent,
                "each of equal servers gets its share within the tolerance",
                || format!("{shares:?} instead of {fair} with {:?}", world.traffic),
            );
        }
    });
}

fn is_bursts(arrivals: Arrivals) -> bool {
    matches!(arrivals, Arrivals::Bursts(_))
}

#[test]
fn least_outstanding_is_fair_within_five_percent() {
    check("shares::least_outstanding_is_fair_within_five_percent", "least_outstanding", 5);
}

#[test]
fn round_robin_is_fair_within_one_percent() {
    check("shares::round_robin_is_fair_within_one_percent", "round_robin", 1);
}
