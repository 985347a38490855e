//! A running balancer: listening, client connections, checks, drain.
//!
//! Guarantees: [`Balancer::start`] fails when the address cannot be listened on; after
//! [`Balancer::drain`] no connection is accepted and every request in flight had its time; a
//! dropped [`Balancer`] is as good as dead: its connections are cut.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::check;
use crate::config::Config;
use crate::error::Error;
use crate::history;
use crate::proxy::{self, Client, answer};
use crate::shared::Shared;

/// Connections that may wait to be accepted. 1,024: a second of a storm of new clients.
const BACKLOG: i32 = 1_024;
/// Pause after accepting failed, which means that descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the connections that wait at the beginning of a drain are still accepted.
const LAST_ACCEPTS: Duration = Duration::from_millis(20);

/// A running balancer or front door.
pub struct Balancer {
    shared: Arc<Shared>,
    address: SocketAddr,
    leave: watch::Sender<bool>,
    /// Accepts, and hands out the connections when it has ended.
    accepting: JoinHandle<JoinSet<()>>,
    background: Vec<JoinHandle<()>>,
}

impl Balancer {
    /// Listens and begins to check the servers. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The address is taken, or the access log cannot be opened.
    #[expect(clippy::unused_async, reason = "listening needs a runtime, which async callers have")]
    pub async fn start(config: Config) -> Result<Self, Error> {
        let wanted = config.listen;
        let listen = |source| Error::Listen { address: wanted, source };
        let socket = listen_on(wanted).map_err(listen)?;
        let address = socket.local_addr().map_err(listen)?;
        let shared = Arc::new(Shared::new(config)?);
        let (leave, leaving) = watch::channel(false);
        let accepting = tokio::spawn(accept(socket, Arc::clone(&shared), leaving));
        let mut background: Vec<_> = (0..shared.upstreams.len())
            .map(|server| tokio::spawn(check::watch(Arc::clone(&shared), server)))
            .collect();
        background.push(tokio::spawn(history::keep(Arc::clone(&shared))));
        Ok(Self { shared, address, leave, accepting, background })
    }

    /// Where it listens; with port 0 in the configuration, the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Is a server usable, and this process not leaving?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Takes a server out of the choice (or back in) without touching its requests in flight.
    /// False when there is no server of that name.
    #[must_use]
    pub fn set_server_draining(&self, name: &str, draining: bool) -> bool {
        let position = self.shared.upstreams.iter().position(|upstream| upstream.name == name);
        let Some(server) = position else { return false };
        self.shared.policy().set_draining(server, self.shared.now(), draining);
        true
    }

    /// Stops accepting, lets requests in flight finish within the configured time, and ends.
    /// True when all of them did.
    pub async fn drain(mut self) -> bool {
        self.shared.draining.store(true, Relaxed);
        // A failed send means that the accepting task is gone, which is what is wanted.
        let _ = self.leave.send(true);
        let Ok(mut connections) = (&mut self.accepting).await else { return false };
        let limit = Duration::from_secs(self.shared.config.drain_seconds);
        let all = async { while connections.join_next().await.is_some() {} };
        let finished = tokio::time::timeout(limit, all).await.is_ok();
        if !finished {
            let open = self.shared.stats.connections_open.load(Relaxed);
            tracing::warn!(connections.open = open, "left before all requests were finished");
        }
        finished
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
        for task in &self.background {
            task.abort();
        }
        if let Some(log) = self.shared.access_log.as_ref() {
            log.close();
        }
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // A restart must not wait for connections of the last process in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut leaving: watch::Receiver<bool>,
) -> JoinSet<()> {
    let shutdown = leaving.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(client) => open(client, &mut connections, &shared, &shutdown),
                Err(error) => {
                    tracing::error!(error.message = %error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = leaving.changed() => break,
        }
    }
    // Who already waits in the backlog would be reset when the socket closes.
    let end = tokio::time::Instant::now() + LAST_ACCEPTS;
    while let Ok(Ok(client)) = tokio::time::timeout_at(end, listener.accept()).await {
        open(client, &mut connections, &shared, &shutdown);
    }
    connections
}

fn open(
    (mut stream, peer): (TcpStream, SocketAddr),
    connections: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    shutdown: &watch::Receiver<bool>,
) {
    let stats = &shared.stats;
    let limit = u64::try_from(shared.limits().connections_max).unwrap_or(u64::MAX);
    if stats.connections_open.load(Relaxed) >= limit {
        stats.connections_refused.fetch_add(1, Relaxed);
        connections.spawn(async move {
            // When this fails the client is gone.
            let _ = stream.write_all(&answer::too_many_connections()).await;
            let _ = stream.flush().await;
        });
        return;
    }
    // Without it the last part of an answer waits for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    stats.connections.fetch_add(1, Relaxed);
    stats.connections_open.fetch_add(1, Relaxed);
    let guard = Open { shared: Arc::clone(shared) };
    let shutdown = shutdown.clone();
    connections.spawn(async move {
        serve(stream, peer, &guard.shared, shutdown).await;
        drop(guard);
    });
}

/// Counts an open connection.
struct Open {
    shared: Arc<Shared>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.stats.connections_open.fetch_sub(1, Relaxed);
    }
}

/// The requests of one connection, one after the other.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    mut leaving: watch::Receiver<bool>,
) {
    let client = Arc::new(Client::new(peer.ip(), "http"));
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, client) = (Arc::clone(shared), Arc::clone(&client));
        async move { Ok::<_, Infallible>(proxy::call(&shared, &client, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // However it ended, there is nobody left to tell.
        _ = connection.as_mut() => {}
        _ = leaving.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
