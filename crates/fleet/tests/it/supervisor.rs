//! Starting, restarting and stopping, when all goes well.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use fleet::control::Client;
use fleet::local::{LocalDeployment, LocalError};
use fleet::process::{Role, State};
use fleet::supervisor::{Claim, Deployment, EVENTS_MAX, EventKind, ports};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgid};
use tokio::sync::mpsc;

use crate::harness::{Events, Site, is_gone, niceness, pids, row, signal, state, until};

#[tokio::test]
async fn everything_runs_and_says_so() {
    let site = Site::new();
    let (deployment, mut events) = site.start().await;
    let processes = deployment.processes();
    let names: Vec<&str> = processes.iter().map(|process| process.name.as_str()).collect();
    let expected = [
        "applicationServer01-east",
        "applicationServer02-east",
        "applicationServer01-west",
        "applicationServer02-west",
        "ALB-east",
        "ALB-west",
        "front-door",
    ];
    assert_eq!(names, expected);
    for process in &processes {
        assert_eq!((process.state, process.restarts), (State::Running, 0), "{}", process.name);
        assert!(process.started_at.as_deref().is_some_and(|at| at.ends_with('Z')));
        let pid = Pid::from_raw(i32::try_from(process.pid.unwrap()).unwrap());
        assert_eq!(getpgid(Some(pid)).unwrap(), pid, "a process group of its own");
    }
    let niceness_of = |role| -> Vec<i32> {
        let of_role = processes.iter().filter(|process| process.role == role);
        of_role.map(|process| niceness(process.pid.unwrap())).collect()
    };
    let front_door = niceness_of(Role::FrontDoor)[0];
    assert!(front_door > niceness(std::process::id()), "it gives way to who asks");
    let (balancers, servers) = (niceness_of(Role::Balancer), niceness_of(Role::Server));
    assert!(balancers.iter().all(|it| *it > front_door), "{balancers:?} give way to {front_door}");
    assert!(servers.iter().all(|it| *it > balancers[0]), "{servers:?} give way to {balancers:?}");
    // The front door is started only when the balancers are ready.
    events.of("ALB-west", |kind| matches!(kind, EventKind::Ready { .. }).then_some(())).await;
    events.of("front-door", |kind| matches!(kind, EventKind::Started { .. }).then_some(())).await;

    let mode =
        |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(site.data()), 0o700);
    assert_eq!(mode(site.plan.data_folder.control_socket()), 0o600);
    assert_eq!(mode(site.plan.data_folder.deployment_file()), 0o600);

    let local = LocalDeployment::read(&site.data()).unwrap();
    assert_eq!(local.url, format!("http://127.0.0.1:{}", site.ports[0]));
    assert_eq!((local.pid, &local.processes), (std::process::id(), &processes));
    assert!(matches!(local.credentials(), Err(LocalError::NoCredentials { .. })));
    let text = r#"{"executive":"e-secret","teller":"t-secret"}"#;
    std::fs::write(site.plan.data_folder.credentials_file(), text).unwrap();
    let local = LocalDeployment::read(&site.data()).unwrap();
    assert_eq!(local.credentials().unwrap().teller.expose(), "t-secret");
    assert!(!format!("{local:?}").contains("secret\""), "tokens stay out of logs");
    deployment.stop().await;
}

#[tokio::test]
async fn a_killed_server_is_started_again() {
    let site = Site::new();
    let (deployment, mut events) = site.start().await;
    let name = "applicationServer02-west";
    let before = row(&deployment.processes(), name);
    events.of(name, |kind| matches!(kind, EventKind::Ready { .. }).then_some(())).await;
    signal(before.pid.unwrap(), Signal::SIGKILL);
    let how = events
        .of(name, |kind| match kind {
            EventKind::Died { how, .. } => Some(how),
            _ => None,
        })
        .await;
    assert_eq!(how, "killed by SIGKILL");
    events.of(name, |kind| matches!(kind, EventKind::Ready { .. }).then_some(())).await;
    let after = row(&deployment.processes(), name);
    assert_eq!((after.state, after.restarts), (State::Running, 1));
    assert_ne!(after.pid, before.pid);
    until("deployment.json has the new process", || async {
        row(&LocalDeployment::read(&site.data()).unwrap().processes, name) == after
    })
    .await;
    deployment.stop().await;
}

#[tokio::test]
async fn a_stop_leaves_nothing() {
    let site = Site::new();
    let (deployment, mut events) = site.start().await;
    let pids = pids(&deployment.processes());
    assert_eq!(pids.len(), 7);
    deployment.stop().await;
    assert!(pids.iter().all(|pid| is_gone(*pid)));
    assert!(!site.plan.data_folder.control_socket().exists());
    assert!(!site.plan.data_folder.deployment_file().exists());
    for process in &site.plan.processes {
        ports::check(process.address).unwrap();
    }
    let mut stopped = Vec::new();
    while let Some(event) = events.0.recv().await {
        if event.kind == EventKind::Stopped {
            let role = site.plan.processes.iter().find(|it| it.name == event.name).unwrap().role;
            stopped.push(role);
        }
    }
    use Role::{Balancer, FrontDoor, Server};
    assert_eq!(stopped, [FrontDoor, Balancer, Balancer, Server, Server, Server, Server]);
    Claim::take(&site.plan).await.unwrap();
}

/// Stops within the limit although one process does not leave.
async fn check_unwilling(arguments: &[&str], frozen: bool) {
    let name = "applicationServer01-east";
    let site = Site::new().with(name, arguments);
    let (deployment, _events) = site.start().await;
    let pids = pids(&deployment.processes());
    let pid = row(&deployment.processes(), name).pid.unwrap();
    if frozen {
        signal(pid, Signal::SIGSTOP);
        until("it is frozen", || async { state(pid) == Some('T') }).await;
    }
    let begin = Instant::now();
    deployment.stop().await;
    let took = begin.elapsed();
    assert!(took <= Duration::from_secs(5), "took {took:?}");
    assert!(pids.iter().all(|pid| is_gone(*pid)));
}

#[tokio::test]
async fn a_frozen_process_goes_too() {
    check_unwilling(&[], true).await;
}

#[tokio::test]
async fn a_stubborn_process_is_killed() {
    check_unwilling(&["--stubborn"], false).await;
}

#[tokio::test]
async fn a_frozen_and_stubborn_process_is_killed() {
    check_unwilling(&["--stubborn"], true).await;
}

#[tokio::test]
async fn a_start_can_be_given_up_halfway() {
    let site = Site::new().with("ALB-west", &["--never-ready"]);
    let claim = Claim::take(&site.plan).await.unwrap();
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let mut deployment = Deployment::prepare(claim, site.plan.clone(), sender).unwrap();
    let mut events = Events(receiver);
    tokio::select! {
        ready = deployment.ready() => panic!("one is never ready, but {ready:?}"),
        () = events.of("ALB-east", |kind| matches!(kind, EventKind::Ready { .. }).then_some(())) => {}
    }
    let pids = pids(&deployment.processes());
    assert_eq!(pids.len(), 6, "the front door was not started");
    deployment.stop().await;
    assert!(pids.iter().all(|pid| is_gone(*pid)));
    assert!(Client::connect(&site.data()).await.is_err());
}
