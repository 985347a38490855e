//! The HTTP client of the drills: one keep-alive connection, one request at a time.
//!
//! It shares two cores with the bank it measures, so it does little: no pool, no redirects, no
//! cookies, no decompression, and the connection is driven by the task that waits for the answer,
//! which saves a task switch each way. A broken connection is opened again by the next request.
//! [`Client::send`] tries once and says what happened; [`Client::send_until_answered`] repeats a
//! call that is safe to repeat until the bank gives an answer that means something.
//!
//! Deliberately not here: whom to trust over TLS (`fleet::tls`), and HTTP/2.

mod link;
mod retry;

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use bytes::Bytes;
use fleet::tls::Trust;
use http::{HeaderValue, Method, StatusCode, Uri, uri::Authority};
use serde::Deserialize;

use self::link::Link;
pub use self::{link::SendError, retry::GaveUp};

/// Where the bank listens.
#[derive(Debug, Clone)]
pub struct BankAddress {
    host: String,
    port: u16,
    host_header: HeaderValue,
    /// Whose certificates are good; `None` is plain HTTP.
    trust: Option<Trust>,
}

impl BankAddress {
    /// Reads `http://host[:port]` or `https://host[:port]`. Over TLS the certificates in this file
    /// are trusted; without a file those of the authorities that this machine trusts.
    ///
    /// # Errors
    /// When it is not such an address, or the file cannot be used; the message says what is wrong.
    pub fn parse(url: &str, certificate: Option<&Path>) -> anyhow::Result<Self> {
        let uri: Uri = url.trim().parse().with_context(|| format!("{url} is not an address"))?;
        let trust = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(match certificate {
                Some(file) => Trust::in_file(file)?,
                None => Trust::of_this_machine().context("no authority is trusted here")?,
            }),
            _ => bail!("{url}: an address looks like http://127.0.0.1:8080"),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            bail!("{url}: leave out what follows the port; the tools know the paths");
        }
        let authority = uri.authority().with_context(|| format!("{url} names no host"))?;
        let host_header = HeaderValue::from_str(authority.as_str())?;
        let host = bare_host(authority).to_owned();
        let port = authority.port_u16().unwrap_or(if trust.is_some() { 443 } else { 80 });
        Ok(Self { host, port, host_header, trust })
    }
}

/// Whether an address is on this machine by its very name.
pub fn is_loopback(url: &str) -> bool {
    let is_loopback = |address: IpAddr| address.is_loopback();
    let uri: Option<Uri> = url.trim().parse().ok();
    let host = uri.as_ref().and_then(Uri::authority).map(bare_host);
    host.is_some_and(|host| host == "localhost" || host.parse().is_ok_and(is_loopback))
}

/// The host as sockets and certificates know it: IPv6 addresses without brackets.
fn bare_host(authority: &Authority) -> &str {
    authority.host().trim_start_matches('[').trim_end_matches(']')
}

/// A bearer token; its debug form hides it.
#[derive(Debug, Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Takes the text that `ballast staff token` printed.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim()))
            .context("the token holds characters that no token has")?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// One request, ready to be sent as often as needed.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    token: Option<Token>,
    key: Option<String>,
    body: Bytes,
    content_type: HeaderValue,
    repeatable: bool,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

impl Call {
    /// Reads something.
    pub fn get(path: impl Into<String>, token: &Token) -> Self {
        let token = Some(token.clone());
        let (method, path) = (Method::GET, path.into());
        Self {
            method,
            path,
            token,
            key: None,
            body: Bytes::new(),
            content_type: JSON,
            repeatable: true,
        }
    }

    /// Reads something that needs no token.
    pub fn anonymous_get(path: impl Into<String>) -> Self {
        let (method, path) = (Method::GET, path.into());
        Self {
            method,
            path,
            token: None,
            key: None,
            body: Bytes::new(),
            content_type: JSON,
            repeatable: true,
        }
    }

    /// Moves money, or does anything else that has an idempotency key: safe to repeat.
    pub fn keyed(
        path: impl Into<String>,
        token: &Token,
        key: impl Into<String>,
        body: impl Into<Bytes>,
    ) -> Self {
        let (token, key) = (Some(token.clone()), Some(key.into()));
        let (method, path, body) = (Method::POST, path.into(), body.into());
        Self { method, path, token, key, body, content_type: JSON, repeatable: true }
    }

