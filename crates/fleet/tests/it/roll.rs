//! Rolling replacement over fake children.

use std::future::pending;

use fleet::control::{Client, ControlError};
use fleet::fault::Fault;
use fleet::process::{Process, State};
use fleet::roll::{RollOnly, RollRequest, RollStage, RollStep, RollSummary};

use crate::harness::{Site, row, until};

/// Everything, without a pause.
fn all() -> RollRequest {
    RollRequest { warm_up_ms: 0, ..RollRequest::default() }
}

fn of(targets: &[&str]) -> RollRequest {
    RollRequest { targets: targets.iter().map(|&target| target.to_owned()).collect(), ..all() }
}

async fn roll(site: &Site, request: RollRequest) -> (Vec<RollStep>, RollSummary) {
    let client = Client::connect(&site.data()).await.unwrap();
    let mut steps = Vec::new();
    let on_step = |step: &RollStep| steps.push(step.clone());
    let summary = client.roll(request, on_step, pending()).await.unwrap();
    (steps, summary)
}

async fn refusal(site: &Site, request: RollRequest) -> String {
    let client = Client::connect(&site.data()).await.unwrap();
    match client.roll(request, |_| {}, pending()).await {
        Err(ControlError::Refused { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// The processes that have another process than before; each of them is well.
fn changed(before: &[Process], after: &[Process]) -> Vec<String> {
    let is_new = |now: &&Process| row(before, &now.name).pid != now.pid;
    let new = after.iter().filter(is_new);
    new.inspect(|now| assert_eq!((now.state, now.restarts), (State::Running, 0), "{}", now.name))
        .map(|now| now.name.clone())
        .collect()
}

#[tokio::test]
async fn everything_is_replaced_in_the_order_of_the_topology() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let before = deployment.processes();
    let (steps, summary) = roll(&site, all()).await;
    let expected = [
        "applicationServer01-west",
        "applicationServer02-west",
        "ALB-west",
        "applicationServer01-east",
        "applicationServer02-east",
        "ALB-east",
        "front-door",
    ];
    assert_eq!(summary.replaced, expected, "standby first");
    assert_eq!((summary.left.len(), &summary.stopped), (0, &None));
    assert_eq!(changed(&before, &deployment.processes()).len(), 7);
    let stages = |name: &str| -> Vec<RollStage> {
        steps.iter().filter(|step| step.process == name).map(|step| step.stage).collect()
    };
    let pid = |name: &str| row(&deployment.processes(), name).pid.unwrap();
    let (server, door) = ("applicationServer02-east", "front-door");
    let expected = [
        RollStage::Draining,
        RollStage::Drained { outstanding: 0 },
        RollStage::Ready { pid: pid(server) },
        RollStage::InUse,
    ];
    assert_eq!(stages(server), expected);
    let expected = [RollStage::TakingOver, RollStage::Ready { pid: pid(door) }, RollStage::InUse];
    assert_eq!(stages(door), expected);
    let mut client = Client::connect(&site.data()).await.unwrap();
    for process in client.status().await.unwrap().processes {
        assert!(process.rotation.is_none_or(|rotation| rotation.in_use), "{}", process.name);
    }
    deployment.stop().await;
}

#[tokio::test]
async fn parts_are_replaced_alone() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut before = deployment.processes();
    for (request, expected) in [
        (of(&["us-east-1b"]), vec!["applicationServer02-east"]),
        (of(&["front"]), vec!["front-door"]),
        (RollRequest { only: Some(RollOnly::Balancers), ..of(&["east"]) }, vec!["ALB-east"]),
        (
            RollRequest { only: Some(RollOnly::Servers), ..of(&["west"]) },
            vec!["applicationServer01-west", "applicationServer02-west"],
        ),
    ] {
        let (_, summary) = roll(&site, request).await;
        assert_eq!(summary.replaced, expected);
        let after = deployment.processes();
        assert_eq!(changed(&before, &after), expected);
        before = after;
    }
    let nothing = RollRequest { only: Some(RollOnly::Servers), ..of(&["front-door"]) };
    assert_eq!(refusal(&site, nothing).await, "there is nothing to replace");
    deployment.stop().await;
}

#[tokio::test]
async fn a_server_that_is_busy_is_waited_for() {
    let site = Site::new();
    let busy = site.folder.path().join("busy");
    let site = site.with("ALB-east", &["--busy-if", busy.to_str().unwrap()]);
    let (deployment, _events) = site.start().await;
    std::fs::write(&busy, "").unwrap();
    let name = "applicationServer01-east";
    let before = deployment.processes();
    let client = Client::connect(&site.data()).await.unwrap();
    let finish = || {
        assert_eq!(changed(&before, &deployment.processes()), [""; 0], "not while it is busy");
        std::fs::remove_file(&busy).unwrap();
    };
    let mut stages = Vec::new();
    let on_step = |step: &RollStep| {
        stages.push(step.stage);
        if step.stage == RollStage::Draining {
            finish();
        }
    };
    let summary = client.roll(of(&[name]), on_step, pending()).await.unwrap();
    assert_eq!(summary.replaced, [name]);
    assert_eq!(stages[1], RollStage::Drained { outstanding: 0 });
    deployment.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_come_back_stops_the_roll() {
    let name = "applicationServer02-west";
    let site = Site::new();
    let cause = site.folder.path().join("cause");
    let site = site.with(name, &["--die-if", cause.to_str().unwrap()]);
    let (deployment, _events) = site.start().await;
    std::fs::write(&cause, "").unwrap();
    let (_, summary) = roll(&site, all()).await;
    assert_eq!(summary.replaced, ["applicationServer01-west"]);
    assert_eq!((summary.left.len(), summary.left[0].as_str()), (6, name));
    let log = site.plan.data_folder.log_file(name);
    let expected = format!("{name} did not come up again: exit status 3; see {}", log.display());
    assert_eq!(summary.stopped, Some(expected));
    std::fs::remove_file(&cause).unwrap();
    until("it is back, and in use", || async {
        let mut client = Client::connect(&site.data()).await.unwrap();
        let now = row(&client.status().await.unwrap().processes, name);
        now.state == State::Running && now.rotation.is_some_and(|rotation| rotation.in_use)
    })
    .await;
    assert_eq!(roll(&site, all()).await.1.stopped, None, "and the next roll goes through");
    deployment.stop().await;
}

#[tokio::test]
async fn a_balancer_that_is_not_taken_over_goes_on() {
    let site = Site::new();
    let cause = site.folder.path().join("cause");
    let site = site.with("ALB-west", &["--stay-if", cause.to_str().unwrap()]);
    std::fs::write(&cause, "").unwrap();
    let (deployment, _events) = site.start().await;
    let before = deployment.processes();
    let balancers = RollRequest { only: Some(RollOnly::Balancers), ..all() };
    let (_, summary) = roll(&site, balancers.clone()).await;
    assert_eq!(summary.replaced, [""; 0]);
    assert_eq!(summary.left, ["ALB-west", "ALB-east", "front-door"]);
    let log = site.plan.data_folder.log_file("ALB-west");
    let expected = format!(
        "ALB-west was not taken over: the new process left (exit status 2), and the old one goes \
         on; see {}",
        log.display()
    );
    assert_eq!(summary.stopped, Some(expected));
    assert_eq!(changed(&before, &deployment.processes()), [""; 0]);
    std::fs::remove_file(&cause).unwrap();
    assert_eq!(roll(&site, balancers).await.1.replaced.len(), 3);
    deployment.stop().await;
}

#[tokio::test]
async fn one_roll_at_a_time_none_under_faults_and_a_stop_finishes_the_process_at_hand() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    client.fault(Fault::Drain, "applicationServer01-east", None).await.unwrap();
    let expected = "applicationServer01-east is draining; end the faults first with \
                    `ballast fault heal`, or add --force";
    assert_eq!(refusal(&site, all()).await, expected);
    let (_, summary) = roll(&site, RollRequest { is_forced: true, ..of(&["ALB-east"]) }).await;
    assert_eq!(summary.replaced, ["ALB-east"]);
    let kept = || async {
        let mut client = Client::connect(&site.data()).await.unwrap();
        let now = row(&client.status().await.unwrap().processes, "applicationServer01-east");
        now.rotation.is_some_and(|rotation| rotation.state == "draining")
    };
    until("the new balancer drains it too", kept).await;
    client.heal(None).await.unwrap();

    let (stop, is_stopped) = tokio::sync::oneshot::channel();
    let mut stop = Some(stop);
    let first = Client::connect(&site.data()).await.unwrap();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    let on_step = |step: &RollStep| {
        if step.stage == RollStage::InUse {
            stop.take().unwrap().send(()).unwrap();
        }
        if let Some(begun) = begun.take() {
            begun.send(()).unwrap();
        }
    };
    let rolling = first.roll(RollRequest { warm_up_ms: 300, ..all() }, on_step, async {
        is_stopped.await.unwrap();
    });
    let second = async {
        has_begun.await.unwrap();
        refusal(&site, all()).await
    };
    let (summary, refused) = tokio::join!(rolling, second);
    assert_eq!(refused, "a roll is under way already");
    let summary = summary.unwrap();
    assert_eq!(summary.replaced, ["applicationServer01-west"]);
    assert_eq!(summary.stopped.as_deref(), Some("it was asked to stop"));
    assert_eq!(summary.left.len(), 6);
    deployment.stop().await;
}
