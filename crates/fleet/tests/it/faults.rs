//! Faults: killing, freezing, draining, slowing, isolating, and healing.

use std::time::{Duration, Instant};

use fleet::control::{Client, ControlError};
use fleet::fault::{ActionKind, Fault, FaultReport};
use fleet::process::{Process, Rotation, State};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Site, pids, row, signal, state, until};

const SERVER: &str = "applicationServer01-east";

/// What was done to whom, in order.
fn done(report: &FaultReport) -> Vec<(&str, ActionKind)> {
    report.actions.iter().map(|action| (action.process.as_str(), action.what)).collect()
}

fn reason(refused: Result<FaultReport, ControlError>) -> String {
    match refused {
        Err(ControlError::Refused { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_killed_process_is_started_again_or_kept_down() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    let report = client.fault(Fault::Kill { stay_down: false }, SERVER, None).await.unwrap();
    assert_eq!(done(&report), [(SERVER, ActionKind::Killed)]);
    assert!(report.actions[0].at.len() == "2026-01-02T03:04:05.123456Z".len(), "{report:?}");
    let now = || row(&deployment.processes(), SERVER);
    until("it is back", || async { now().restarts == 1 && now().state == State::Running }).await;
    assert!(now().faults.is_empty(), "a death is over when it happened");

    let kill = Fault::Kill { stay_down: true };
    client.fault(kill, "us-east-1a", None).await.unwrap();
    until("it is down", || async { now().state == State::Down }).await;
    assert_eq!((now().pid, now().faults[0].fault), (None, kill));
    let expected = format!("{SERVER} is already kept down (since {})", now().faults[0].since);
    assert_eq!(reason(client.fault(kill, SERVER, None).await), expected);
    let expected = format!("{SERVER} is not running");
    assert_eq!(reason(client.fault(Fault::Freeze, SERVER, None).await), expected);
    let report = client.heal(Some(SERVER)).await.unwrap();
    assert_eq!(done(&report), [(SERVER, ActionKind::Started)]);
    until("it is back", || async { now().state == State::Running }).await;
    assert!(now().faults.is_empty());
    deployment.stop().await;
}

#[tokio::test]
async fn a_frozen_process_thaws_by_order_by_time_and_by_death() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    let now = || row(&deployment.processes(), SERVER);
    let is_frozen = || now().pid.and_then(state) == Some('T');

    client.fault(Fault::Freeze, SERVER, None).await.unwrap();
    until("it is frozen", || async { is_frozen() }).await;
    let again = reason(client.fault(Fault::Freeze, SERVER, None).await);
    assert_eq!(again, format!("{SERVER} is already frozen (since {})", now().faults[0].since));
    assert_eq!(done(&client.heal(None).await.unwrap()), [(SERVER, ActionKind::Thawed)]);
    until("it is thawed", || async { !is_frozen() }).await;
    assert_eq!(client.heal(None).await.unwrap(), FaultReport::default(), "nothing is left");

    let lasting = Some(Duration::from_millis(300));
    client.fault(Fault::Freeze, SERVER, lasting).await.unwrap();
    assert!(now().faults[0].until.is_some());
    drop(client);
    until("its time is up", || async { !is_frozen() && now().faults.is_empty() }).await;
    assert_eq!(now().restarts, 0);

    let mut client = Client::connect(&site.data()).await.unwrap();
    client.fault(Fault::Freeze, SERVER, None).await.unwrap();
    signal(now().pid.unwrap(), Signal::SIGKILL);
    until("it is back", || async { now().restarts == 1 && now().state == State::Running }).await;
    assert!(now().faults.is_empty() && !is_frozen());
    deployment.stop().await;
}

/// What a balancer says of a process behind it: its address and its state.
async fn seen(site: &Site, balancer: &str, name: &str) -> Option<(String, String)> {
    let process = site.plan.processes.iter().find(|process| process.name == balancer)?;
    let mut stream = TcpStream::connect(process.address).await.ok()?;
    stream.write_all(b"GET /status.json HTTP/1.1\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let status: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    let upstream = status["upstreams"].as_array()?.iter().find(|it| it["name"] == name)?;
    let word = |field: &str| upstream[field].as_str().unwrap().to_owned();
    Some((word("address"), word("state")))
}

#[tokio::test]
async fn a_draining_server_is_known_to_its_balancer_also_after_that_one_died() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    let report = client.fault(Fault::Drain, SERVER, None).await.unwrap();
    assert_eq!(done(&report), [(SERVER, ActionKind::Drained)]);
    assert_eq!(report.actions[0].balancer.as_deref(), Some("ALB-east"));
    assert_eq!(report.actions[0].unconfirmed, None);
    let rotation = |processes: &[Process]| row(processes, SERVER).rotation.unwrap();
    let status = client.status().await.unwrap();
    let Rotation { balancer, in_use, state, .. } = rotation(&status.processes);
    assert_eq!((balancer.as_str(), in_use, state.as_str()), ("ALB-east", false, "draining"));
    assert_eq!(row(&status.processes, SERVER).faults[0].fault, Fault::Drain);

    client.fault(Fault::Kill { stay_down: false }, "ALB-east", None).await.unwrap();
    until("the new balancer knows", || async {
        let balancer = row(&deployment.processes(), "ALB-east");
        let seen = seen(&site, "ALB-east", SERVER).await;
        balancer.restarts == 1 && seen.is_some_and(|(_, state)| state == "draining")
    })
    .await;
    let report = client.heal(None).await.unwrap();
    assert_eq!(done(&report), [(SERVER, ActionKind::Undrained)]);
    assert!(rotation(&client.status().await.unwrap().processes).in_use);
    deployment.stop().await;
}

#[tokio::test]
async fn slow_and_isolated_processes_are_reached_through_one_link() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    let balancer = "ALB-east";
    let address = row(&deployment.processes(), balancer).address.to_string();
    let seen_by = async |watcher: &str| seen(&site, watcher, balancer).await.unwrap().0;

    let report = client.fault(Fault::Slow { by_ms: 300 }, balancer, None).await.unwrap();
    // Two reach it: the front door, and the other region when it has nobody.
    let expected = [ActionKind::Slowed, ActionKind::ThroughLink, ActionKind::ThroughLink];
    assert_eq!(done(&report), expected.map(|what| (balancer, what)));
    let link = seen_by("front-door").await;
    assert_ne!(link, address);
    assert_eq!(seen_by("ALB-west").await, link);
    let begin = Instant::now();
    let ask = async |address: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        stream.read_to_string(&mut String::new()).await
    };
    ask(&link).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(300));

    let report = client.fault(Fault::Isolate, "east", None).await.unwrap();
    assert_eq!(done(&report), [(balancer, ActionKind::Held)], "the edge of the region");
    assert!(timeout(Duration::from_millis(600), ask(&link)).await.is_err(), "nothing passes");
    let report = client.heal(Some(balancer)).await.unwrap();
    let expected =
        [ActionKind::Unslowed, ActionKind::Released, ActionKind::Direct, ActionKind::Direct];
    assert_eq!(done(&report), expected.map(|what| (balancer, what)));
    assert_eq!(
        (seen_by("front-door").await, seen_by("ALB-west").await),
        (address.clone(), address)
    );
    until("the link ends", || async { TcpStream::connect(&link).await.is_err() }).await;
    assert!(row(&deployment.processes(), balancer).faults.is_empty());
    deployment.stop().await;
}

