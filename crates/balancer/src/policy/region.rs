//! Which region comes first, which was left, and when it is used again.
//!
//! A region is left when none of its servers is usable any more. It comes back when at least one
//! has been usable without a break for the settled time (60 s for the front door: a region that
//! flaps must not take its clients with it; nothing for a balancer that spilled to the other
//! region). A region that was never in use has nothing to come back from and is used at once. When
//! every region with candidates was left, the one that has been well for longest gets everything:
//! to spread requests over two regions until one settles would move clients with each request.

use std::time::Duration;

use super::Moment;
use super::server_set::ServerSet;
use super::settings::{ServerSettings, Settings};
use super::view::RegionView;

#[derive(Debug)]
struct Region {
    name: Option<String>,
    servers: ServerSet,
    was_usable: bool,
    left: bool,
    well_since: Option<Moment>,
}

#[derive(Debug)]
pub(super) struct Regions {
    /// In the order of preference.
    order: Vec<Region>,
    one_pool: bool,
    return_after: Duration,
}

impl Region {
    /// Was it left, and has it not been well again for long enough?
    fn is_left(&self, now: Moment, return_after: Duration) -> bool {
        let well_again = |since: Moment| now.saturating_sub(since) >= return_after;
        self.left && !self.well_since.is_some_and(well_again)
    }
}

impl Regions {
    pub(super) fn new(settings: &Settings, servers: &[ServerSettings]) -> Self {
        let mut order: Vec<Region> = Vec::new();
        for (position, server) in servers.iter().enumerate() {
            if let Some(region) = order.iter_mut().find(|region| region.name == server.region) {
                region.servers.insert(position);
            } else {
                order.push(Region {
                    name: server.region.clone(),
                    servers: ServerSet::only(position),
                    was_usable: false,
                    left: false,
                    well_since: None,
                });
            }
        }
        order.sort_by_key(|region| {
            settings.preferred_region.is_some() && region.name != settings.preferred_region
        });
        if settings.preferred_region.is_none() {
            order = merge(order);
        }
        Self { order, one_pool: settings.one_pool, return_after: settings.return_after }
    }

    /// The servers among which passive evidence may take out half.
    pub(super) fn pool_of(&self, server: usize) -> ServerSet {
        if self.one_pool {
            return self.order.iter().fold(ServerSet::EMPTY, |all, region| all.or(region.servers));
        }
        self.order
            .iter()
            .map(|region| region.servers)
            .find(|servers| servers.contains(server))
            .unwrap_or(ServerSet::EMPTY)
    }

    /// The servers of the preferred region.
    pub(super) fn home(&self) -> ServerSet {
        self.order.first().map_or(ServerSet::EMPTY, |region| region.servers)
    }

    /// The candidates of the first region that is in use and has any; a region that has settled
    /// again is in use from now on.
    pub(super) fn first_with_any(&mut self, candidates: ServerSet, now: Moment) -> ServerSet {
        for region in &mut self.order {
            region.left = region.is_left(now, self.return_after);
        }
        self.serving(candidates, now)
    }

    /// The servers that first choices go to.
    pub(super) fn serving(&self, usable: ServerSet, now: Moment) -> ServerSet {
        let open = || self.order.iter().filter(|region| !usable.and(region.servers).is_empty());
        open()
            .find(|region| !region.is_left(now, self.return_after))
            .or_else(|| open().min_by_key(|region| region.well_since.unwrap_or(Moment::MAX)))
            .map_or(usable, |region| usable.and(region.servers))
    }

    /// The regions in the order of preference; none when regions make no difference.
    pub(super) fn view(&self, now: Moment) -> Vec<RegionView> {
        let named = self.order.iter().enumerate().filter_map(|(position, region)| {
            let left = region.is_left(now, self.return_after);
            let returns = || Some(region.well_since?.saturating_add(self.return_after));
            Some(RegionView {
                name: region.name.clone()?,
                preferred: position == 0,
                left,
                returns_at: left.then(returns).flatten(),
            })
        });
        named.collect()
    }

    pub(super) fn on_change(&mut self, usable: ServerSet, now: Moment) {
        for region in &mut self.order {
            if usable.and(region.servers).is_empty() {
                region.left |= region.was_usable;
                region.well_since = None;
            } else {
                region.was_usable = true;
                region.well_since.get_or_insert(now);
            }
        }
    }
}

/// Without a preference there is one region with everything in it.
fn merge(order: Vec<Region>) -> Vec<Region> {
    let all = order.iter().fold(ServerSet::EMPTY, |all, region| all.or(region.servers));
    let merged =
        Region { name: None, servers: all, was_usable: false, left: false, well_since: None };
    vec![merged]
}
