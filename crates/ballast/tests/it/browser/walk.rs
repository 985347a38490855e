//! Every function of every role, used in a real browser: with JavaScript, and without.
//!
//! That nothing was left out is read off the servers' own counters: every route of a page has to
//! have answered the browser with what was asked for, so a new function that nobody walks through
//! fails the test.

mod administrator;
mod auditor;
mod counter;
mod executive;
mod own;
mod statement;

use std::collections::BTreeMap;

use web::{Access, Verb, table};

use super::chromium::{Browser, Device};
use crate::deployment::Deployment;
use crate::http;

/// Routes that are no function of the staff's pages.
const NOT_WALKED: [&str; 2] = ["/livez", "/readyz"];

#[tokio::test]
async fn every_function_of_every_role_works() {
    walk(Device::Desk).await;
}

#[tokio::test]
async fn every_function_of_every_role_works_without_javascript() {
    walk(Device::DeskWithoutScripts).await;
}

async fn walk(device: Device) {
    let bank = Deployment::up();
    let browser = Browser::open_on(device, &bank.url).await;
    executive::walk(&bank, &browser).await;
    counter::walk(&bank, &browser, "C00000003", "1,000.00").await;
    counter::walk(&bank, &browser, "C00000002", "1,000.00").await;
    auditor::walk(&bank, &browser).await;
    own::walk(&bank, &browser).await;
    administrator::walk(&bank, &browser).await;
    browser.close().await;
    assert_eq!(bank.run_json(&["audit"])["sound"], true);
    let used = answered(&bank).await;
    let functions = table().iter().filter(|route| {
        !route.is_api() && route.access() != Access::Operator && !NOT_WALKED.contains(&route.path())
    });
    let functions = functions.map(|route| format!("{} {}", method(route.verb()), route.path()));
    let unused: Vec<_> = functions.filter(|function| !used.contains_key(function)).collect();
    assert!(unused.is_empty(), "nobody has walked through: {unused:#?}");
}

fn method(verb: Verb) -> String {
    verb.method().to_string()
}

/// The routes that have given what was asked for, a page or the way on, and how often.
async fn answered(bank: &Deployment) -> BTreeMap<String, u64> {
    let mut answered = BTreeMap::new();
    for server in bank.addresses("server") {
        let metrics = http::get(&server, "/metrics", "").await;
        let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
        for line in metrics.lines().filter(|line| line.starts_with("ballast_http_requests_total")) {
            let label = |name: &str| {
                line.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap()
            };
            if ["200", "303"].contains(&label("status")) {
                let times: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
                let function = format!("{} {}", label("method"), label("route"));
                *answered.entry(function).or_default() += times;
            }
        }
    }
    answered
}

/// The page says so, above all else.
async fn notice(browser: &Browser, text: &str) {
    browser
        .wait_until(text, async || browser.is_there(".notice").await && browser.shows(text).await)
        .await;
}
