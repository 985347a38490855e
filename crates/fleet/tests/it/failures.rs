//! What can go wrong around a start, each as the sentence that people read.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use fleet::control::Client;
use fleet::fault::Fault;
use fleet::local::LocalDeployment;
use fleet::process::State;
use fleet::supervisor::{Claim, Deployment, EVENTS_MAX, EventKind};
use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::harness::{Site, fake_child, is_gone, pids, row, signal, state, until};

#[tokio::test]
async fn a_port_in_use_is_named_before_anything_starts() {
    let site = Site::new();
    let address = site.plan.processes.iter().find(|it| it.name == "ALB-east").unwrap().address;
    let _taken = TcpListener::bind(address).unwrap();
    let error = Claim::take(&site.plan).await.unwrap_err();
    let expected = format!(
        "port {} is in use, and ALB-east needs it; \
         choose other ports with --port N, or free ones with --port 0",
        address.port()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(std::fs::read_dir(site.data().join("logs")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_second_start_names_the_holder() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let error = Claim::take(&site.plan).await.unwrap_err();
    let data = site.data().display().to_string();
    let pid = std::process::id();
    let expected = format!(
        "a deployment already runs on {data} (pid {pid}); \
         stop it with `ballast down --data {data}`, or choose another folder with --data"
    );
    assert_eq!(error.to_string(), expected);
    deployment.stop().await;
}

#[tokio::test]
async fn a_process_that_dies_at_once_is_quoted() {
    let name = "applicationServer01-west";
    let site = Site::new().with(name, &["--die-if", "/"]);
    let error = fail(&site).await;
    let log = site.plan.data_folder.log_file(name);
    let expected = format!(
        "{name} left before it was ready; the end of {}:\n    \
         leaving because / exists",
        log.display()
    );
    assert_eq!(error, expected);
    assert!(!site.plan.data_folder.control_socket().exists());
}

#[tokio::test]
async fn a_process_that_is_never_ready_is_named() {
    let mut site = Site::new().with("front-door", &["--never-ready"]);
    site.plan.ready_within = Duration::from_millis(1_500);
    let error = fail(&site).await;
    let log = site.plan.data_folder.log_file("front-door");
    let expected =
        format!("front-door was not ready within 1.5 s; its log {} is empty", log.display());
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut site = Site::new();
    site.plan.executable = "/nowhere/ballast".into();
    let error = fail(&site).await;
    assert!(error.contains("could not start /nowhere/ballast: No such file"), "{error}");
}

/// Starts in vain, and gives the sentence.
async fn fail(site: &Site) -> String {
    let claim = Claim::take(&site.plan).await.unwrap();
    let (sender, mut events) = mpsc::channel(EVENTS_MAX);
    let error = Deployment::start(claim, site.plan.clone(), sender).await.unwrap_err();
    while let Some(event) = events.recv().await {
        if let EventKind::Started { pid } | EventKind::Restarted { pid, .. } = event.kind {
            assert!(is_gone(pid), "{} was left behind", event.name);
        }
    }
    error.to_string()
}

#[tokio::test]
async fn a_crash_loop_is_reported_and_survived() {
    let name = "applicationServer02-east";
    let site = Site::new();
    let cause = site.folder.path().join("cause");
    let site = site.with(name, &["--die-if", cause.to_str().unwrap()]);
    let (deployment, mut events) = site.start().await;
    std::fs::write(&cause, "").unwrap();
    signal(row(&deployment.processes(), name).pid.unwrap(), Signal::SIGKILL);
    let (deaths, log_tail) = events
        .of(name, |kind| match kind {
            EventKind::CrashLooping { deaths, log_tail } => Some((deaths, log_tail)),
            _ => None,
        })
        .await;
    assert_eq!(deaths, 5);
    assert!(log_tail.iter().any(|line| line.contains("leaving because")), "{log_tail:?}");
    assert_eq!(row(&deployment.processes(), name).state, State::CrashLooping);
    std::fs::remove_file(&cause).unwrap();
    events.of(name, |kind| matches!(kind, EventKind::Ready { .. }).then_some(())).await;
    assert_eq!(row(&deployment.processes(), name).state, State::Running);
    deployment.stop().await;
}

#[tokio::test]
async fn children_leave_when_the_supervisor_is_killed_also_frozen_ones() {
    let site = Site::new();
    let ports: Vec<String> = site.ports.iter().map(u16::to_string).collect();
    let mut supervisor = Command::new(fake_child())
        .args(["supervise", "--ports", &ports.join(","), "--data"])
        .arg(site.data())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    let local = LocalDeployment::read(&site.data()).unwrap();
    let pids = pids(&local.processes);
    assert_eq!(pids.len(), 7);
    // Nobody could thaw these later.
    let mut client = Client::connect(&site.data()).await.unwrap();
    client.fault(Fault::Freeze, "east", None).await.unwrap();
    client.fault(Fault::Freeze, "front-door", None).await.unwrap();
    let frozen = || pids.iter().filter(|pid| state(**pid) == Some('T')).count();
    until("four are frozen", || async { frozen() == 4 }).await;
    supervisor.kill().await.unwrap();

    assert!(LocalDeployment::read(&site.data()).is_err(), "its file is stale");
    assert!(site.plan.data_folder.control_socket().exists(), "and so is its socket");
    // At once, on the same folder and the same ports.
    let (deployment, _events) = site.start().await;
    until("the old children are gone", || async { pids.iter().all(|pid| is_gone(*pid)) }).await;
    assert_eq!(LocalDeployment::read(&site.data()).unwrap().pid, std::process::id());
    deployment.stop().await;
}
