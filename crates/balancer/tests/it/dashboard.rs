//! `docs/grafana/ballast.json` against the metrics that a running balancer and front door give:
//! no panel asks for a name, a label or a value of a label that is not there.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use serde_json::Value;

use crate::bench::{balancer, start};
use crate::client::get;

const DASHBOARD: &str = include_str!("../../../../docs/grafana/ballast.json");

/// Labels that Prometheus adds to what it scrapes.
const SCRAPED: [&str; 2] = ["instance", "job"];

/// The values of each label of each series.
#[derive(Debug, Default)]
struct Offer(HashMap<String, HashMap<String, HashSet<String>>>);

/// A metric in an expression, with what stands between its braces.
type Wish<'a> = (&'a str, &'a str);

#[tokio::test]
async fn the_dashboard_asks_for_what_the_balancer_gives() -> Result<()> {
    let bench = start(1).await?;
    let regions = [("ALB-east".to_owned(), bench.address, "east")];
    let door = balancer("front_door", "east", "/readyz", &regions, "").await?;
    let mut offer = Offer::default();
    for address in [bench.address, door.address()] {
        offer.read(&get(address, "/metrics").await?.text());
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let mut wished = HashSet::new();
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            for (name, matchers) in wishes(expression) {
                offer.check(name, matchers);
                assert!(matchers.contains(r#"instance=~"$instance""#), "{expression}");
                wished.insert(name);
            }
            for label in labels_of_groups(expression).chain(labels_of_legend(target)) {
                assert!(offer.has_label(label), "no label {label}: {expression}");
            }
        }
    }
    assert!(wished.len() > 20, "few of the metrics are shown: {wished:?}");
    let variable = dashboard["templating"]["list"][1]["query"]["query"].as_str().expect("a query");
    assert_eq!(variable, "label_values(ballast_balancer_build_info, instance)");
    offer.check("ballast_balancer_build_info", "");
    Ok(())
}

#[test]
fn the_dashboard_can_be_imported_and_explains_itself() -> Result<()> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    assert!(dashboard["id"].is_null(), "Grafana gives the number");
    assert_eq!(dashboard["uid"], "ballast-balancer");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39));
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let (mut ids, mut places) = (HashSet::new(), HashSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64()), "{title}: its number is taken");
        let words = panel["description"].as_str().expect(title);
        assert!(words.ends_with('.'), "{title}: {words}");
        let at = |side: &str| panel["gridPos"][side].as_u64().expect("a place");
        for x in at("x")..at("x") + at("w") {
            assert!(x < 24, "{title} is too wide");
            for y in at("y")..at("y") + at("h") {
                assert!(places.insert((x, y)), "{title} lies over another panel");
            }
        }
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    Ok(())
}

/// All but the headings.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().expect("panels").iter().filter(|panel| panel["type"] != "row")
}

/// The metrics of an expression: words that are no function, no keyword and no label.
fn wishes(expression: &str) -> Vec<Wish<'_>> {
    let mut wishes = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || "([{\"".contains(c)) {
        rest = &rest[start..];
        let length = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(length);
        let behind = behind.trim_start();
        rest = match word {
            "" if rest.starts_with('[') => &rest[rest.find(']').expect("a range ends")..],
            "" => &rest[1..],
            "by" | "on" | "group_left" => &behind[behind.find(')').expect("a list ends")..],
            "or" => behind,
            _ if behind.starts_with('(') || behind.starts_with("by (") => behind,
            _ => {
                let braces = behind.strip_prefix('{').and_then(|inner| inner.split_once('}'));
                wishes.push((word, braces.map_or("", |(matchers, _)| matchers)));
                braces.map_or(behind, |(_, behind)| behind)
            }
        };
    }
    wishes
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// What stands in the parentheses behind `by`, `on` and `group_left`.
fn labels_of_groups(expression: &str) -> impl Iterator<Item = &str> {
    ["by (", "on (", "group_left ("]
        .iter()
        .flat_map(|begin| expression.split(begin).skip(1))
        .filter_map(|behind| behind.split_once(')'))
        .flat_map(|(list, _)| list.split(',').map(str::trim))
        .filter(|label| !label.is_empty())
}

fn labels_of_legend(target: &Value) -> impl Iterator<Item = &str> {
    let legend = target["legendFormat"].as_str().expect("a legend");
    legend.split("{{").skip(1).filter_map(|behind| behind.split_once("}}")).map(|(label, _)| label)
}

impl Offer {
    fn read(&mut self, metrics: &str) {
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').expect("a value");
            let (name, inner) = series.split_once('{').unwrap_or((series, ""));
            let labels = self.0.entry(name.to_owned()).or_default();
            for (label, value) in matchers(inner.trim_end_matches('}')) {
                labels.entry(label.to_owned()).or_default().insert(value.to_owned());
            }
        }
    }

    fn check(&self, name: &str, wanted: &str) {
        let labels = self.0.get(name).expect(name);
        for (label, value) in matchers(wanted) {
            let label = label.trim_end_matches(['=', '~', '!']);
            let values = labels.get(label);
            let is_there = values.is_some_and(|values| values.contains(value));
            let is_scraped = SCRAPED.contains(&label) && value.starts_with('$');
            assert!(is_there || is_scraped, "{name} has no {label} {value}: {values:?}");
        }
    }

    fn has_label(&self, label: &str) -> bool {
        SCRAPED.contains(&label) || self.0.values().any(|labels| labels.contains_key(label))
    }
}

/// The pairs of `label="value",…`; what stands before the quote is the label and its operator.
fn matchers(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = list.split('"');
    std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
        .map(|(label, value)| (label.trim_start_matches([',', ' ']).trim_end_matches('='), value))
}

#[test]
fn expressions_are_understood() {
    let expression = r#"sum by (le) (rate(a_bucket{x="1"}[$__rate_interval]) * on (instance)
        group_left () b{role="door", y=~"$y"}) > 0 or vector(0) / c"#;
    assert_eq!(
        wishes(expression),
        [("a_bucket", r#"x="1""#), ("b", r#"role="door", y=~"$y""#), ("c", "")]
    );
    assert_eq!(labels_of_groups(expression).collect::<Vec<_>>(), ["le", "instance"]);
    let pairs: Vec<_> = matchers(r#"role="door", y=~"$y""#).collect();
    assert_eq!(pairs, [("role", "door"), ("y=~", "$y")]);
}
