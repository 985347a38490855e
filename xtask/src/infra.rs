//! `cargo xtask infra`: everything about the Terraform sources that can be checked without AWS.
//!
//! Formatting, validation and tests of every root and module; plans of every root in both profiles,
//! applied and planned again; rules over the plans; equality with the local deployment; other
//! topologies; the table of broken topologies; and edits that must turn all of this red. With
//! `cargo xtask infra plan ROOT FILE` the rules judge one plan, also a real one; with
//! `cargo xtask infra edits WORD` only the edits are made whose name holds the word.
//! Deliberately not here: what only AWS knows, such as quotas, names that are taken, real times.

mod alarms;
mod alone;
mod edits;
mod equality;
mod names;
mod parallel;
mod plan;
mod roles;
mod rules;
mod terraform;
mod texts;
mod topologies;
mod user_data;
mod wishes;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use fleet::topology::Topology;

use parallel::in_parallel;
use plan::Plan;
use terraform::Terraform;

const ROOTS: [&str; 5] = ["bootstrap", "cicd", "live/east", "live/west", "live/global"];

/// The topology of tests; the bank's own may have its roles swapped.
const TEST_TOPOLOGY: &str = "infra/tests/topology.json";

/// How many misspellings are tried in a run.
const MISSPELLINGS: usize = 20;

/// Runs the checks; gives the breaches.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has a parent")?;
    match arguments {
        [] => check(root),
        [command, place, file] if command == "plan" => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("could not read the plan {file}"))?;
            judge(&text, root, place)
        }
        [command, word] if command == "edits" => {
            let terraform = Terraform::from_environment();
            ensure!(terraform.can_plan(), "BALLAST_TERRAFORM offers no provider that plans");
            let edits = edits::try_edits(&terraform, root, word)?;
            crate::say(&format!("infra: {edits} edits refused"));
            Ok(Vec::new())
        }
        _ => anyhow::bail!("usage: cargo xtask infra [plan ROOT FILE | edits WORD]"),
    }
}

/// What the rules and the equality say of a root's plan; else what Terraform said against it.
fn judge_planned(
    planned: Result<String, String>,
    copy: &Path,
    root: &str,
) -> anyhow::Result<Vec<String>> {
    planned.map_or_else(|said| Ok(vec![said]), |plan| judge(&plan, copy, root))
}

/// The wishes that a plan of the production profile leaves open.
fn wishes_of(json: &str, copy: &Path, root: &str) -> anyhow::Result<Vec<String>> {
    let topology = Topology::load(Some(&copy.join("topology.json")))?;
    Ok(wishes::check(&Plan::parse(json)?, &topology, root))
}

/// The rules and the equality over one plan of one root.
fn judge(json: &str, copy: &Path, root: &str) -> anyhow::Result<Vec<String>> {
    let plan = Plan::parse(json)?;
    let mut breaches = rules::check(&plan);
    breaches.extend(user_data::check(&plan));
    breaches.extend(alarms::check(&plan));
    breaches.extend(roles::check(&plan));
    if let Some(key) = root.strip_prefix("live/").filter(|key| *key != "global") {
        let topology = Topology::load(Some(&copy.join("topology.json")))?;
        breaches.extend(equality::check(&plan, &topology, key)?);
        breaches.extend(alone::check(&plan));
    }
    Ok(breaches)
}

fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let terraform = Terraform::from_environment();
    let (is_there, _) = terraform.run(root, "command -v terraform")?;
    ensure!(is_there, "terraform is missing; install Terraform 1.11 or newer");
    let mut breaches = texts::check(&root.join("infra"))?;
    let (is_formatted, said) =
        terraform.run(&root.join("infra"), "terraform fmt -check -recursive -no-color")?;
    if !is_formatted {
        breaches.push(format!("terraform fmt: {said}"));
    }
    breaches.extend(topologies::check_table(&terraform, root)?);
    let copy = terraform.copy(root)?;
    if !terraform.has_provider(copy.path())? {
        crate::say("################################################################");
        crate::say("# SKIPPED (6 checks): the AWS provider cannot be downloaded here, so");
        crate::say("# nothing was validated, tested or planned; formatting, texts and the");
        crate::say("# rules of the topology were checked.");
        crate::say("################################################################");
        return Ok(breaches);
    }
    breaches.extend(validate(&terraform, copy.path())?);
    crate::say("infra: sources are formatted and valid, and both readers know the same topologies");
    if !terraform.can_plan() {
        crate::say("################################################################");
        crate::say("# SKIPPED (4 checks): the real provider asks AWS for plans, so no");
        crate::say("# plan was made: rules, second plans, equality, edits.");
        crate::say("################################################################");
        return Ok(breaches);
    }
    let twice = in_parallel(&ROOTS, |place| plan_twice(&terraform, root, place))?;
    let (found, plans): (Vec<_>, Vec<_>) = twice.into_iter().unzip();
    breaches.extend(found.into_iter().flatten());
    breaches.extend(names::check(
        &terraform,
        root,
        &plans.into_iter().flatten().collect::<Vec<_>>(),
    )?);
    breaches.extend(plan_least(&terraform, root)?);
    crate::say("infra: every root was planned, applied and planned again");
    breaches.extend(topologies::plan_others(&terraform, root)?);
    crate::say("infra: other topologies were planned");
    if breaches.is_empty() {
        let edits = edits::try_edits(&terraform, root, "")?;
        let seed = rand::random();
        let words = edits::try_misspellings(&terraform, root, MISSPELLINGS, seed)?;
        crate::say(&format!("infra: {edits} edits and {words} misspellings refused (seed {seed})"));
    }
    Ok(breaches)
}

/// Validates every root and module, and runs its tests.
fn validate(terraform: &Terraform, copy: &Path) -> anyhow::Result<Vec<String>> {
    let script = "terraform init -backend=false -no-color >init.log || { cat init.log; exit 1; }
        terraform validate -no-color || exit 1
        [ ! -d tests ] || terraform test -no-color";
    let refused = in_parallel(&folders(copy)?, |folder| {
        let (is_valid, said) = terraform.run(folder, script)?;
        Ok((!is_valid).then(|| format!("{}: {said}", folder.display())))
    })?;
    Ok(refused.into_iter().flatten().collect())
}

/// Plans, applies, and plans again what a bank would run; the breaches, and the second plan.
fn plan_twice(
    terraform: &Terraform,
    root: &Path,
    place: &str,
) -> anyhow::Result<(Vec<String>, Option<Plan>)> {
    let copy = terraform.copy(root)?;
    let mut last = None;
    let mut breaches = Vec::new();
    for plan in [Terraform::first_plan, Terraform::second_plan] {
        let planned = plan(terraform, copy.path(), place, "production")?;
        if let Ok(json) = &planned {
            breaches.extend(wishes_of(json, copy.path(), place)?);
            last = Some(Plan::parse(json)?);
        }
        breaches.extend(judge_planned(planned, copy.path(), place)?);
        if !breaches.is_empty() {
            break;
        }
    }
    Ok((breaches.into_iter().map(|breach| format!("{place}: {breach}")).collect(), last))
}

/// Plans the least that keeps every rule; only regions differ between the profiles.
fn plan_least(terraform: &Terraform, root: &Path) -> anyhow::Result<Vec<String>> {
    let copy = terraform.copy(root)?;
    let found = in_parallel(&["live/east", "live/west"], |place| {
        let planned = terraform.first_plan(copy.path(), place, "minimal")?;
        let found = judge_planned(planned, copy.path(), place)?;
        Ok(found.into_iter().map(|it| format!("{place}, minimal: {it}")).collect::<Vec<_>>())
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// Every root and module.
fn folders(copy: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    texts::collect(&copy.join("infra"), &mut files)?;
    let main = files.iter().filter(|file| file.ends_with("main.tf"));
    Ok(main.filter_map(|file| file.parent()).map(Path::to_owned).collect())
}