#[tokio::test]
async fn a_frozen_balancer_is_told_when_it_thaws() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    client.fault(Fault::Freeze, "ALB-east", None).await.unwrap();
    let report = client.fault(Fault::Drain, SERVER, None).await.unwrap();
    let expected = Some("it does not answer; it is told when it does");
    assert_eq!(report.actions[0].unconfirmed.as_deref(), expected);
    client.heal(Some("ALB-east")).await.unwrap();
    until("it knows", || async {
        seen(&site, "ALB-east", SERVER).await.is_some_and(|(_, state)| state == "draining")
    })
    .await;
    deployment.stop().await;
}

#[tokio::test]
async fn a_region_is_its_servers_and_its_balancer() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    client.fault(Fault::Freeze, "ALB-west", None).await.unwrap();
    let report = client.fault(Fault::Freeze, "west", None).await.unwrap();
    let frozen = ["applicationServer01-west", "applicationServer02-west"];
    assert_eq!(done(&report), frozen.map(|name| (name, ActionKind::Frozen)));
    assert_eq!(report.skipped[0].process, "ALB-west");
    assert!(report.skipped[0].why.starts_with("is already frozen (since "), "{report:?}");
    let report = client.heal(Some("west")).await.unwrap();
    assert_eq!(report.actions.len(), 3);
    deployment.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    let second = Some(Duration::from_secs(1));
    let kill = Fault::Kill { stay_down: false };
    for (fault, target, lasting, expected) in [
        (Fault::Freeze, "mars", None, "there is no `mars`; there are the processes front-door"),
        (Fault::Freeze, "applicationServer01", None, "`applicationServer01` may mean"),
        (Fault::Freeze, SERVER, Some(Duration::ZERO), "a fault must last longer than 0 ms"),
        (kill, SERVER, second, "a killed process is started again at once"),
        (Fault::Slow { by_ms: 0 }, SERVER, None, "a process can be slowed by 1 ms to 60 s"),
        (Fault::Isolate, "front-door", None, "nothing stands before the front door"),
    ] {
        let found = reason(client.fault(fault, target, lasting).await);
        assert!(found.starts_with(expected), "{found}");
    }
    assert!(deployment.processes().iter().all(|process| process.faults.is_empty()));
    deployment.stop().await;
}

#[tokio::test]
async fn nobody_elses_processes_are_touched() {
    let ours = Site::new();
    let (deployment, _events) = ours.start().await;
    // Its ports are chosen when those of the first are taken.
    let theirs = Site::new();
    let (other, _other_events) = theirs.start().await;
    let before = other.processes();
    let mut client = Client::connect(&ours.data()).await.unwrap();
    // A number is no name, whoever has it: the supervisor's own parent, or another deployment's.
    let pid = row(&before, SERVER).pid.unwrap();
    for number in [std::process::id(), pid, 1] {
        let found = reason(client.fault(Fault::Freeze, &number.to_string(), None).await);
        assert!(found.starts_with(&format!("there is no `{number}`")), "{found}");
    }
    // The other deployment has processes, zones and regions of the same names.
    let kill = Fault::Kill { stay_down: true };
    client.fault(kill, "east", None).await.unwrap();
    client.fault(Fault::Freeze, "west", None).await.unwrap();
    until("the region is down", || async {
        row(&deployment.processes(), SERVER).state == State::Down
    })
    .await;
    assert_eq!(pids(&other.processes()), pids(&before));
    for pid in pids(&before) {
        assert!(!matches!(state(pid), None | Some('T' | 'Z' | 'X')), "{pid}: {:?}", state(pid));
    }
    deployment.stop().await;
    other.stop().await;
}
