//! The picture as panels and cards, in words: what the templates show. No address is in it.

use super::curve::{self, Curve};
use super::deployment::{Picture, Told};
use super::words::{self, Badge, Tone};
use super::{Latency, RegionStatus, Status, UpstreamStatus};

/// The whole picture.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) title: String,
    /// Day and time in UTC.
    pub(super) at: String,
    pub(super) clock: String,
    pub(super) tone: Tone,
    /// The first is the headline; the others stand below it.
    pub(super) sentences: Vec<String>,
    pub(super) own: Card,
    pub(super) regions: Vec<Region>,
    pub(super) uptime: String,
    pub(super) version: String,
}

/// A region with its balancers; of a regional balancer, only itself.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) note: &'static str,
    pub(super) link: Link,
    pub(super) balancers: Vec<Balancer>,
}

/// The line from the box above.
#[derive(Debug)]
pub(super) struct Link {
    /// `flow`, `idle` or `cut`.
    pub(super) class: &'static str,
    pub(super) words: String,
}

#[derive(Debug)]
pub(super) struct Balancer {
    pub(super) card: Card,
    /// Set when what is below is not of now.
    pub(super) stale: Option<String>,
    pub(super) zones: Vec<Zone>,
    /// Other regions that it may send requests to.
    pub(super) spills: Vec<Spill>,
}

#[derive(Debug)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) servers: Vec<Card>,
}

#[derive(Debug)]
pub(super) struct Spill {
    pub(super) flows: bool,
    pub(super) words: String,
}

/// One process.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) badge: Badge,
    pub(super) why: Vec<String>,
    pub(super) facts: Vec<Fact>,
    pub(super) curve: Curve,
}

#[derive(Debug)]
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// A share of 0 to 100, shown as a bar as well.
    pub(super) bar: Option<String>,
    pub(super) alarming: bool,
}

/// What is wrong, the worst first.
#[derive(Debug, Default)]
struct Troubles(Vec<(Tone, String)>);

pub(super) fn draw(picture: &Picture) -> Map {
    let own = &picture.own;
    let is_front_door = own.role == "front_door";
    let mut troubles = Troubles::default();
    let regions = if is_front_door {
        regions(picture, &mut troubles)
    } else {
        vec![own_region(own, &mut troubles)]
    };
    if own.failing_open {
        troubles.add(Tone::Bad, "Nothing is usable; requests are tried all the same.".to_owned());
    } else if is_front_door && own.state == "not_ready" {
        troubles.add(Tone::Bad, "No region is usable; requests are refused.".to_owned());
    }
    let (tone, sentences) = troubles.sentences(&regions);
    Map {
        title: own.deployment.clone().unwrap_or_else(|| own.name.clone()),
        at: own.at.clone(),
        clock: own.at.get(11..19).unwrap_or_default().to_owned(),
        tone,
        sentences,
        own: card(own, if is_front_door { "Front door" } else { "Balancer" }),
        regions,
        uptime: words::time(own.uptime_seconds.saturating_mul(1_000)),
        version: own.version.clone(),
    }
}

fn regions(picture: &Picture, troubles: &mut Troubles) -> Vec<Region> {
    let own = &picture.own;
    let mut names: Vec<Option<&str>> = Vec::new();
    for upstream in &own.upstreams {
        if !names.contains(&upstream.region.as_deref()) {
            names.push(upstream.region.as_deref());
        }
    }
    // East stays left of west whatever the order of preference: a map does not move.
    names.sort_unstable();
    names.iter().map(|name| region(picture, *name, troubles)).collect()
}

fn region(picture: &Picture, name: Option<&str>, troubles: &mut Troubles) -> Region {
    let own = &picture.own;
    let state = own.regions.iter().find(|region| Some(region.name.as_str()) == name);
    let shown = name.unwrap_or("without a region").to_owned();
    let members: Vec<_> =
        own.upstreams.iter().filter(|upstream| upstream.region.as_deref() == name).collect();
    let link = link(state, &members);
    if let Some(trouble) = region_trouble(&shown, state, &members) {
        troubles.0.push(trouble);
    }
    let balancers = members
        .iter()
        .map(|upstream| {
            let told = picture.balancers.iter().find(|told| told.name == upstream.name);
            balancer(upstream, told, troubles)
        })
        .collect();
    let note = match state {
        Some(region) if region.preferred => "home region",
        Some(_) => "second region",
        None => "",
    };
    Region { name: shown, note, link, balancers }
}

