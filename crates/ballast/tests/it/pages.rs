//! Every page of the bank, held against WCAG 2.2 AA (axe-core, in a real browser, light and dark,
//! on a desk and on a phone), the HTML standard (the Nu checker), 60 KiB, and "nothing from
//! elsewhere".
//!
//! Which pages there are is made from the route table: a route without a recipe that reaches its
//! pages (`recipes`) fails the test, so a new page cannot be forgotten. The bank's answers are kept
//! as they are (`collect`), each with the headers it came with, and shown to the browser again by a
//! server of the test (`mirror`), so that the answers to forms are looked at as pages are. The
//! checkers are themselves on trial with pages that are known to be bad.

mod axe;
pub(crate) mod collect;
mod markup;
mod mirror;
mod recipes;
pub(crate) mod scene;
mod staff;

use std::collections::BTreeSet;

use web::{Access, Route, Verb, table};

use self::axe::Looks;
use self::collect::Page;
use self::mirror::Mirror;
use self::recipes::{FORMS, NO_PAGES, VISITS};
use crate::deployment::Deployment;

/// A page is read over a branch's line and by people in a hurry.
const BYTES_MAX: usize = 60 * 1_024;

/// What programs and operators call is no page; what ends like a file is one to be saved.
fn is_page(route: &Route) -> bool {
    let last = route.path().rsplit('/').next().unwrap_or_default();
    !route.is_api() && route.access() != Access::Operator && !last.contains('.')
}

#[test]
fn every_route_of_a_page_has_a_recipe_and_every_recipe_a_route() {
    let routes: BTreeSet<_> = table()
        .iter()
        .filter(|route| is_page(route))
        .map(|route| (route.verb() == Verb::Get, route.path()))
        .collect();
    let visits = VISITS.iter().map(|(path, _)| (true, *path));
    let forms = FORMS.iter().map(|(path, _)| (false, *path));
    let none = NO_PAGES.iter().map(|(path, _)| (true, *path));
    let recipes: BTreeSet<_> = visits.chain(forms).chain(none).collect();
    let missing: Vec<_> = routes.difference(&recipes).collect();
    let stale: Vec<_> = recipes.difference(&routes).collect();
    assert!(
        missing.is_empty(),
        "say in tests/it/pages/recipes.rs how to reach the pages of (is GET, path): {missing:?}"
    );
    assert!(stale.is_empty(), "recipes of routes that are no more (is GET, path): {stale:?}");
}

#[tokio::test]
async fn every_page_is_accessible_valid_small_and_from_here() {
    let bank = Deployment::up();
    let pages = collect::all(&bank).await;
    assert!(pages.len() > 150, "only {} pages", pages.len());
    let mut faults = Vec::new();
    for page in &pages {
        faults.extend(page.wrong.map(|status| format!("{}: gave {status}", page.name)));
        faults.extend(size(page));
        faults.extend(from_elsewhere(page));
    }
    faults.extend(markup::faults(&pages));
    faults.extend(seen(&bank, pages.as_slice()).await);
    let count = faults.len();
    assert!(faults.is_empty(), "{count} faults of {} pages:\n{}", pages.len(), faults.join("\n"));
}

/// What axe-core finds, after it has found what is wrong with a bad page.
async fn seen(bank: &Deployment, pages: &[Page]) -> Vec<String> {
    let trial = axe::trial();
    let mirror = Mirror::open(&bank.url, pages.iter().chain([&trial])).await;
    let looks = Looks::open(&mirror.url).await;
    let found = looks.faults(pages.len(), &trial).await;
    assert!(axe::is_convincing(&found), "axe-core does not see: {found:#?}");
    let mut faults = Vec::new();
    let mut looked_at = BTreeSet::new();
    for (number, page) in pages.iter().enumerate() {
        if looked_at.insert(appearance(&page.html)) {
            faults.extend(looks.faults(number, page).await);
        }
    }
    looks.close().await;
    faults
}

/// What a page looks like: without numbers, what fields hold, and the name of whoever is signed in.
/// Pages that differ in nothing else are looked at once.
fn appearance(html: &str) -> String {
    let (before, rest) = html.split_once("<form class=\"who\"").unwrap_or((html, ""));
    let after = rest.split_once("</form>").map_or(rest, |(_, after)| after);
    let mut shown = String::with_capacity(html.len());
    for (position, part) in before.split("value=\"").chain(after.split("value=\"")).enumerate() {
        let part =
            if position == 0 { part } else { part.split_once('"').map_or(part, |(_, rest)| rest) };
        shown.extend(part.chars().filter(|letter| !letter.is_ascii_digit()));
    }
    shown
}

fn size(page: &Page) -> Option<String> {
    let bytes = page.html.len();
    (bytes > BYTES_MAX).then(|| format!("{}: {bytes} bytes", page.name))
}

/// What a page loads or leads to is on this host; its policy lets nothing else in.
fn from_elsewhere(page: &Page) -> Vec<String> {
    let mut faults = Vec::new();
    if !["default-src 'self'", "default-src 'none'"].iter().any(|own| page.policy.starts_with(own))
    {
        faults.push(format!("{}: its policy is {:?}", page.name, page.policy));
    }
    for attribute in ["src=\"", "href=\"", "action=\"", "-get=\"", "-post=\""] {
        for rest in page.html.split(attribute).skip(1) {
            let target = rest.split('"').next().unwrap_or_default();
            let own =
                target.starts_with('#') || (target.starts_with('/') && !target.starts_with("//"));
            if !own {
                faults.push(format!("{}: leads to {target:?}", page.name));
            }
        }
    }
    faults
}
