//! The checks are on trial: single edits that a tired person could make, each of which has to
//! turn them red, and random misspellings, each of which Terraform has to refuse.
//!
//! Guarantees: every edit of `tests/data/infra_edits.json` is made to a copy, and changes it; what
//! is expected is the sentence of one rule and not just any failure. The copies have the topology
//! of the tests, whose roles stay when those of the bank are swapped after a failover.
//!
//! Deliberately not here: edits of the pipeline's own files.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use super::parallel::in_parallel;
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
    /// The resource that the edited sources are to make anew after the others were applied.
    #[serde(default)]
    replaced: Option<String>,
    /// Whether what is said is seen only in the plan of what was applied.
    #[serde(default)]
    applied: bool,
}

/// Makes each edit whose name holds the word to a copy of its own and expects the checks to say the
/// rule.
pub(crate) fn try_edits(terraform: &Terraform, root: &Path, word: &str) -> anyhow::Result<usize> {
    let table = std::fs::read_to_string(root.join("tests/data/infra_edits.json"))?;
    let mut edits: Vec<Edit> = serde_json::from_str(&table).context("the table of edits")?;
    ensure!(edits.len() >= 15, "only {} edits", edits.len());
    edits.retain(|edit| edit.what.contains(word));
    ensure!(!edits.is_empty(), "no edit has {word} in its name");
    in_parallel(&edits, |edit| try_edit(terraform, root, edit))?;
    Ok(edits.len())
}

fn try_edit(terraform: &Terraform, root: &Path, edit: &Edit) -> anyhow::Result<()> {
    let copy = terraform.copy(root)?;
    let topology = copy.path().join("topology.json");
    std::fs::copy(copy.path().join(super::TEST_TOPOLOGY), topology)?;
    if edit.replaced.is_some() {
        let planned = terraform.first_plan(copy.path(), &edit.root, "production")?;
        let applied = planned.and(terraform.apply(copy.path(), &edit.root)?);
        ensure!(applied.is_ok(), "{}: {}", edit.what, applied.err().unwrap_or_default());
    }
    let file = copy.path().join("infra").join(&edit.file);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("could not read {}", file.display()))?;
    ensure!(text.contains(&edit.from), "the edit `{}` finds no place in {}", edit.what, edit.file);
    std::fs::write(&file, text.replacen(&edit.from, &edit.to, 1))?;
    let said = said_of(terraform, copy.path(), edit)?;
    // Terraform breaks its messages into lines.
    let words = said.split(['\n', '│', ' ']).filter(|it| !it.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    ensure!(
        line.contains(&edit.said),
        "the edit `{}` was not refused with `{}`, but with: {said}",
        edit.what,
        edit.said
    );
    Ok(())
}

/// Everything that the checks say of the plan after the edit; empty when they are content.
fn said_of(terraform: &Terraform, copy: &Path, edit: &Edit) -> anyhow::Result<String> {
    let mut said = texts::check(&copy.join("infra"))?;
    let production = "production";
    let planned = match &edit.replaced {
        Some(address) => terraform.replacing_plan(copy, &edit.root, production, address)?,
        None => terraform.first_plan(copy, &edit.root, production)?,
    };
    let planned = match planned {
        Ok(_) if edit.applied => terraform.second_plan(copy, &edit.root, production)?,
        planned => planned,
    };
    if let Ok(plan) = &planned {
        said.extend(super::wishes_of(plan, copy, &edit.root)?);
    }
    said.extend(super::judge_planned(planned, copy, &edit.root)?);
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
    let mut misspellings = Vec::new();
    for _ in 0..count {
        let Some((file, number, name)) = places.get(random.random_range(0..places.len())) else {
            bail!("no place");
        };
        let (before, after) = name.split_at(random.random_range(0..name.len()));
        let wrong = format!("{before}q{after}");
        misspellings.push(Misspelling { file, number: *number, name, wrong });
    }
    in_parallel(&misspellings, |it| {
        it.try_it(terraform, root).with_context(|| format!("seed {seed}"))
    })?;
    Ok(count)
}

/// One argument, and how it is written wrongly.
struct Misspelling<'a> {
    file: &'a Path,
    number: usize,
    name: &'a str,
    wrong: String,
}

impl Misspelling<'_> {
    fn try_it(&self, terraform: &Terraform, root: &Path) -> anyhow::Result<()> {
        let copy = terraform.copy(root)?;
        let inside = copy.path().join(self.file.strip_prefix(root)?);
        let text = std::fs::read_to_string(&inside)?;
        let lines = text.lines().enumerate().map(|(index, line)| {
            let is_it = index == self.number;
            if is_it { line.replacen(self.name, &self.wrong, 1) } else { line.to_owned() }
        });
        std::fs::write(&inside, lines.collect::<Vec<_>>().join("\n") + "\n")?;
        let folder = inside.parent().context("a file lies in a folder")?;
        let (is_fine, said) = terraform.run(
            folder,
            "terraform init -backend=false -no-color >/dev/null && terraform validate -no-color",
        )?;
        ensure!(
            !is_fine && said.contains(&self.wrong),
            "`{}` written `{}` in {} was not refused: {said}",
            self.name,
            self.wrong,
            self.file.display()
        );
        Ok(())
    }
}
