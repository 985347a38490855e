//! Faults and rolling replacement on a whole deployment, as the balancers and clients see them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::deployment::{Deployment, eventually};
use crate::exactly_once::open_account;
use crate::http;

const SERVER: &str = "applicationServer01-east";

fn row(bank: &Deployment, name: &str) -> Value {
    bank.processes().into_iter().find(|process| process["name"] == name).unwrap()
}

/// Waits until the balancer before it does, or does not, send it requests.
fn await_in_use(bank: &Deployment, name: &str, is_in_use: bool) {
    let what = format!("{name} in use: {is_in_use}");
    eventually(&what, || row(bank, name)["rotation"]["in_use"] == is_in_use);
}

/// Asks for a page that every server refuses in the same way; gives the server and the time.
async fn ask(url: &str) -> (String, Duration) {
    let begin = Instant::now();
    let answer = http::get(url, "/no/such/page", "").await;
    assert_eq!(answer.status, 404, "{}", String::from_utf8_lossy(&answer.body));
    let server = answer.headers["x-ballast-server"].to_str().unwrap().to_owned();
    (server, begin.elapsed())
}

/// A fault on a server is in `ps`, takes it out of use while requests go on, and heals.
async fn check_out_of_use(fault: &[&str], kind: &str) {
    let bank = Deployment::up();
    bank.run(&[&["fault"][..], fault, &[SERVER]].concat());
    let faults = row(&bank, SERVER)["faults"].clone();
    assert_eq!(faults[0]["kind"], kind, "{faults}");
    let deadline = Instant::now() + Duration::from_secs(15);
    while row(&bank, SERVER)["rotation"]["in_use"] != false {
        assert!(Instant::now() < deadline, "{fault:?}: still in use");
        ask(&bank.url).await;
    }
    for _ in 0..20 {
        assert_ne!(ask(&bank.url).await.0, SERVER, "{fault:?}");
    }
    bank.run(&["fault", "heal"]);
    await_in_use(&bank, SERVER, true);
    assert_eq!(row(&bank, SERVER)["faults"], json!([]));
}

#[tokio::test]
async fn a_server_that_is_kept_down_is_out_of_use() {
    check_out_of_use(&["kill", "--stay-down"], "kill").await;
}

#[tokio::test]
async fn a_frozen_server_is_out_of_use() {
    check_out_of_use(&["freeze"], "freeze").await;
}

#[tokio::test]
async fn an_isolated_server_is_out_of_use() {
    check_out_of_use(&["isolate"], "isolate").await;
}

#[tokio::test]
async fn a_drained_server_is_out_of_use() {
    check_out_of_use(&["drain"], "drain").await;
}

#[tokio::test]
async fn a_slow_server_answers_later() {
    let bank = Deployment::up();
    let east = bank.addresses("balancer")[0].clone();
    bank.run(&["fault", "slow", SERVER, "--by", "300ms"]);
    assert_eq!(row(&bank, SERVER)["faults"][0]["by_ms"], 300);
    let slow = async || loop {
        let (server, took) = ask(&east).await;
        if server == SERVER {
            return took;
        }
    };
    assert!(slow().await >= Duration::from_millis(300));
    bank.run(&["fault", "heal", SERVER]);
    let quick = async { while slow().await >= Duration::from_millis(300) {} };
    tokio::time::timeout(Duration::from_secs(15), quick).await.expect("quick again");
}

#[tokio::test]
async fn a_region_that_is_cut_off_is_left() {
    let bank = Deployment::up();
    let server = ask(&bank.url).await.0;
    let home = server.rsplit('-').next().unwrap();
    bank.run(&["fault", "isolate", home]);
    let deadline = Instant::now() + Duration::from_secs(15);
    while row(&bank, &format!("ALB-{home}"))["rotation"]["in_use"] != false {
        assert!(Instant::now() < deadline, "still in use");
        ask(&bank.url).await;
    }
    assert!(!ask(&bank.url).await.0.ends_with(home), "another region answers");
}

/// A client that keeps its connections, and one that opens one for each request; both read and
/// post until told to stop. Gives how many deposits were made.
async fn load(url: String, token: String, account: String, done: Arc<AtomicBool>) -> u32 {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let path = format!("/api/v1/accounts/{account}");
    let mut deposits = 0;
    while !done.load(Ordering::Relaxed) {
        let request = |method: &str, path: &str, key: u32, body: String| {
            Request::builder()
                .method(method)
                .uri(format!("{url}{path}"))
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .header("idempotency-key", format!("kept-{key}"))
                .body(Full::new(Bytes::from(body)))
                .unwrap()
        };
        let read = client.request(request("GET", &path, 0, String::new())).await.unwrap();
        assert_eq!(read.status(), 200);
        read.into_body().collect().await.unwrap();
        let body = json!({ "amount": { "amount": "1.00", "currency": "USD" } });
        let place = format!("{path}/deposits");
        let posted =
            client.request(request("POST", &place, deposits, body.to_string())).await.unwrap();
        assert_eq!(posted.status(), 201);
        posted.into_body().collect().await.unwrap();
        deposits += 1;
        let new = http::get(&url, &path, &token).await;
        assert_eq!(new.status, 200, "{}", String::from_utf8_lossy(&new.body));
        let new = http::post(&url, &place, &token, &format!("new-{deposits}"), &body).await;
        assert_eq!(new.status, 201, "{}", String::from_utf8_lossy(&new.body));
    }
    deposits * 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_replaced_without_a_failed_request() {
    let bank = Deployment::up();
    let (executive, teller) = bank.tokens();
    let account = open_account(&bank.url, &executive, "900000001").await;
    let pids = |bank: &Deployment| -> BTreeSet<u64> {
        bank.processes().iter().map(|process| process["pid"].as_u64().unwrap()).collect()
    };
    let before = pids(&bank);
    let done = Arc::new(AtomicBool::new(false));
    let loading =
        tokio::spawn(load(bank.url.clone(), teller.clone(), account.clone(), done.clone()));
    let summary = tokio::task::block_in_place(|| bank.run_json(&["roll"]));
    done.store(true, Ordering::Relaxed);
    let deposits = loading.await.unwrap();
    assert_eq!(summary["replaced"].as_array().unwrap().len(), 7, "{summary}");
    assert_eq!(summary["stopped"], Value::Null);
    assert!(before.is_disjoint(&pids(&bank)), "every process is another one");
    for process in bank.processes() {
        assert_eq!((&process["state"], &process["restarts"]), (&json!("running"), &json!(0)));
    }
    let view = http::get(&bank.url, &format!("/api/v1/accounts/{account}"), &teller).await.json();
    assert!(deposits > 20, "{deposits}");
    assert_eq!(view["balance"]["amount"], format!("{deposits}.00"), "each deposit once");
}
