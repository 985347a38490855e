//! The topology as a picture: an SVG of the front door, the balancers, the servers in their zones,
//! and the databases.
//!
//! Guarantees: pure; every name and number in it is of the topology or of the convention of names;
//! text is escaped; no script, no font or picture from elsewhere.
//!
//! Deliberately not here: what runs at this moment (the status page draws that).

use std::fmt::Write as _;

use super::{Region, RegionRole, Topology};

/// Measures in pixels.
const WIDTH_OF_ZONE: usize = 220;
const GAP: usize = 24;
const PAD: usize = 20;
const BOX_HEIGHT: usize = 52;
const ROW_DOOR: usize = 56;
const ROW_REGION: usize = 150;
const ROW_BALANCER: usize = 210;
const ROW_ZONE: usize = 300;
const ROW_SERVER: usize = 340;
const ROW_DATABASE: usize = 440;
const ZONE_HEIGHT: usize = 108;
const REGION_HEIGHT: usize = 360;

const STYLE: &str = "\
text{font:14px system-ui,sans-serif;fill:#1c2733;text-anchor:middle}\
.small{font-size:12px;fill:#52606d}.left{text-anchor:start}.title{font-weight:600}\
.region{fill:#f4f7fa;stroke:#9fb3c8}.zone{fill:#fff;stroke:#bcccdc;stroke-dasharray:5 4}\
.door{fill:#dceefb;stroke:#2186c4}.balancer{fill:#e3f9e5;stroke:#3f9142}\
.server{fill:#fff8e1;stroke:#cb8a14}.database{fill:#f3e8fd;stroke:#7b3fb0}\
path{fill:none;stroke:#627d98;stroke-width:1.5}.copy{stroke:#7b3fb0;stroke-dasharray:6 4}";

/// A point that lines go to and from.
type Point = (usize, usize);

/// Draws the topology; the text is a whole SVG file.
#[must_use]
pub fn svg(topology: &Topology) -> String {
    let widths: Vec<usize> = topology.regions.iter().map(region_width).collect();
    let width = widths.iter().map(|width| width + GAP).sum::<usize>() + GAP;
    let mut picture = Picture::default();
    let door = (width / 2, ROW_DOOR);
    let wait = topology.front_door.leave_after_failures;
    picture.block("door", door, "front door", &format!("leaves a region after {wait} failures"));
    let mut left = GAP;
    let mut databases = Vec::new();
    for (region, region_width) in topology.regions.iter().zip(widths) {
        databases.push((region.role, draw_region(&mut picture, topology, region, left, door)));
        left += region_width + GAP;
    }
    let home = databases.iter().find(|(role, _)| *role == RegionRole::Primary);
    if let Some((_, from)) = home
        && topology.database.replica
    {
        for (_, to) in databases.iter().filter(|(role, _)| *role == RegionRole::Standby) {
            picture.copy(*from, *to);
        }
    }
    let height = ROW_REGION + REGION_HEIGHT + GAP * 2;
    let title = escape(&topology.project);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{title}: what runs where</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{}{}</svg>\n",
        picture.lines, picture.boxes
    )
}

fn region_width(region: &Region) -> usize {
    region.zones.len() * (WIDTH_OF_ZONE + GAP) + GAP
}

/// Draws one region; gives the middle of its database.
fn draw_region(
    picture: &mut Picture,
    topology: &Topology,
    region: &Region,
    left: usize,
    door: Point,
) -> Point {
    let width = region_width(region);
    let middle = left + width / 2;
    picture.rect("region", (left, ROW_REGION), (width, REGION_HEIGHT));
    let title = format!("{} · {} · {}", region.key, region.aws_region, region.role);
    picture.text("left title", (left + PAD, ROW_REGION + 24), &title);
    picture.text("left small", (left + PAD, ROW_REGION + 42), &region.cidr);
    let balancer = (middle, ROW_BALANCER);
    let check = &topology.health_check;
    let told =
        format!("checks every {} s, {} s each", check.interval_seconds, check.timeout_seconds);
    picture.block("balancer", balancer, &format!("ALB-{}", region.key), &told);
    picture.line(door, balancer);
    let database = (middle, ROW_DATABASE);
    for ((zone, number), index) in region.zones.iter().zip(1_u32..).zip(0_usize..) {
        let zone_left = left + GAP + index * (WIDTH_OF_ZONE + GAP);
        let server = (zone_left + WIDTH_OF_ZONE / 2, ROW_SERVER);
        picture.rect("zone", (zone_left, ROW_ZONE), (WIDTH_OF_ZONE, ZONE_HEIGHT));
        picture.text("left small", (zone_left + 10, ROW_ZONE + 20), &zone.name);
        let name = format!("applicationServer{number:02}-{}", region.key);
        picture.block("server", server, &name, &format!("port {}", topology.application.port));
        picture.line(balancer, server);
        picture.line(server, database);
    }
    let told = match region.role {
        RegionRole::Primary if topology.database.multi_az => "primary, in two zones",
        RegionRole::Primary => "primary",
        RegionRole::Standby if topology.database.replica => "replica",
        RegionRole::Standby => "none: the other region's",
    };
    let engine = format!("PostgreSQL {}", topology.database.engine_version);
    picture.block("database", database, &engine, told);
    database
}

#[derive(Default)]
struct Picture {
    lines: String,
    boxes: String,
}

impl Picture {
    /// A box with a name and a line of small text; `at` is the middle of its upper edge.
    fn block(&mut self, class: &str, at: Point, name: &str, told: &str) {
        let (middle, top) = at;
        let width = WIDTH_OF_ZONE - PAD;
        self.rect(class, (middle - width / 2, top), (width, BOX_HEIGHT));
        self.text("title", (middle, top + 22), name);
        self.text("small", (middle, top + 40), told);
    }

    fn rect(&mut self, class: &str, (x, y): Point, (width, height): (usize, usize)) {
        let rect = format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\"");
        let target =
            if matches!(class, "region" | "zone") { &mut self.lines } else { &mut self.boxes };
        // Writing to a String cannot fail.
        let _ = writeln!(target, "{rect} height=\"{height}\" rx=\"6\"/>");
    }

    fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        let text = escape(text);
        let _ = writeln!(self.boxes, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>");
    }

    fn line(&mut self, (x, y): Point, (to_x, to_y): Point) {
        let from_y = y + BOX_HEIGHT;
        let half = (from_y + to_y) / 2;
        let curve = format!("M{x} {from_y}C{x} {half} {to_x} {half} {to_x} {to_y}");
        let _ = writeln!(self.lines, "<path d=\"{curve}\"/>");
    }

    /// How the books are copied: a line below the databases.
    fn copy(&mut self, (x, y): Point, (to_x, to_y): Point) {
        let (bottom, to_bottom) = (y + BOX_HEIGHT, to_y + BOX_HEIGHT);
        let low = bottom + GAP;
        let curve = format!("M{x} {bottom}V{low}H{to_x}V{to_bottom}");
        let _ = writeln!(self.lines, "<path class=\"copy\" d=\"{curve}\"/>");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
