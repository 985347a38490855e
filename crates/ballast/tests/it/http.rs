//! One request, one connection: as plain as a test wants it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Sends a request with a token and any headers; `body` is sent as JSON if it is not null.
pub(crate) async fn send(
    method: &str,
    base: &str,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    if body.is_null() {
        return send_bytes(method, base, path, token, headers, Bytes::new()).await;
    }
    let headers = [headers, &[("content-type", "application/json")]].concat();
    send_bytes(method, base, path, token, &headers, body.to_string().into()).await
}

/// The same with a body as it is.
pub(crate) async fn send_bytes(
    method: &str,
    base: &str,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    bytes: Bytes,
) -> Answer {
    let host = base.trim_start_matches("http://");
    let stream = TcpStream::connect(host).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", host);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::new(bytes)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    driver.abort();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(base: &str, path: &str, token: &str) -> Answer {
    send("GET", base, path, token, &[], &Value::Null).await
}

pub(crate) async fn post(base: &str, path: &str, token: &str, key: &str, body: &Value) -> Answer {
    send("POST", base, path, token, &[("idempotency-key", key)], body).await
}
