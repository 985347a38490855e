//! The checks are on trial: single edits that a tired person could make, each of which has to
//! turn them red, and random misspellings, each of which Terraform has to refuse.
//!
//! Guarantees: every edit of `tests/data/infra_edits.json` is made to a copy, and changes it; what
//! is expected is the sentence of one rule and not just any failure.
//!
//! Deliberately not here: edits of the pipeline's own files.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use super::{Terraform, texts};

/// One edit: in which file what becomes what, which root shows it, and what must be said.
#[derive(Deserialize)]
struct Edit {
    what: String,
    file: String,
    root: String,
    from: String,
    to: String,
    said: String,
}

/// Makes each edit to a copy of its own and expects the checks to say the rule.
pub(crate) fn try_edits(terraform: &Terraform, root: &Path) -> anyhow::Result<usize> {
    let table = std::fs::read_to_string(root.join("tests/data/infra_edits.json"))?;
    let edits: Vec<Edit> = serde_json::from_str(&table).context("the table of edits")?;
    ensure!(edits.len() >= 15, "only {} edits", edits.len());
    for edit in &edits {
        let copy = terraform.copy(root)?;
        let file = copy.path().join("infra").join(&edit.file);
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("could not read {}", file.display()))?;
        ensure!(
            text.contains(&edit.from),
            "the edit `{}` finds no place in {}",
            edit.what,
            edit.file
        );
        std::fs::write(&file, text.replacen(&edit.from, &edit.to, 1))?;
        let said = said_of(terraform, copy.path(), &edit.root)?;
        // Terraform breaks its messages into lines.
        let words = said.split(['\n', '│', ' ']).filter(|it| !it.is_empty());
        let line = words.collect::<Vec<_>>().join(" ");
        ensure!(
            line.contains(&edit.said),
            "the edit `{}` was not refused with `{}`, but with: {said}",
            edit.what,
            edit.said
        );
    }
    Ok(edits.len())
}

/// Everything that the checks say of a first plan; empty when they are content.
fn said_of(terraform: &Terraform, copy: &Path, root: &str) -> anyhow::Result<String> {
    let mut said = texts::check(&copy.join("infra"))?;
    match terraform.first_plan(copy, root, "production")? {
        Ok(plan) => said.extend(super::judge(&plan, copy, root)?),
        Err(refusal) => said.push(refusal),
    }
    Ok(said.join("\n"))
}

/// Misspells one argument of a resource at a time; Terraform has to name the line.
pub(crate) fn try_misspellings(
    terraform: &Terraform,
    root: &Path,
    count: usize,
    seed: u64,
) -> anyhow::Result<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut files = Vec::new();
    for module in ["network", "edge", "app", "database", "cache", "global"] {
        texts::collect(&root.join("infra/modules").join(module), &mut files)?;
    }
    let mut places = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file)?;
        let mut is_resource = false;
        for (number, line) in text.lines().enumerate() {
            is_resource = (is_resource || line.starts_with("resource ")) && line != "}";
            // Arguments of the resource itself; below lie maps, whose keys are free.
            if let Some(name) = line.strip_prefix("  ").and_then(|line| line.split_once('='))
                && is_resource
                && name.0.starts_with(|first: char| first.is_ascii_lowercase())
                && !["for_each", "count", "depends_on", "provider"].contains(&name.0.trim())
            {
                places.push((file.clone(), number, name.0.trim().to_owned()));
            }
        }
    }
    ensure!(places.len() >= count, "only {} arguments to misspell", places.len());
    for _ in 0..count {
        let Some((file, number, name)) = places.get(random.random_range(0..places.len())) else {
            bail!("no place");
        };
        let at = random.random_range(0..name.len());
        let (before, after) = name.split_at(at);
        let wrong = format!("{before}q{after}");
        let copy = terraform.copy(root)?;
        let inside = copy.path().join(file.strip_prefix(root)?);
        let text = std::fs::read_to_string(&inside)?;
        let lines = text.lines().enumerate().map(|(index, line)| {
            if index == *number { line.replacen(name.as_str(), &wrong, 1) } else { line.to_owned() }
        });
        std::fs::write(&inside, lines.collect::<Vec<_>>().join("\n") + "\n")?;
        let folder = inside.parent().context("a file lies in a folder")?;
        let (is_fine, said) = terraform.run(
            folder,
            "terraform init -backend=false -no-color >/dev/null && terraform validate -no-color",
        )?;
        ensure!(
            !is_fine && said.contains(&wrong),
            "`{name}` written `{wrong}` in {} was not refused (seed {seed}): {said}",
            file.display()
        );
    }
    Ok(count)
}
