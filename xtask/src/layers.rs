//! The walls between the crates, read from `cargo metadata`.

use anyhow::Context;
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate with the crates of ours that it may depend on. A crate that is not in this list is
/// a breach: a further crate needs a written reason that names its wall.
const LAYERS: &[(&str, &[&str])] = &[
    ("ledger", &[]),
    ("store", &["ledger"]),
    ("web", &["ledger", "store"]),
    ("balancer", &[]),
    ("fleet", &[]),
    ("drill", &["ledger", "fleet"]),
    ("ballast", &["ledger", "store", "web", "balancer", "fleet", "drill"]),
    // Holds Terraform's plans against the topology and the local plan.
    ("xtask", &["fleet"]),
];

/// Outside crates that only one crate may use, so that what they do happens in one place.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("refinery", &["store"]),
    ("axum", &["web"]),
    // The bank's pages, and the status page: what writes HTML escapes it in one way.
    ("askama", &["web", "balancer"]),
    ("clap", &["ballast"]),
];

/// Lists every dependency that crosses a wall.
pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata failed")?;
    let mut breaches = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            breaches.push(format!("{name}: is not in the list of crates; name its wall there"));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = LAYERS.iter().any(|(layer, _)| *layer == dependency.name);
            if ours && !allowed.contains(&dependency.name.as_str()) {
                breaches.push(format!("{name}: may not depend on {}", dependency.name));
            }
            let wall = ONLY_IN.iter().find(|(outside, _)| *outside == dependency.name);
            if let Some((outside, homes)) = wall
                && dependency.kind == DependencyKind::Normal
                && !homes.contains(&name)
            {
                breaches.push(format!("{name}: {outside} belongs in {} only", homes.join(", ")));
            }
        }
    }
    Ok(breaches)
}
