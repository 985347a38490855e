//! With everything failing, repeats do not turn an overload into a collapse.

use std::time::Duration;

use crate::for_every_seed;
use crate::ms;
use crate::server::Way;
use crate::world::{Traffic, World, any_choice, settings};

#[test]
fn attempts_stay_within_the_budget_when_everything_fails() {
    let test = "amplification::attempts_stay_within_the_budget_when_everything_fails";
    for_every_seed(test, |random| {
        let count = usize::try_from(random.between(2, 8)).expect("small");
        let (settings, servers) = settings("balancer", any_choice(random), &[("east", count)]);
        let window = settings.retry_window;
        let minimum = u64::from(settings.retry_minimum);
        let end = Duration::from_secs(random.between(5, 45));
        let traffic = Traffic::steady(random.pick(&[1, 3, 20, 200]), ms(2), end);
        let mut world = World::new(random.clone(), settings, &servers, traffic);
        for server in 0..count {
            let way = random.pick(&[Way::Dead, Way::Garbage, Way::Drops { percent: 100 }]);
            world.turn(ms(20), server, way);
        }
        let step = ms(250);
        while world.now < end {
            world.run_until(world.now + step);
            let windows = u64::try_from(world.now.as_nanos() / window.as_nanos()).expect("few") + 1;
            let laws = &world.laws;
            world.law(
                laws.attempts * 10 <= laws.requests * 12 + 10 * minimum * windows,
                "attempts are at most 1.2 times the requests and 3 for each window begun",
                || format!("{} attempts of {} requests", laws.attempts, laws.requests),
            );
        }
        world.law(world.laws.repeats > 0, "the first failures are repeated", String::new);
        world.close();
    });
}
