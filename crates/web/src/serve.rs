//! The listener: connections in, a graceful leave.
//!
//! Leaving: `/readyz` turns 503 and every answer closes its connection; a moment later nothing
//! new is accepted (a refused connection is safe to try elsewhere), idle connections close, and
//! what is in flight may finish until the drain time is over.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tower::Service as _;

use crate::app::{Server, Shared, router};
use crate::config::Config;
use crate::peer::Peer;

/// A client that has not sent its headers by then is gone or hostile. Idle connections count as
/// well, so it is longer than balancers keep theirs (60 s): the side that sends must close first.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// More than two balancers with full pools; each costs some 20 KiB at work.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a leaving server still accepts: time for pooled connections to hear `close`.
const LINGER: Duration = Duration::from_millis(300);
/// Often enough that house balances stay quick, seldom enough to cost nothing.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(10);
/// Out of file descriptors and the like: wait instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The server could not leave in good order.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The drain time was over first.
    #[error("{0} requests were still in flight when the drain time was over")]
    StillInFlight(i64),
}

/// Serves until `shutdown` is done, then drains.
///
/// # Errors
/// [`ServeError::StillInFlight`] if requests had to be cut off.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let drain = config.drain;
    let server = Server::new(store, config);
    let housekeeping = tokio::spawn(keep_house(Shared::clone(&server)));
    let router = router(Shared::clone(&server));
    let (leave, leaving) = watch::channel(());
    // Each connection holds a sender; when all are gone the receiver hears the end.
    let (alive, mut gone) = mpsc::channel::<()>(1);
    let end = async {
        shutdown.await;
        server.drain();
        tokio::time::sleep(LINGER).await;
    };
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) if alive.strong_count() <= CONNECTIONS_MAX => {
                    let connection = Connection {
                        peer,
                        router: router.clone(),
                        leaving: leaving.clone(),
                        _alive: alive.clone(),
                    };
                    tokio::spawn(connection.run(stream));
                }
                Ok(_) => tracing::warn!("too many connections: one was closed"),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = leave.send(());
    drop(alive);
    let drained = tokio::time::timeout(drain, gone.recv()).await;
    housekeeping.abort();
    match (drained, server.meters.in_flight()) {
        (Ok(_), _) | (Err(_), ..=0) => Ok(()),
        (Err(_), in_flight) => Err(ServeError::StillInFlight(in_flight)),
    }
}

struct Connection {
    peer: SocketAddr,
    router: Router,
    leaving: watch::Receiver<()>,
    _alive: mpsc::Sender<()>,
}

impl Connection {
    async fn run(mut self, stream: TcpStream) {
        // Without it a small answer waits for the peer's acknowledgement (RFC 896 and 1122).
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(self.peer));
            self.router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = self.leaving.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // A peer that went away; its requests were answered or not by then.
            tracing::debug!(%error, "connection ended");
        }
    }
}

async fn keep_house(server: Shared) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        server.meters.upkeep();
        if let Err(error) = server.store.roll_up_house().await {
            tracing::warn!(%error, "house accounts not rolled up");
        }
    }
}
