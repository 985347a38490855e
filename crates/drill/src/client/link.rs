//! One TCP connection with hyper on it, driven by whoever waits for an answer.
//!
//! Guarantees that an answer is either whole or an error. There is no background task:
//! before each exchange one look shows whether the bank has closed the connection meanwhile.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use fleet::tls::TlsStream;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::either::Either;

use super::{Answer, BankAddress};

/// A request as hyper takes it.
pub(super) type Request = http::Request<Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug)]
pub enum SendError {
    /// No connection: the bank got nothing.
    Connect(io::Error),
    /// The connection broke before the answer was whole: the outcome is unknown.
    Broken(hyper::Error),
    /// No whole answer in this time: the outcome is unknown.
    Timeout(Duration),
    /// The request could not be written down: nothing was sent.
    Request(http::Error),
}

impl SendError {
    /// One word for tables.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Connect(_) => "not connected",
            Self::Broken(_) => "connection broke",
            Self::Timeout(_) => "timeout",
            Self::Request(_) => "bad request",
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => write!(formatter, "cannot connect"),
            Self::Broken(_) => write!(formatter, "the connection broke before the answer"),
            Self::Timeout(time) => write!(formatter, "no answer within {} s", time.as_secs()),
            Self::Request(_) => write!(formatter, "the request cannot be written down"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Broken(error) => Some(error),
            Self::Timeout(_) => None,
            Self::Request(error) => Some(error),
        }
    }
}

/// What moves bytes for the sender, as long as somebody polls it.
type Driver = Connection<TokioIo<Either<TcpStream, TlsStream<TcpStream>>>, Full<Bytes>>;

/// An open connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None` when hyper has finished with the connection.
    driver: Option<Pin<Box<Driver>>>,
}

impl Link {
    /// Connects, without Nagle's delay: each request is one write and wants to leave at once.
    pub(super) async fn open(address: &BankAddress) -> Result<Self, SendError> {
        let place = (address.host.as_str(), address.port);
        let stream = TcpStream::connect(place).await.map_err(SendError::Connect)?;
        stream.set_nodelay(true).map_err(SendError::Connect)?;
        let stream = match &address.trust {
            None => Either::Left(stream),
            Some(trust) => {
                let shaken = trust.shake_hands(&address.host, stream).await;
                Either::Right(shaken.map_err(SendError::Connect)?)
            }
        };
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(SendError::Broken)?;
        Ok(Self { sender, driver: Some(Box::pin(driver)) })
    }

    /// Itself, unless the last answer ended the connection or the bank has closed it since.
    pub(super) fn if_usable(mut self) -> Option<Self> {
        if let Some(driver) = &mut self.driver {
            // One look: whoever waits for an answer polls it again.
            let mut context = Context::from_waker(Waker::noop());
            if driver.as_mut().poll(&mut context).is_ready() {
                self.driver = None;
            }
        }
        (self.driver.is_some() && !self.sender.is_closed()).then_some(self)
    }

    /// Sends one request and reads the answer to its end.
    pub(super) async fn exchange(&mut self, request: Request) -> Result<Answer, SendError> {
        let sender = &mut self.sender;
        let work = async move {
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>((head, body))
        };
        tokio::pin!(work);
        let done = match &mut self.driver {
            None => work.await,
            Some(driver) => {
                tokio::select! {
                    biased;
                    done = &mut work => done,
                    // The bank may close after its answer: what has arrived is still handed out.
                    _ = driver => {
                        self.driver = None;
                        work.await
                    }
                }
            }
        };
        let (head, body) = done.map_err(SendError::Broken)?;
        let retry_after = head
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok().map(Duration::from_secs));
        let server = head.headers.get("x-ballast-server").cloned();
        let replayed = head.headers.get("idempotent-replayed").is_some_and(|v| v == "true");
        Ok(Answer { status: head.status, server, retry_after, replayed, body })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("open", &self.driver.is_some()).finish()
    }
}
