//! The control socket.

use fleet::control::{Client, ControlError};
use fleet::process::Role;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::harness::{Site, is_gone, pids};

#[tokio::test]
async fn ps_and_down_from_a_deep_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep".repeat(20)).join("deeper".repeat(20));
    let site = Site::at(folder, &data);
    let (deployment, _events) = site.start().await;
    let mut client = Client::connect(&site.data()).await.unwrap();
    let status = client.status().await.unwrap();
    let mut processes = status.processes.clone();
    for process in &mut processes {
        // What the balancers say is known to those who ask now, and nothing is before the first.
        let is_in_use = process.rotation.take().is_some_and(|rotation| rotation.in_use);
        assert_eq!(is_in_use, process.role != Role::FrontDoor, "{}", process.name);
    }
    assert_eq!(processes, deployment.processes());
    assert_eq!((status.supervisor, status.url.as_str()), (std::process::id(), deployment.url()));
    let pids = pids(&status.processes);
    let (first, second) = (client, Client::connect(&site.data()).await.unwrap());
    let supervise = async {
        deployment.down_requested().await;
        deployment.stop().await;
    };
    let ((), first, second) = tokio::join!(supervise, first.down(), second.down());
    first.unwrap();
    second.unwrap();
    assert!(pids.iter().all(|pid| is_gone(*pid)));
    assert!(!site.plan.data_folder.control_socket().exists());
}

#[tokio::test]
async fn no_deployment_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let error = Client::connect(folder.path()).await.unwrap_err();
    assert!(matches!(error, ControlError::NotRunning { .. }));
    let data = folder.path().display();
    let expected =
        format!("no deployment runs on {data}; start one with `ballast up --data {data}`");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_unknown_request_is_refused() {
    let site = Site::new();
    let (deployment, _events) = site.start().await;
    let stream = UnixStream::connect(site.plan.data_folder.control_socket()).await.unwrap();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"{\"command\":\"dance\"}\n").await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    let start = r#"{"answer":"refused","reason":"this is not a request it knows (unknown variant"#;
    assert!(answer.starts_with(start), "{answer}");
    deployment.stop().await;
}
