//! Starts a deployment in a folder of its own, and takes it down when the test ends.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

const DEFAULT_LEVELS: &str = "info,refinery_core=warn,refinery=warn";

/// A running deployment.
pub(crate) struct Deployment {
    pub(crate) folder: tempfile::TempDir,
    /// What `up --detach` printed.
    pub(crate) printed: String,
    pub(crate) url: String,
    pub(crate) started_in: Duration,
}

pub(crate) fn ballast(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ballast")).args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Deployment {
    pub(crate) fn up() -> Self {
        Self::up_with(&[], DEFAULT_LEVELS)
    }

    /// With the levels of `BALLAST_LOG`.
    pub(crate) fn up_with_log(levels: &str) -> Self {
        Self::up_with(&[], levels)
    }

    /// With more arguments.
    pub(crate) fn up_as(arguments: &[&str]) -> Self {
        Self::up_with(arguments, DEFAULT_LEVELS)
    }

    fn up_with(arguments: &[&str], levels: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("bank");
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(["up", "--detach", "--port", "0", "--data", data.to_str().unwrap()])
            .args(arguments)
            .env("BALLAST_LOG", levels)
            .output()
            .unwrap();
        let started_in = started.elapsed();
        assert!(output.status.success(), "up failed: {}", text(&output.stderr));
        let record = std::fs::read_to_string(data.join("deployment.json")).unwrap();
        let record: Value = serde_json::from_str(&record).unwrap();
        let url = record["url"].as_str().unwrap().to_owned();
        let printed = text(&output.stdout) + &text(&output.stderr);
        Self { folder, printed, url, started_in }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("bank")
    }

    /// Runs a subcommand on this deployment; fails the test unless it exits 0.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        assert!(
            output.status.success(),
            "ballast {args:?}: {} {}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    pub(crate) fn try_run(&self, args: &[&str]) -> Output {
        let data = self.data();
        ballast(&[args, &["--data", data.to_str().unwrap()]].concat())
    }

    pub(crate) fn run_json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[args, &["--json"]].concat())).unwrap()
    }

    pub(crate) fn processes(&self) -> Vec<Value> {
        self.run_json(&["ps"]).as_array().unwrap().clone()
    }

    /// The base addresses of the processes of a role.
    pub(crate) fn addresses(&self, role: &str) -> Vec<String> {
        self.processes()
            .iter()
            .filter(|process| process["role"] == role)
            .map(|process| format!("http://{}", process["address"].as_str().unwrap()))
            .collect()
    }

    /// The tokens of an executive and of a teller.
    pub(crate) fn tokens(&self) -> (String, String) {
        let text = std::fs::read_to_string(self.data().join("credentials.json")).unwrap();
        let tokens: Value = serde_json::from_str(&text).unwrap();
        let token = |role: &str| tokens[role].as_str().unwrap().to_owned();
        (token("executive"), token("teller"))
    }

    /// The one-time password that `up` printed for a user.
    pub(crate) fn password(&self, user: &str) -> String {
        let line = self.printed.lines().find(|line| line.contains(user)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let output = self.try_run(&["down"]);
        if !std::thread::panicking() {
            assert!(output.status.success(), "down failed: {}", text(&output.stderr));
        }
    }
}

/// Ends a process without giving it a chance to clean up.
pub(crate) fn kill(pid: u64) {
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    // It may have died by itself; then there is nothing to end.
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}

pub(crate) fn is_alive(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

/// Waits until `done` is so; fails the test after 15 seconds.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !done() {
        assert!(Instant::now() < deadline, "not within 15 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
