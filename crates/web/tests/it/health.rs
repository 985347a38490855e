//! What operators see, and the leave of a server.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use web::{Config, serve};

use crate::bank::Bank;

#[tokio::test]
async fn health_tells_what_it_should() {
    let bank = Bank::open().await;
    bank.get("/livez").send().await.expect(200);
    let ready = bank.get("/readyz").send().await.expect(200).json();
    assert_eq!((&ready["status"], &ready["database"]), (&"ready".into(), &"reachable".into()));
    bank.get("/api/v1/accounts/360110000").token(&bank.teller).send().await.expect(404);
    let metrics = bank.get("/metrics").send().await.expect(200).text;
    let line = "ballast_http_requests_total{method=\"GET\",route=\"/api/v1/accounts/{number}\",\
                status=\"404\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(!metrics.contains("360110000"));
    let status = bank.get("/status.json").send().await.expect(200).json();
    assert_eq!(status["requests"], 4);
}

#[tokio::test]
async fn every_metric_explains_itself() {
    let bank = Bank::open().await;
    bank.account("000000001", "10.00").await;
    let metrics = bank.get("/metrics").send().await.expect(200).text;
    let mut lines = metrics.lines().filter(|line| !line.is_empty());
    let mut described = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.ends_with('.'), "{line}");
            let kind = lines.next().unwrap();
            assert!(kind.starts_with(&format!("# TYPE {name} ")), "{kind}");
            described.push(name);
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = *described.last().unwrap();
            let part = name.strip_prefix(family);
            assert!(matches!(part, Some("" | "_bucket" | "_sum" | "_count")), "{line}");
        }
    }
    for name in ["ballast_http_requests_total", "ballast_store_group_seconds"] {
        assert!(described.contains(&name), "{metrics}");
    }
}

async fn ask(stream: &mut TcpStream, path: &str) -> String {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: bank\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut bytes = vec![0; 8192];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_server_says_so_and_leaves() {
    let bank = Bank::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (leave, left) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = left.await;
    };
    let served = tokio::spawn(serve(listener, bank.store.clone(), Config::default(), shutdown));
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut stream, "/readyz").await.starts_with("HTTP/1.1 200"));
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut idle, "/livez").await.starts_with("HTTP/1.1 200"));
    leave.send(()).unwrap();
    // The flag is set by the server's task, so ask until it is.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let answer = ask(&mut stream, "/readyz").await;
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("connection: close"), "{answer}");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{answer}");
    }
    let result = tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap();
    assert!(result.is_ok());
    assert!(TcpStream::connect(address).await.is_err());
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).await.unwrap(), 0);
}
