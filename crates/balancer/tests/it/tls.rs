//! TLS and HTTP/2 towards clients.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use balancer::self_signed;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::bench::{Bench, balancer, config, eventually, in_time};
use crate::client::get;
use crate::origin::{Manner, Origin};

/// A balancer with TLS over one server that is in use.
pub(crate) async fn start(folder: &TempDir) -> Result<Bench> {
    start_with(folder, "").await
}

pub(crate) async fn start_with(folder: &TempDir, more: &str) -> Result<Bench> {
    let files = self_signed(folder.path())?;
    let tls = json!({"certificate": files.certificate, "key": files.key});
    let origin = Origin::start("server0").await?;
    let upstreams = [("server0".to_owned(), origin.address, "east")];
    let fields = format!(r#"{more}"tls":{tls},"#);
    let balancer = balancer("balancer", "east", "/livez", &upstreams, &fields).await?;
    eventually("the server is used", async || balancer.is_ready()).await?;
    Ok(Bench { address: balancer.address(), balancer, origins: vec![origin] })
}

/// A connection that trusts the certificate in the folder alone.
pub(crate) async fn connect(
    bench: &Bench,
    folder: &TempDir,
    alpn: &str,
) -> Result<TlsStream<TcpStream>> {
    connect_to(bench.address, folder.path(), alpn).await
}

async fn connect_to(
    address: SocketAddr,
    folder: &Path,
    alpn: &str,
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("tls-certificate.pem"))?)?;
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1")?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}

/// An HTTP/2 client on such a connection.
pub(crate) async fn h2(bench: &Bench, folder: &TempDir) -> Result<h2::client::SendRequest<Bytes>> {
    h2_to(bench.address, folder.path()).await
}

pub(crate) async fn h2_to(
    address: SocketAddr,
    folder: &Path,
) -> Result<h2::client::SendRequest<Bytes>> {
    let stream = connect_to(address, folder, "h2").await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(async move {
        // Its end is seen by the requests.
        let _ = connection.await;
    });
    Ok(client)
}