fn link(state: Option<&RegionStatus>, members: &[&UpstreamStatus]) -> Link {
    let requests: f64 = members.iter().map(|upstream| upstream.requests_per_second).sum();
    let share: f64 = members.iter().map(|upstream| upstream.share).sum();
    let serving = members.iter().any(|upstream| upstream.serving);
    let traffic = format!("{} requests/s · {}", words::rate(requests), words::percent(share));
    if serving {
        return Link { class: "flow", words: traffic };
    }
    let class = if members.iter().any(|member| is_usable(member)) { "idle" } else { "cut" };
    let words = match state {
        Some(RegionStatus { left: true, back_in_ms: Some(left), .. }) => {
            format!("Well again, used in {}", words::time(*left))
        }
        _ if class == "cut" => "Nothing goes here".to_owned(),
        _ if requests > 0.0 => traffic,
        _ => "Stands by".to_owned(),
    };
    Link { class, words }
}

fn region_trouble(
    name: &str,
    state: Option<&RegionStatus>,
    members: &[&UpstreamStatus],
) -> Option<(Tone, String)> {
    if members.iter().all(|member| member.state == "new") {
        return Some((Tone::Doubt, format!("Region {name} has not answered yet.")));
    }
    if !members.iter().any(|member| is_usable(member)) {
        return Some((Tone::Bad, format!("Region {name} is out of service.")));
    }
    let left = state.filter(|region| region.left)?;
    let wait = left.back_in_ms.map_or(String::new(), |ms| format!(" for {}", words::time(ms)));
    Some((Tone::Doubt, format!("Region {name} is well again and is watched{wait} before use.")))
}

fn own_region(own: &Status, troubles: &mut Troubles) -> Region {
    let name = own.region.clone().unwrap_or_else(|| "without a region".to_owned());
    if own.state == "not_ready" {
        troubles.add(Tone::Bad, format!("Region {name} has no usable server."));
    }
    let serving = own.upstreams.iter().any(|upstream| upstream.serving);
    let link = Link {
        class: if serving { "flow" } else { "cut" },
        words: format!("{} requests/s", words::rate(own.requests_per_second)),
    };
    let (zones, spills) = below(own, troubles, true);
    let inner = Balancer { card: card(own, "Balancer"), stale: None, zones, spills };
    Region { name, note: "", link, balancers: vec![inner] }
}

/// A balancer as the front door sees it, over the servers it speaks of.
fn balancer(seen: &UpstreamStatus, told: Option<&Told>, troubles: &mut Troubles) -> Balancer {
    let status = told.and_then(|told| told.status.as_ref());
    let problem = told.and_then(|told| told.problem);
    let mut card = server_card(seen, "Balancer");
    // Its share of the front door's requests stands on the line above it.
    card.facts.retain(|fact| fact.bar.is_none());
    if let Some(status) = status {
        card.why.extend(words::notes(status));
    }
    let stale = problem.map(|problem| {
        let age = told.and_then(|told| told.age_ms);
        age.map_or_else(
            || format!("{} {problem}; nothing is known of its servers.", seen.name),
            |age| {
                format!("{} {problem}; this is its picture of {} ago.", seen.name, words::time(age))
            },
        )
    });
    if let (Some(problem), true) = (problem, is_usable(seen)) {
        troubles.add(Tone::Doubt, format!("{} {problem} when asked for its status.", seen.name));
    }
    let (zones, spills) =
        status.map_or_else(Default::default, |status| below(status, troubles, stale.is_none()));
    Balancer { card, stale, zones, spills }
}

