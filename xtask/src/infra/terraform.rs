//! Running Terraform, on copies, so that nothing is left in the tree.
//!
//! Guarantees: no account, no network, no state of anybody; plans are made with the values of
//! `infra/tests/values.tfvars` and one of the profiles.
//!
//! Deliberately not here: what the plans must hold.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// How Terraform is run: by itself, or behind a program that offers the provider without a network.
#[derive(Debug)]
pub(crate) struct Terraform {
    before: Option<String>,
}

impl Terraform {
    /// Reads `BALLAST_TERRAFORM`: a program that runs the command it is given with a provider at
    /// hand. Without it there is the real provider, which needs a network.
    pub(crate) fn from_environment() -> Self {
        Self { before: std::env::var("BALLAST_TERRAFORM").ok().filter(|it| !it.is_empty()) }
    }

    /// Whether plans can be made: the real provider asks AWS for them.
    pub(crate) fn can_plan(&self) -> bool {
        self.before.is_some()
    }

    /// Whether the provider is there. Only a registry that is out of reach makes it false: whatever
    /// else is wrong is for the checks to find.
    pub(crate) fn has_provider(&self, copy: &Path) -> anyhow::Result<bool> {
        if self.can_plan() {
            return Ok(true);
        }
        let folder = copy.join("infra/modules/network");
        let (is_there, said) = self.run(&folder, "terraform init -backend=false -no-color")?;
        let is_out_of_reach =
            ["could not connect to", "Failed to query available provider packages"]
                .iter()
                .any(|words| said.contains(words));
        Ok(is_there || !is_out_of_reach)
    }

    /// Runs a shell script in the folder; whether it was fine, and all it said.
    pub(crate) fn run(&self, folder: &Path, script: &str) -> anyhow::Result<(bool, String)> {
        let mut command = match &self.before {
            Some(program) => {
                let mut command = Command::new(program);
                command.arg("sh");
                command
            }
            None => Command::new("sh"),
        };
        let output = command
            .args(["-c", &format!("{{ {script}\n}} 2>&1")])
            .current_dir(folder)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .stdin(Stdio::null())
            .output()
            .context("could not run terraform")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.success(), said))
    }

    /// A copy of the sources to edit and to plan.
    pub(crate) fn copy(&self, root: &Path) -> anyhow::Result<TempDir> {
        let folder = tempfile::tempdir()?;
        for name in ["infra", "topology.json", "topology.schema.json"] {
            let (is_fine, said) = run_copy(&root.join(name), folder.path())?;
            ensure!(is_fine, "could not copy {name}: {said}");
        }
        let mut states = Vec::new();
        super::texts::collect(&folder.path().join("infra"), &mut states)?;
        for file in states.iter().filter(|file| file.ends_with("versions.tf")) {
            // States of tests lie beside their roots.
            let text = std::fs::read_to_string(file)?;
            if text.contains("backend \"s3\"") {
                let override_file = file.with_file_name("state_override.tf");
                std::fs::write(override_file, "terraform {\n  backend \"local\" {}\n}\n")?;
            }
        }
        Ok(folder)
    }

    /// The first plan of a root as JSON, or what Terraform said against it.
    pub(crate) fn first_plan(
        &self,
        copy: &Path,
        root: &str,
        profile: &str,
    ) -> anyhow::Result<Result<String, String>> {
        let script = format!(
            "terraform init -no-color >init.log && \
             terraform plan -no-color -compact-warnings {} -out=first.tfplan >plan.log && \
             terraform show -json first.tfplan >first.json || {{ cat init.log plan.log; exit 1; }}",
            values(copy, profile)
        );
        self.json(copy, root, &script, "first.json")
    }

    /// Applies the first plan of a root, to pretended resources; what Terraform said against it.
    pub(crate) fn apply(&self, copy: &Path, root: &str) -> anyhow::Result<Result<(), String>> {
        let apply = "terraform apply -no-color -compact-warnings first.tfplan";
        let (is_fine, said) = self.run(&copy.join("infra").join(root), apply)?;
        Ok(if is_fine { Ok(()) } else { Err(said) })
    }

    /// Applies the first plan, plans again, and gives the second plan as JSON; it must be empty.
    pub(crate) fn second_plan(
        &self,
        copy: &Path,
        root: &str,
        profile: &str,
    ) -> anyhow::Result<Result<String, String>> {
        if let Err(said) = self.apply(copy, root)? {
            return Ok(Err(said));
        }
        let refusal = "echo the second plan is not empty;";
        self.later_plan(copy, root, profile, "-detailed-exitcode", refusal)
    }

    /// Plans what was applied once more, with one of its resources made anew.
    pub(crate) fn replacing_plan(
        &self,
        copy: &Path,
        root: &str,
        profile: &str,
        address: &str,
    ) -> anyhow::Result<Result<String, String>> {
        self.later_plan(copy, root, profile, &format!("-replace='{address}'"), "")
    }

    fn later_plan(
        &self,
        copy: &Path,
        root: &str,
        profile: &str,
        option: &str,
        refusal: &str,
    ) -> anyhow::Result<Result<String, String>> {
        let script = format!(
            "terraform plan -no-color -compact-warnings {option} {} -out=second.tfplan \
             >plan.log 2>&1 && terraform show -json second.tfplan >second.json || \
             {{ cat plan.log; {refusal} exit 1; }}",
            values(copy, profile)
        );
        self.json(copy, root, &script, "second.json")
    }

    fn json(
        &self,
        copy: &Path,
        root: &str,
        script: &str,
        file: &str,
    ) -> anyhow::Result<Result<String, String>> {
        let folder = copy.join("infra").join(root);
        let (is_fine, said) = self.run(&folder, script)?;
        if !is_fine {
            return Ok(Err(said));
        }
        let file = folder.join(file);
        let json = std::fs::read_to_string(&file);
        Ok(Ok(json.with_context(|| format!("could not read {}", file.display()))?))
    }
}

fn values(copy: &Path, profile: &str) -> String {
    let infra = copy.join("infra");
    let profile = infra.join(format!("profiles/{profile}.tfvars"));
    let tests = infra.join("tests/values.tfvars");
    format!("-var-file={} -var-file={}", profile.display(), tests.display())
}

fn run_copy(from: &Path, to: &Path) -> anyhow::Result<(bool, String)> {
    let output = Command::new("cp").arg("-R").arg(from).arg(to).output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}