pub(crate) fn request(method: Method, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri("https://bank/x?y=1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

pub(crate) async fn exchange(
    client: &mut h2::client::SendRequest<Bytes>,
    request: Request<()>,
    parts: &[&'static str],
) -> Result<(u16, String)> {
    let ready = client.clone().ready().await?;
    *client = ready;
    let (answer, mut body) = client.send_request(request, parts.is_empty())?;
    for (number, part) in parts.iter().enumerate() {
        body.send_data(Bytes::from_static(part.as_bytes()), number + 1 == parts.len())?;
    }
    let answer: Response<h2::RecvStream> =
        in_time("an answer", async { Ok(answer.await?) }).await?;
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    let mut text = Vec::new();
    while let Some(part) = body.data().await {
        text.extend_from_slice(&part?);
    }
    Ok((status, String::from_utf8(text)?))
}

#[tokio::test]
async fn http1_over_tls_says_https_to_the_server() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let mut stream = connect(&bench, &folder, "http/1.1").await?;
    stream.write_all(b"GET /x HTTP/1.1\r\nhost: bank\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    in_time("the answer", async { Ok(stream.read_to_end(&mut answer).await?) }).await?;
    let answer = String::from_utf8(answer)?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("server0"), "{answer}");
    assert_eq!(bench.origins[0].seen()[0].header("x-forwarded-proto"), Some("https"));
    Ok(())
}

#[tokio::test]
async fn http2_becomes_http1_towards_the_server() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let mut client = h2(&bench, &folder).await?;
    let cookies = [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")];
    let answer = exchange(&mut client, request(Method::POST, &cookies), &["two ", "parts"]).await?;
    assert_eq!(answer, (200, "server0".to_owned()));
    let seen = bench.origins[0].seen();
    assert!(seen[0].head.starts_with("POST /x?y=1 HTTP/1.1\r\n"), "{}", seen[0].head);
    assert_eq!(seen[0].header("host"), Some("bank"));
    assert_eq!(seen[0].header("cookie"), Some("a=1; b=2"));
    assert_eq!(seen[0].header("te"), None);
    assert_eq!(seen[0].header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen[0].body, b"two parts");
    Ok(())
}

#[tokio::test]
async fn what_could_smuggle_a_request_reaches_no_server() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    for headers in [
        [("transfer-encoding", "chunked")].as_slice(),
        &[("connection", "close")],
        &[("upgrade", "h2c")],
        &[("content-length", "3")],
        &[("content-length", "300")],
        &[("host", "another")],
    ] {
        let mut client = h2(&bench, &folder).await?;
        let answer = exchange(&mut client, request(Method::POST, headers), &["0123456789"]).await;
        let refused = answer.as_ref().map_or(true, |(status, _)| *status == 400);
        assert!(refused, "{headers:?}: {answer:?}");
    }
    let whole = bench.origins[0].seen().into_iter().filter(|seen| seen.body.len() == 10).count();
    assert_eq!(whole, 0, "no server took one for a request");
    let mut client = h2(&bench, &folder).await?;
    assert_eq!(exchange(&mut client, request(Method::GET, &[]), &[]).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_drain_finishes_http2_streams_and_sends_their_client_elsewhere() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let mut client = h2(&bench, &folder).await?;
    bench.origins[0].set(Manner::Hold);
    let (answer, _) = client.send_request(request(Method::GET, &[]), true)?;
    let Bench { balancer, origins, .. } = bench;
    eventually("the request arrived", async || origins[0].count() == 1).await?;
    let drained = tokio::spawn(balancer.drain());
    eventually("no further request is begun", async || client.clone().ready().await.is_err())
        .await?;
    origins[0].release();
    assert_eq!(in_time("the answer", async { Ok(answer.await?) }).await?.status(), 200);
    assert!(drained.await?);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_its_http2_client_does_not_take_is_given_up() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start_with(&folder, r#""limits":{"client_write_timeout_ms":300},"#).await?;
    let stream = connect(&bench, &folder, "h2").await?;
    let (client, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake::<_, Bytes>(stream).await?;
    tokio::spawn(async move {
        // Its end is seen by the requests.
        let _ = connection.await;
    });
    for _ in 0..2 {
        let mut client = client.clone().ready().await?;
        let (answer, _) = client.send_request(request(Method::GET, &[]), true)?;
        let answer = in_time("the head", async { Ok(answer.await?) }).await?;
        assert_eq!(answer.status(), 200, "the connection serves on");
        let body = in_time("the end", async { Ok(answer.into_body().data().await) }).await?;
        let error = body.context("a body that broke")?.expect_err("nothing could be sent");
        assert!(error.is_reset(), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_rapid_reset_ends_its_connection_alone() -> Result<()> {
    const GOAWAY: u8 = 7;
    const ENHANCE_YOUR_CALM: u8 = 11;
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let mut other = h2(&bench, &folder).await?;
    let mut attack = connect(&bench, &folder, "h2").await?;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..2_000_u32).step_by(2) {
        // HEADERS with END_STREAM and END_HEADERS: GET https://bank/, and RST_STREAM with CANCEL.
        bytes.extend_from_slice(&[0, 0, 9, 1, 5]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(b"\x82\x87\x84\x41\x04bank");
        bytes.extend_from_slice(&[0, 0, 4, 3, 0]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&8_u32.to_be_bytes());
    }
    // It may be closed while this is written.
    let _ = attack.write_all(&bytes).await;
    let mut said = Vec::new();
    let _ = in_time("the end", async { Ok(attack.read_to_end(&mut said).await) }).await?;
    let mut frames = said.as_slice();
    let mut why = None;
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let (payload, next) = rest.split_at_checked(length).context("a whole frame")?;
        if *kind == GOAWAY {
            why = payload.get(7).copied();
        }
        frames = next;
    }
    assert_eq!(why, Some(ENHANCE_YOUR_CALM));
    assert!(bench.origins[0].count() < 200, "most of it reached no server");
    assert_eq!(exchange(&mut other, request(Method::GET, &[]), &[]).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn plain_http_on_a_tls_port_gets_a_readable_answer() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let answer = get(bench.address, "/x").await?;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), "This address speaks TLS: use https:// instead of http://\n");
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_reused_reloaded_and_kept_from_others() -> Result<()> {
    let folder = TempDir::new()?;
    let bench = start(&folder).await?;
    let key = folder.path().join("tls-key.pem");
    assert_eq!(std::fs::metadata(&key)?.permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key)?;
    let files = self_signed(folder.path())?;
    assert_eq!(std::fs::read(&key)?, before, "it is reused");
    std::fs::remove_file(&files.certificate)?;
    assert!(bench.balancer.reload_certificate().is_err());
    self_signed(folder.path())?;
    assert!(connect(&bench, &folder, "h2").await.is_err(), "the one before is in use");
    bench.balancer.reload_certificate()?;
    connect(&bench, &folder, "h2").await.context("the new one is in use")?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_file_is_named_by_its_field() -> Result<()> {
    let folder = TempDir::new()?;
    let files = self_signed(folder.path())?;
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "")?;
    for (certificate, key, expect) in [
        (&empty, &files.key, "`tls.certificate`"),
        (&files.certificate, &empty, "`tls.key`"),
        (&files.certificate, &folder.path().join("none"), "`tls.key`"),
    ] {
        let tls = json!({"certificate": certificate, "key": key});
        let upstreams = [("a".to_owned(), "127.0.0.1:1".parse()?, "east")];
        let config = config("balancer", "east", "/livez", &upstreams, &format!(r#""tls":{tls},"#))?;
        let error = balancer::Balancer::start(config).await.err().context("it starts")?;
        assert!(error.to_string().starts_with(expect), "{error}");
    }
    Ok(())
}