/// The servers of a balancer by zone, and the regions it may spill to.
fn below(status: &Status, troubles: &mut Troubles, is_fresh: bool) -> (Vec<Zone>, Vec<Spill>) {
    let mut zones: Vec<Zone> = Vec::new();
    let mut spills = Vec::new();
    let mut all: Vec<&UpstreamStatus> = status.upstreams.iter().collect();
    all.sort_by_key(|server| server.zone.as_deref());
    for server in all {
        if server.region != status.region {
            spills.push(spill(server));
            if server.serving && is_fresh {
                let region = status.region.as_deref().unwrap_or_default();
                let to = server.region.as_deref().unwrap_or_default();
                troubles.add(Tone::Doubt, format!("Requests of {region} spill over to {to}."));
            }
            continue;
        }
        if is_fresh && !is_usable(server) {
            let badge = words::badge(&server.state);
            let tone = if badge.tone == Tone::Quiet { Tone::Quiet } else { Tone::Doubt };
            troubles.add(tone, format!("{} is {}.", server.name, badge.word));
        }
        let card = server_card(server, "Server");
        let name = server.zone.as_deref().unwrap_or("without a zone");
        match zones.iter_mut().find(|zone| zone.name == name) {
            Some(zone) => zone.servers.push(card),
            None => zones.push(Zone { name: name.to_owned(), servers: vec![card] }),
        }
    }
    (zones, spills)
}

fn spill(server: &UpstreamStatus) -> Spill {
    let region = server.region.as_deref().unwrap_or("elsewhere");
    let words = if server.serving {
        format!("Spills over to {region}: {} requests/s", words::rate(server.requests_per_second))
    } else if is_usable(server) {
        format!("Can spill over to {region}")
    } else {
        format!("Cannot spill over to {region}: it is {}", words::badge(&server.state).word)
    };
    Spill { flows: server.serving, words }
}

fn is_usable(server: &UpstreamStatus) -> bool {
    matches!(server.state.as_str(), "healthy" | "slow_start")
}

/// A process that speaks of itself.
fn card(status: &Status, role: &'static str) -> Card {
    let mut facts = traffic(
        status.requests_per_second,
        status.errors_per_second,
        &status.latency_ms,
        status.outstanding,
    );
    facts.push(fact("connections", status.connections.to_string()));
    facts.push(fact("repeats", status.retries.to_string()));
    Card {
        name: status.name.clone(),
        role,
        badge: words::badge(&status.state),
        why: words::notes(status),
        facts,
        curve: curve::draw(&status.history),
    }
}

/// A process as the one above it sees it.
fn server_card(server: &UpstreamStatus, role: &'static str) -> Card {
    let mut facts = traffic(
        server.requests_per_second,
        server.errors_per_second,
        &server.latency_ms,
        server.outstanding,
    );
    let share = (server.share * 100.0).clamp(0.0, 100.0);
    facts.push(Fact {
        label: "of its region",
        value: words::percent(server.share),
        bar: Some(format!("{share:.0}")),
        alarming: false,
    });
    Card {
        name: server.name.clone(),
        role,
        badge: words::badge(&server.state),
        why: vec![words::why(server)],
        facts,
        curve: curve::draw(&server.history),
    }
}

fn traffic(requests: f64, errors: f64, latency: &Latency, outstanding: u32) -> Vec<Fact> {
    vec![
        fact("requests/s", words::rate(requests)),
        Fact { alarming: errors > 0.0, ..fact("errors/s", words::rate(errors)) },
        fact("p50", words::latency(latency.p50)),
        fact("p99", words::latency(latency.p99)),
        fact("in flight", outstanding.to_string()),
    ]
}

fn fact(label: &'static str, value: String) -> Fact {
    Fact { label, value, bar: None, alarming: false }
}

impl Troubles {
    fn add(&mut self, tone: Tone, sentence: String) {
        self.0.push((tone, sentence));
    }

    fn sentences(mut self, regions: &[Region]) -> (Tone, Vec<String>) {
        if self.0.is_empty() {
            let zones = || regions.iter().flat_map(|r| &r.balancers).flat_map(|b| &b.zones);
            let servers: usize = zones().map(|zone| zone.servers.len()).sum();
            let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
            let servers = words::count(number(servers), "server");
            let regions = words::count(number(regions.len()), "region");
            return (Tone::Good, vec![format!("All is well: {servers} in {regions}.")]);
        }
        self.0.sort_by_key(|(tone, _)| std::cmp::Reverse(*tone));
        let worst = self.0.first().map_or(Tone::Quiet, |(tone, _)| *tone);
        (worst, self.0.into_iter().map(|(_, sentence)| sentence).collect())
    }
}
