//! `/status`: the deployment as a map, for people.
//!
//! The page is whole without its script, which only fetches the map again once a second and
//! changes what differs. Style and script are files of their own, so the content security policy
//! allows nothing inline.

use askama::Template;

use super::deployment::picture;
use super::map::{Map, draw};
use crate::shared::Shared;

pub(crate) const STYLE: &str = include_str!("../../assets/status.css");
pub(crate) const SCRIPT: &str = include_str!("../../assets/status.js");
pub(crate) const ICON: &str = include_str!("../../assets/ballast.svg");

#[derive(Template)]
#[template(path = "status.html")]
struct WholePage {
    map: Map,
}

#[derive(Template)]
#[template(path = "map.html")]
struct OnlyMap {
    map: Map,
}

/// The page.
pub(crate) async fn page(shared: &Shared) -> String {
    WholePage { map: draw(&picture(shared).await) }.render().unwrap_or_default()
}

/// The changing part of the page.
pub(crate) async fn map(shared: &Shared) -> String {
    OnlyMap { map: draw(&picture(shared).await) }.render().unwrap_or_default()
}