    /// Creates something that cannot exist twice (a customer with an SSN): a repetition is
    /// refused as known, so it is safe without a key.
    pub fn create_unique(path: impl Into<String>, token: &Token, body: impl Into<Bytes>) -> Self {
        let token = Some(token.clone());
        let (method, path, body) = (Method::POST, path.into(), body.into());
        Self { method, path, token, key: None, body, content_type: JSON, repeatable: true }
    }

    /// Sends a form of a page. The key in it makes it safe to repeat, but a browser does not.
    pub fn form(path: impl Into<String>, token: &Token, body: impl Into<Bytes>) -> Self {
        let (token, content_type) = (Some(token.clone()), FORM);
        let (method, path, body) = (Method::POST, path.into(), body.into());
        Self { method, path, token, key: None, body, content_type, repeatable: false }
    }

    /// Signs in: no token, no key, never repeated by itself.
    pub fn sign_in(user: &str, password: &str) -> Self {
        let body = serde_json::json!({ "user": user, "password": password }).to_string();
        let (method, path, body) = (Method::POST, "/api/v1/sessions".to_owned(), body.into());
        Self { method, path, token: None, key: None, body, content_type: JSON, repeatable: false }
    }
}

/// What the bank said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The server that answered, from `x-ballast-server`.
    pub server: Option<HeaderValue>,
    /// What `retry-after` asked for.
    pub retry_after: Option<Duration>,
    /// The bank had answered this key before (`idempotent-replayed: true`).
    pub replayed: bool,
    /// The body as it came.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// When it is not; the message holds the status and the start of the body.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!("the bank answered {}, which was not expected", self.excerpt())
        })
    }

    /// The last part of the problem's type (RFC 9457), such as `insufficient-funds`.
    pub fn problem(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Problem {
            r#type: String,
        }
        let problem: Problem = serde_json::from_slice(&self.body).ok()?;
        problem.r#type.rsplit('/').next().map(str::to_owned)
    }

    /// Status and body in one short line, for messages.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let start: String = text.chars().take(200).collect();
        format!("{} {}", self.status.as_u16(), start.trim())
    }
}

/// One connection to the bank.
#[derive(Debug)]
pub struct Client {
    address: Arc<BankAddress>,
    timeout: Duration,
    link: Option<Link>,
}

impl Client {
    /// A client that will connect when it is first used. `timeout` bounds each try as a whole:
    /// connecting, sending, and reading the answer to its end.
    pub fn new(address: Arc<BankAddress>, timeout: Duration) -> Self {
        Self { address, timeout, link: None }
    }

    /// Closes the connection; the next request opens a new one.
    pub fn hang_up(&mut self) {
        self.link = None;
    }

    /// Sends once.
    ///
    /// # Errors
    /// When no whole answer came. What the bank did is then unknown, except for
    /// [`SendError::Connect`]: then it got nothing.
    pub async fn send(&mut self, call: &Call) -> Result<Answer, SendError> {
        let taken = self.link.take().and_then(Link::if_usable);
        let exchange = async {
            let mut link = match taken {
                Some(link) => link,
                None => Link::open(&self.address).await?,
            };
            let answer = link.exchange(request(&self.address, call)?).await?;
            Ok((link, answer))
        };
        let (link, answer) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(SendError::Timeout(self.timeout)),
        };
        self.link = Some(link);
        Ok(answer)
    }
}

fn request(address: &BankAddress, call: &Call) -> Result<link::Request, SendError> {
    use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
    let mut builder = http::Request::builder()
        .method(&call.method)
        .uri(call.path.as_str())
        .header(HOST, &address.host_header);
    if let Some(token) = &call.token {
        builder = builder.header(AUTHORIZATION, &token.0);
    }
    if let Some(key) = &call.key {
        builder = builder.header("idempotency-key", key.as_str());
    }
    if !call.body.is_empty() {
        builder = builder.header(CONTENT_TYPE, &call.content_type);
    }
    builder.body(call.body.clone().into()).map_err(SendError::Request)
}
