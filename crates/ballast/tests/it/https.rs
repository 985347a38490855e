//! A deployment whose front door speaks TLS.

use std::time::Duration;

use fleet::tls::Trust;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::deployment::Deployment;

/// What the front door answers, as it comes over the wire.
async fn sign_in(bank: &Deployment, trust: &Trust) -> std::io::Result<String> {
    let host = bank.url.trim_start_matches("https://");
    let stream = TcpStream::connect(host).await?;
    let mut stream = trust.shake_hands("127.0.0.1", stream).await?;
    let request = format!("GET /sign-in HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await??;
    Ok(answer)
}

#[tokio::test]
async fn the_front_door_speaks_tls_and_the_tools_trust_its_certificate_alone() {
    let bank = Deployment::up_as(&["--tls-self-signed"]);
    assert!(bank.url.starts_with("https://127.0.0.1:"), "{}", bank.url);

    let certificate = bank.data().join("tls-certificate.pem");
    let answer = sign_in(&bank, &Trust::in_file(&certificate).unwrap()).await.unwrap();
    let answer = answer.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    // The servers say so where their cookies are `Secure`.
    assert!(answer.contains("\r\nstrict-transport-security: "), "{answer}");

    // Nobody has signed it.
    let refused = sign_in(&bank, &Trust::of_this_machine().unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");

    // What asks the front door itself: readiness, rotation, a rolling replacement, the tools.
    let rows = bank.processes();
    let balancer = rows.iter().find(|row| row["name"] == "ALB-east").unwrap();
    assert_eq!(balancer["rotation"]["balancer"], "front-door", "{balancer}");
    bank.run(&["roll"]);
    let measured = bank.run_json(&["bench", "views", "--seconds", "1", "--accounts", "20"]);
    assert!(measured["operations_per_second"].as_f64().unwrap() > 10.0, "{measured}");
    let elsewhere = bank.url.replace("127.0.0.1", "localhost");
    bank.run(&["bench", "views", "--seconds", "1", "--accounts", "20", "--url", &elsewhere]);
}
