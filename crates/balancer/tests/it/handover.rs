//! One process takes over from another: no connection refused, no request lost.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result};
use balancer::{Balancer, Config, self_signed};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use crate::bench::{Bench, Setup, config, eventually, in_time, start_with};
use crate::client::{Client, get};
use crate::control::{Talk, fields};
use crate::origin::{Manner, Origin};
use crate::tls::{h2_to, request};

const REPLACEMENTS: usize = 20;

/// The configuration of the bench, once more.
fn again(origins: &[Origin], fields: &str) -> Result<Config> {
    let upstreams: Vec<_> = origins
        .iter()
        .enumerate()
        .map(|(number, origin)| (format!("server{number}"), origin.address, "east"))
        .collect();
    config("balancer", "east", "/livez", &upstreams, fields)
}

/// Waits as the process would: until asked to leave, then drains.
fn until_replaced(balancer: Balancer) -> JoinHandle<bool> {
    tokio::spawn(async move {
        balancer.asked_to_leave().await;
        balancer.hand_over().await
    })
}

/// Requests one after the other until told to stop; the first error ends it.
async fn keep_asking(address: SocketAddr, kept: bool, stop: Arc<AtomicBool>) -> Result<usize> {
    let mut done = 0;
    let mut client = None;
    while !stop.load(Relaxed) {
        let mut connection = match client.take() {
            Some(connection) => connection,
            None => {
                Client::connect(address).await.with_context(|| format!("after {done} requests"))?
            }
        };
        let answer = connection.send("POST /transfers", &[], b"one").await;
        let answer = answer.with_context(|| format!("after {done} requests"))?;
        anyhow::ensure!(answer.status == 200, "after {done} requests: {}", answer.head);
        done += 1;
        if kept && answer.header("connection") != Some("close") {
            client = Some(connection);
        }
    }
    Ok(done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_do_not_notice_twenty_replacements() -> Result<()> {
    let folder = TempDir::new()?;
    let (_, fields) = fields(&folder);
    let Bench { balancer, address, origins } =
        start_with(Setup { servers: 2, fields: fields.clone() }).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = [true, true, true, false]
        .map(|kept| tokio::spawn(keep_asking(address, kept, Arc::clone(&stop))))
        .into();
    let mut running = balancer;
    let mut replaced = Vec::new();
    for _ in 0..REPLACEMENTS {
        let old = until_replaced(running);
        running = Balancer::take_over(again(&origins, &fields)?).await?;
        assert_eq!(running.address(), address);
        replaced.push(old);
    }
    stop.store(true, Relaxed);
    let mut done = 0;
    for client in clients {
        done += client.await??;
    }
    assert!(done > REPLACEMENTS, "only {done} requests");
    let seen: usize = origins.iter().map(Origin::count).sum();
    assert_eq!(seen, done, "every request reached one server once");
    for old in replaced {
        assert!(in_time("the old one leaves", async { Ok(old.await?) }).await?);
    }
    Ok(())
}

/// Requests over HTTP/2 until told to stop, three at once; the first error ends it. A new
/// connection is made when the one before takes no more requests.
async fn keep_asking_h2(
    address: SocketAddr,
    folder: PathBuf,
    stop: Arc<AtomicBool>,
) -> Result<(usize, usize)> {
    let (mut done, mut connections) = (0, 0);
    while !stop.load(Relaxed) {
        let client = h2_to(address, &folder).await.with_context(|| format!("after {done}"))?;
        connections += 1;
        while !stop.load(Relaxed) {
            let Ok(mut ready) = client.clone().ready().await else { break };
            let mut answers = Vec::new();
            for _ in 0..3 {
                match ready.send_request(request(http::Method::POST, &[]), true) {
                    Ok((answer, _)) => answers.push(answer),
                    // The connection takes no more; nothing was sent.
                    Err(error) if !error.is_io() => break,
                    Err(error) => return Err(error.into()),
                }
                let Ok(next) = ready.ready().await else { break };
                ready = next;
            }
            if answers.is_empty() {
                break;
            }
            for answer in answers {
                let answer = match answer.await {
                    Ok(answer) => answer,
                    // It crossed the last word of the process before, which says that nothing came
                    // of it, so that clients ask again (RFC 9113 §6.8). The servers' count shows
                    // whether that is true.
                    Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) => continue,
                    Err(error) => return Err(error).context(format!("after {done} requests")),
                };
                anyhow::ensure!(answer.status() == 200, "after {done} requests: {answer:?}");
                done += 1;
            }
        }
    }
    Ok((done, connections))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_over_tls_do_not_notice_replacements_either() -> Result<()> {
    let (folder, keys) = (TempDir::new()?, TempDir::new()?);
    let (_, fields) = fields(&folder);
    let files = self_signed(keys.path())?;
    let tls = json!({"certificate": files.certificate, "key": files.key});
    let fields = format!(r#"{fields}"tls":{tls},"#);
    let origins = vec![Origin::start("server0").await?];
    let mut running = Balancer::start(again(&origins, &fields)?).await?;
    let address = running.address();
    eventually("the server is used", async || running.is_ready()).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| tokio::spawn(keep_asking_h2(address, keys.path().to_owned(), Arc::clone(&stop))))
        .collect();
    let mut replaced = Vec::new();
    for _ in 0..REPLACEMENTS / 2 {
        let old = until_replaced(running);
        running = Balancer::take_over(again(&origins, &fields)?).await?;
        replaced.push(old);
        let before = origins[0].count();
        eventually("the new one serves", async || origins[0].count() > before + 20).await?;
    }
    stop.store(true, Relaxed);
    let (mut done, mut connections) = (0, 0);
    for client in clients {
        let (requests, opened) = client.await??;
        done += requests;
        connections += opened;
    }
    assert_eq!(origins[0].count(), done, "every request reached the server once");
    assert!(connections > 4 + REPLACEMENTS / 2, "they were sent elsewhere: {connections}");
    for old in replaced {
        assert!(in_time("the old one leaves", async { Ok(old.await?) }).await?);
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_is_served_once_more_and_told_to_close() -> Result<()> {
    let folder = TempDir::new()?;
    let (_, fields) = fields(&folder);
    let Bench { balancer, address, origins } =
        start_with(Setup { servers: 1, fields: fields.clone() }).await?;
    let mut idle = Client::connect(address).await?;
    assert_ne!(idle.send("GET /1", &[], b"").await?.header("connection"), Some("close"));
    origins[0].set(Manner::Hold);
    let flying = tokio::spawn(async move { get(address, "/2").await });
    eventually("the request arrived", async || origins[0].count() == 2).await?;
    let old = until_replaced(balancer);
    let _new = Balancer::take_over(again(&origins, &fields)?).await?;
    origins[0].set(Manner::Answer);
    // A fresh connection is answered by the new process, which knows no drain.
    assert_eq!(get(address, "/readyz").await?.status, 200);
    assert_eq!(idle.send("GET /3", &[], b"").await?.header("connection"), Some("close"));
    assert!(in_time("the connection ends", idle.read()).await.is_err());
    assert!(!old.is_finished(), "a request is still in flight");
    origins[0].release();
    assert_eq!(flying.await??.text(), "server0");
    assert!(old.await?);
    Ok(())
}

#[tokio::test]
async fn what_commands_changed_outlives_the_process() -> Result<()> {
    let folder = TempDir::new()?;
    let (path, fields) = fields(&folder);
    let Bench { balancer, origins, .. } =
        start_with(Setup { servers: 3, fields: fields.clone() }).await?;
    let elsewhere = Origin::start("elsewhere").await?;
    assert!(balancer.set_server_draining("server0", true));
    assert!(balancer.move_server("server1", elsewhere.address));
    let old = until_replaced(balancer);
    let new = Balancer::take_over(again(&origins, &fields)?).await?;
    assert!(old.await?);
    let status = get(new.address(), "/status.json").await?.json();
    assert_eq!(status["upstreams"][0]["state"], "draining");
    assert_eq!(status["upstreams"][1]["address"], elsewhere.address.to_string());
    assert_eq!(status["upstreams"][2]["address"], origins[2].address.to_string());
    // The new process answers at the control socket.
    let undrain = r#"{"command":"undrain","server":"server0"}"#;
    assert_eq!(Talk::connect(&path).await?.say(undrain).await?["answer"], "ok");
    eventually("server0 is used", async || {
        get(new.address(), "/x").await.is_ok_and(|answer| answer.server() == Some("server0"))
    })
    .await
}

#[tokio::test]
async fn a_successor_that_dies_leaves_everything_as_it_was() -> Result<()> {
    let folder = TempDir::new()?;
    let (path, fields) = fields(&folder);
    let bench = start_with(Setup { servers: 1, fields }).await?;
    let mut successor = Talk::connect(&path).await?;
    assert_eq!(successor.say(r#"{"command":"take_over"}"#).await?["answer"], "ok");
    let mut other = Talk::connect(&path).await?;
    for command in [
        r#"{"command":"take_over"}"#,
        r#"{"command":"leave"}"#,
        r#"{"command":"drain","server":"server0"}"#,
    ] {
        assert_eq!(other.say(command).await?["answer"], "refused", "{command}");
    }
    // It got as far as putting its own control socket in the place of this one.
    std::fs::remove_file(&path)?;
    let theirs = UnixListener::bind(&path)?;
    drop(successor);
    drop(theirs);
    eventually("the control socket answers again", async || {
        let Ok(mut talk) = Talk::connect(&path).await else { return false };
        let drain = r#"{"command":"drain","server":"server0"}"#;
        talk.say(drain).await.is_ok_and(|answer| answer["answer"] == "ok")
    })
    .await?;
    assert_eq!(get(bench.address, "/livez").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_take_over_that_cannot_be_says_why() -> Result<()> {
    let folder = TempDir::new()?;
    let (path, fields) = fields(&folder);
    let refused = async |config: Config| {
        Balancer::take_over(config).await.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let alone = again(&[Origin::start("server0").await?], &fields)?;
    let text = refused(alone).await;
    assert!(text.contains("no process answers at the control socket"), "{text}");
    let bench = start_with(Setup { servers: 1, fields: fields.clone() }).await?;
    let text = refused(again(&bench.origins, "")?).await;
    assert!(text.contains("`control_socket` is not configured"), "{text}");
    let mut elsewhere = again(&bench.origins, &fields)?;
    elsewhere.listen = "127.0.0.1:9".parse()?;
    let text = refused(elsewhere).await;
    let expect = format!("it listens on {}, and `listen` is 127.0.0.1:9", bench.address);
    assert!(text.contains(&expect), "{text}");
    let drain = r#"{"command":"drain","server":"server0"}"#;
    assert_eq!(Talk::connect(&path).await?.say(drain).await?["answer"], "ok", "it goes on");
    Ok(())
}
