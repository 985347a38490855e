//! The real cluster: etcd, Patroni and PostgreSQL on this machine. What is missing fails the test
//! with the sentence that installs it.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::deployment::{ballast, is_alive, kill, text};

/// An election takes the time to live (20 s) and some rounds of the agents, on a busy machine.
const WITHIN: Duration = Duration::from_secs(90);

struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    /// The database alone.
    fn up() -> Self {
        Self::start(&["--only-database"])
    }

    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL runs as somebody else when this is root.
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let cluster = Self { folder };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize();
        let patroni = repository.unwrap().join(".dev/patroni/bin/patroni");
        let patroni = patroni.to_str().unwrap();
        let up = ["up", "--database", "cluster", "--detach", "--port", "0"];
        let output = cluster.ballast(&[&up[..], &["--patroni", patroni], more].concat());
        assert!(output.status.success(), "up failed: {}", text(&output.stderr));
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("bank")
    }

    fn ballast(&self, args: &[&str]) -> Output {
        ballast(&[args, &["--data", self.data().to_str().unwrap()]].concat())
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.ballast(args);
        assert!(output.status.success(), "ballast {args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn processes(&self) -> Vec<Value> {
        let said: Value = serde_json::from_str(&self.run(&["ps", "--json"])).unwrap();
        said.as_array().unwrap().clone()
    }

    /// Name and timeline of every node that says that it is in this role.
    fn nodes(&self, role: &str) -> Vec<(String, u64)> {
        let processes = self.processes();
        let members = processes.iter().filter(|row| row["member"]["role"] == role);
        let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
        let timeline = |row: &Value| row["member"]["timeline"].as_u64().unwrap_or_default();
        members.map(|row| (name(row), timeline(row))).collect()
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + WITHIN;
        while !is_so(self) {
            let is_late = Instant::now() >= deadline;
            assert!(!is_late, "not within {WITHIN:?}: {what}\n{}", self.run(&["ps"]));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// One primary, and commits wait for two of three standbys on its timeline.
    fn is_whole(&self) -> bool {
        let (primaries, standbys) = (self.nodes("primary"), self.nodes("quorum standby"));
        let timeline = primaries.first().map(|(_, timeline)| *timeline);
        primaries.len() == 1
            && standbys.len() == 3
            && standbys.iter().all(|(_, other)| Some(*other) == timeline)
    }

    /// Waits until this member leads etcd.
    fn until_etcd_is_led_by(&self, name: &str) {
        let is_led = |it: &Self| it.nodes("leader").iter().any(|(leader, _)| leader == name);
        self.until(&format!("{name} leads etcd"), is_led);
    }

    /// Breaks the cluster under load. The command's own bars hold for a machine that does nothing
    /// else; here only time may be missed, and nothing that is about money.
    fn drill(&self, scenario: &str, gap_max_seconds: f64) {
        let load = ["--rate", "20", "--views", "10", "--accounts", "20", "--json"];
        let output = self.ballast(&[&["bench", "database", scenario][..], &load].concat());
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{scenario}: {error}: {}", text(&output.stderr)));
        let figures = report["figures"].as_array().unwrap();
        let gap = "longest time without one";
        let of = |name: &str| figures.iter().find(|figure| figure["name"] == name).unwrap();
        assert!(of("acknowledged transfers")["value"].as_f64().unwrap() > 0.0, "{report}");
        assert!(of(gap)["value"].as_f64().unwrap() <= gap_max_seconds, "{report}");
        for figure in figures.iter().filter(|figure| figure["name"] != gap) {
            assert_eq!(figure["ok"], true, "{figure} of {report}");
        }
        let copies = |figure: &&Value| figure["name"].as_str().unwrap().starts_with("broken rules");
        assert_eq!(figures.iter().filter(copies).count(), 4, "{report}");
    }

    /// Every process that was started for this data folder.
    fn family(&self) -> Vec<u64> {
        let data = self.data().display().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
        let is_ours = |pid: &u64| {
            let here = std::fs::read_link(format!("/proc/{pid}/cwd"));
            here.is_ok_and(|here| here.display().to_string().starts_with(&data))
        };
        pids.filter(is_ours).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let output = self.ballast(&["down"]);
        let is_gone = text(&output.stderr).contains("no deployment runs");
        if !std::thread::panicking() {
            assert!(output.status.success() || is_gone, "down: {}", text(&output.stderr));
        }
    }
}

/// The faults of `ballast bench database` in their short form.
#[test]
fn nothing_acknowledged_is_lost_or_done_twice_whatever_the_primary_loses() {
    let cluster = Cluster::start(&[]);
    cluster.until("three standbys hold commits", Cluster::is_whole);
    let (first, timeline) = cluster.nodes("primary").remove(0);
    assert!(first.starts_with("database01-") && timeline == 1, "{first}, {timeline}");
    cluster.drill("postgres", 30.0);
    cluster.drill("switchover", 30.0);
    cluster.drill("agent", 60.0);
    cluster.until("all four are one cluster", Cluster::is_whole);
    let timeline = cluster.nodes("primary").remove(0).1;
    assert!(timeline >= 4, "each of them changed the primary, but it is {timeline}");

    // The books outlive the processes, and the processes leave nothing.
    cluster.run(&["down"]);
    assert_eq!(cluster.family(), [0_u64; 0]);
}

#[test]
fn a_primary_that_is_cut_off_gives_way_and_comes_back_as_a_standby() {
    let cluster = Cluster::up();
    cluster.until("three standbys hold commits", Cluster::is_whole);
    let first = cluster.nodes("primary").remove(0).0;
    cluster.run(&["fault", "isolate", &first]);
    cluster.until("another primary, and one only", |it| {
        let primaries = it.nodes("primary");
        primaries.len() == 1 && primaries[0].0 != first
    });
    cluster.run(&["fault", "heal"]);
    cluster.until("all four are one cluster", Cluster::is_whole);
    etcd_is_led_from_where_the_primary_is_not(&cluster);

    let status = cluster.processes();
    let pids: Vec<u64> = status.iter().filter_map(|row| row["pid"].as_u64()).collect();
    let record = std::fs::read(cluster.data().join("deployment.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    kill(record["pid"].as_u64().unwrap());
    let deadline = Instant::now() + Duration::from_secs(15);
    while pids.iter().any(|pid| is_alive(*pid)) || !cluster.family().is_empty() {
        assert!(Instant::now() < deadline, "a killed supervisor left {:?}", cluster.family());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whoever leads at first: without the witness only the member beside the primary is left, or the
/// other one; and then the primary comes to where the leader is.
fn etcd_is_led_from_where_the_primary_is_not(cluster: &Cluster) {
    let primary = cluster.nodes("primary").remove(0).0;
    let there = if primary.ends_with("east") { "west" } else { "east" };
    cluster.run(&["fault", "kill", "--stay-down", "etcd-witness"]);
    cluster.until_etcd_is_led_by(&format!("etcd-{there}"));
    cluster.run(&["fault", "heal"]);
    cluster.run(&["switchover", "--to", &format!("database01-{there}")]);
    cluster.until_etcd_is_led_by("etcd-witness");
    assert_eq!(cluster.nodes("primary").remove(0).0, format!("database01-{there}"));
    cluster.until("all four are one cluster", Cluster::is_whole);
}
