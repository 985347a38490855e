//! The front door: two regions, one pool, no return before a minute of health.

use std::time::Duration;

use crate::server::Way;
use crate::world::{Fate, Kind, Traffic, World, settings};
use crate::{for_every_seed, ms};

#[test]
fn a_region_that_flaps_does_not_get_its_clients_back() {
    let test = "front_door::a_region_that_flaps_does_not_get_its_clients_back";
    for_every_seed(test, |random| {
        let (settings, servers) =
            settings("front_door", "least_outstanding", &[("east", 1), ("west", 1)]);
        let return_after = settings.return_after;
        let end = Duration::from_secs(60);
        let traffic = Traffic::steady(50, ms(5), end);
        let mut world = World::new(random.clone(), settings, &servers, traffic);
        let mut at = Duration::from_secs(12);
        let first = at;
        let mut healed = at;
        while at < end {
            let fault = random.pick(&[Way::Dead, Way::Frozen, Way::NoServer]);
            healed = at + random.time(ms(5_000), ms(20_000));
            world.turn(at, 0, fault);
            world.turn(healed, 0, Way::Well);
            at = healed + random.time(ms(100), ms(40_000));
        }
        world.run_until(end);
        let shares = world.shares(first + ms(4_500), end);
        world.law(shares[0] == 0, "the front door is gone after 4.5 s and stays away", || {
            format!("{shares:?}")
        });
        for request in &world.requests {
            let lost = !matches!(request.fate, Some(Fate::Answered) | None);
            world.law(
                !lost
                    || request.kind == Kind::Post
                    || matches!(request.fate, Some(Fate::CutShort(_))),
                "no read and no keyed post fails when a region does",
                || format!("{:?}", request.fate),
            );
        }
        // The longest ejection and its checks, and then a minute of health.
        let returns = healed.max(end) + world.settings.eject_max + return_after + ms(5_000);
        world.run_until(returns);
        world.resume(50, returns + ms(2_000));
        world.run_until(returns + ms(2_000));
        let shares = world.shares(returns, returns + ms(2_000));
        world.law(shares[0] > 0 && shares[1] == 0, "a region that is well gets all back", || {
            format!("{shares:?}")
        });
        world.close();
    });
}
