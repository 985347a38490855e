//! The commands as a person meets them: what they print, how they end, what they leave behind.

use std::collections::HashMap;
use std::time::Duration;

use crate::deployment::{Deployment, ballast, eventually, is_alive, kill, text};
use crate::http;

#[test]
fn up_starts_two_regions_and_down_leaves_nothing() {
    let bank = Deployment::up();
    assert!(bank.started_in < Duration::from_secs(5), "ready in {:?}", bank.started_in);
    let processes = bank.processes();
    let mut roles: HashMap<&str, u32> = HashMap::new();
    for process in &processes {
        assert_eq!(process["state"], "running", "{process}");
        *roles.entry(process["role"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(roles, HashMap::from([("server", 4), ("balancer", 2), ("front_door", 1)]));
    let zones: Vec<_> = processes.iter().filter_map(|process| process["zone"].as_str()).collect();
    for zone in ["us-east-1a", "us-east-1b", "us-west-2a", "us-west-2b"] {
        assert!(zones.contains(&zone), "{zone} in {zones:?}");
    }
    for shown in [bank.url.as_str(), "ramesh", "suresh", "mahesh", "us-west-2b"] {
        assert!(bank.printed.contains(shown), "{shown} in {}", bank.printed);
    }
    let pids: Vec<u64> = processes.iter().map(|each| each["pid"].as_u64().unwrap()).collect();
    bank.run(&["down"]);
    eventually("all processes gone", || !pids.iter().any(|pid| is_alive(*pid)));
    assert!(!bank.data().join("control.sock").exists());
    assert_eq!(bank.try_run(&["ps"]).status.code(), Some(2), "ps of what does not run");
    bank.run(&["up", "--detach", "--port", "0"]);
}

#[test]
fn memory_at_rest_is_small() {
    let bank = Deployment::up();
    let record = std::fs::read_to_string(bank.data().join("deployment.json")).unwrap();
    let mut supervisor: serde_json::Value = serde_json::from_str(&record).unwrap();
    supervisor["name"] = "supervisor".into();
    for process in bank.processes().into_iter().chain([supervisor]) {
        let pid = process["pid"].as_u64().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kib <= 40 * 1024, "{} uses {kib} KiB", process["name"]);
    }
}

#[test]
fn what_dies_is_started_again() {
    let bank = Deployment::up();
    for process in bank.processes() {
        let (name, pid) = (process["name"].clone(), process["pid"].as_u64().unwrap());
        kill(pid);
        eventually("started again", || {
            bank.processes().iter().any(|now| {
                now["name"] == name && now["state"] == "running" && now["pid"] != process["pid"]
            })
        });
    }
}

#[test]
fn if_the_supervisor_is_killed_its_children_leave_and_up_works_again() {
    let bank = Deployment::up();
    let pids: Vec<u64> =
        bank.processes().iter().map(|process| process["pid"].as_u64().unwrap()).collect();
    let record = std::fs::read_to_string(bank.data().join("deployment.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    kill(record["pid"].as_u64().unwrap());
    eventually("children gone", || !pids.iter().any(|pid| is_alive(*pid)));
    bank.run(&["up", "--detach", "--port", "0"]);
}

#[test]
fn what_cannot_run_says_why_in_one_sentence() {
    let bank = Deployment::up();
    let port = bank.url.rsplit(':').next().unwrap().trim_end_matches('/');
    let other = bank.folder.path().join("other");
    let broken = bank.folder.path().join("broken.json");
    std::fs::write(&broken, "{ \"project\": 7 }").unwrap();
    let (other, broken) = (other.to_str().unwrap(), broken.to_str().unwrap());
    let data = bank.data();
    let cases: [(&[&str], &str); 4] = [
        (&["up", "--detach", "--port", "0", "--data", data.to_str().unwrap()], "already"),
        (&["up", "--port", port, "--data", other], "in use"),
        (&["up", "--port", "0", "--topology", broken, "--data", other], "project"),
        (&["audit", "--data", other], "no database"),
    ];
    for (args, expect) in cases {
        let output = ballast(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expect), "{args:?}: {said}");
        let lines = said.lines().filter(|line| line.starts_with("ballast:")).count();
        assert_eq!(lines, 1, "{args:?}: {said}");
    }
    for args in [&["nonsense"][..], &["up", "--port", "many"], &["staff", "token", "me"]] {
        assert_eq!(ballast(args).status.code(), Some(64), "{args:?}");
    }
}

#[test]
fn the_books_are_their_owners_alone_in_any_folder() {
    use std::os::unix::fs::PermissionsExt;
    let bank = Deployment::up();
    for name in ["bank.db", "bank.db-wal", "credentials.json", "run/ALB-east.json"] {
        let mode = std::fs::metadata(bank.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[tokio::test]
async fn every_process_tells_how_it_is() {
    let bank = Deployment::up();
    for role in ["server", "balancer", "front_door"] {
        for address in bank.addresses(role) {
            for path in ["/livez", "/readyz", "/metrics", "/status.json"] {
                let answer = http::get(&address, path, "").await;
                assert_eq!(answer.status, 200, "{role} {path}");
                assert!(!answer.body.is_empty(), "{role} {path}");
            }
        }
    }
    let missing = http::get(&bank.url, "/no/such/page", "").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn each_server_gets_its_share() {
    let bank = Deployment::up();
    let mut by_server: HashMap<String, u32> = HashMap::new();
    let east = &bank.addresses("balancer")[0];
    for _ in 0..1_000 {
        let answer = http::get(east, "/no/such/page", "").await;
        let server = answer.headers["x-ballast-server"].to_str().unwrap().to_owned();
        *by_server.entry(server).or_default() += 1;
    }
    assert_eq!(by_server.len(), 2, "{by_server:?}");
    for count in by_server.values() {
        assert!((450..=550).contains(count), "{by_server:?}");
    }
}

#[test]
fn staff_are_added_listed_and_disabled() {
    let bank = Deployment::up();
    let password = bank.run(&["staff", "add", "C00000009", "--name", "eva", "--role", "teller"]);
    assert!(password.trim().len() >= 10, "{password}");
    assert!(bank.run(&["staff", "list"]).contains("eva"));
    let again = bank.try_run(&["staff", "add", "C00000009", "--name", "x", "--role", "teller"]);
    assert_eq!(again.status.code(), Some(2));
    bank.run(&["staff", "disable", "C00000009"]);
    let token = bank.try_run(&["staff", "token", "C00000009"]);
    assert!(text(&token.stderr).contains("disabled"));
    let nobody = bank.try_run(&["staff", "token", "C00000404"]);
    assert!(text(&nobody.stderr).contains("there is no member of staff"));
}
