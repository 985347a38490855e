//! A running balancer: listening, client connections, checks, drain.
//!
//! Guarantees: [`Balancer::start`] fails when the address cannot be listened on; after
//! [`Balancer::drain`] no connection is accepted and every request in flight had its time; a
//! dropped [`Balancer`] is as good as dead: its connections are cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::check;
use crate::client;
use crate::config::Config;
use crate::connection::{self, Phase, reached};
use crate::control::socket::ControlSocket;
use crate::control::{self, Control};
use crate::error::Error;
use crate::handover::{self, Predecessor};
use crate::history;
use crate::proxy::answer;
use crate::shared::Shared;
use crate::tls::Tls;

/// Connections that may wait to be accepted. 1,024: a second of a storm of new clients.
const BACKLOG: i32 = 1_024;
/// Pause after accepting failed, which means that descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the connections that wait at the beginning of a drain are still accepted.
const LAST_ACCEPTS: Duration = Duration::from_millis(20);
/// How long a client connection without a request is kept while this process leaves for good.
/// 300 ms: who sends one request after the other gets `Connection: close` and no broken request.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(300);

/// A running balancer or front door.
pub struct Balancer {
    shared: Arc<Shared>,
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    /// Accepts, and hands out the connections when it has ended.
    accepting: JoinHandle<JoinSet<()>>,
    control: Option<Control>,
    _background: JoinSet<()>,
}

impl Balancer {
    /// Listens and begins to check the servers. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The address or the control socket is taken, or the access log cannot be opened.
    #[expect(clippy::unused_async, reason = "listening needs a runtime, which async callers have")]
    pub async fn start(config: Config) -> Result<Self, Error> {
        let wanted = config.listen;
        let listen = |source| Error::Listen { address: wanted, source };
        let listener = listen_on(wanted).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let socket = config.control_socket.as_deref().map(control::listen).transpose()?;
        let shared = Arc::new(Shared::new(config)?);
        let background = begin_background(&shared);
        Ok(Self::open(shared, listener, address, socket, background))
    }

    /// Takes the place of the running process behind the configured control socket: shares its
    /// listening socket, waits until a server is usable, makes it leave.
    ///
    /// # Errors
    /// There is no such process, it refuses, it listens elsewhere, or no server became usable
    /// within 10 s. It goes on in all these cases.
    pub async fn take_over(config: Config) -> Result<Self, Error> {
        let (predecessor, inheritance) = Predecessor::ask(&config).await?;
        let shared = Arc::new(Shared::new(config)?);
        inheritance.apply(&shared);
        let background = begin_background(&shared);
        handover::ready(&shared).await?;
        let listen = |source| Error::Listen { address: inheritance.address, source };
        let listener = TcpListener::from_std(inheritance.listener).map_err(listen)?;
        let path = shared.config.control_socket.as_deref();
        let socket = path.map(handover::replace_socket).transpose()?;
        predecessor.leave().await?;
        Ok(Self::open(shared, listener, inheritance.address, socket, background))
    }

    fn open(
        shared: Arc<Shared>,
        listener: TcpListener,
        address: SocketAddr,
        socket: Option<ControlSocket>,
        background: JoinSet<()>,
    ) -> Self {
        let listener = Arc::new(listener);
        // Weak: when accepting has ended nothing may keep the address.
        let given_away = Arc::downgrade(&listener);
        let control = socket.map(|socket| Control::start(socket, Arc::clone(&shared), given_away));
        let phase = watch::Sender::new(Phase::Serving);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), phase.subscribe()));
        Self { shared, address, phase, accepting, control, _background: background }
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

    /// Reads the certificate files again, for connections from now on. Nothing to do without TLS.
    ///
    /// # Errors
    /// The files cannot be used; the certificate before stays in use.
    pub fn reload_certificate(&self) -> Result<(), Error> {
        self.shared.tls.as_ref().map_or(Ok(()), Tls::reload)
    }

    /// Takes a server out of the choice (or back in) without touching its requests in flight.
    /// False when there is no server of that name.
    #[must_use]
    pub fn set_server_draining(&self, name: &str, draining: bool) -> bool {
        self.shared.set_draining(name, draining)
    }

    /// Reaches a server at another address from now on: new connections and checks go there, idle
    /// connections to the old one are not used again, requests in flight finish, its health is
    /// kept. False when there is no server of that name.
    #[must_use]
    pub fn move_server(&self, name: &str, address: SocketAddr) -> bool {
        self.shared.move_server(name, address)
    }

    /// Returns when the control socket was told that this process is to leave. [`Self::hand_over`]
    /// is the way to.
    pub async fn asked_to_leave(&self) {
        match self.control.as_ref() {
            Some(control) => control.asked_to_leave().await,
            None => std::future::pending().await,
        }
    }

    /// Stops accepting, lets requests in flight finish within the configured time, and ends.
    /// Client connections without a request are closed after a moment: nobody answers here soon.
    /// True when all requests were finished.
    pub async fn drain(self) -> bool {
        self.finish(BETWEEN_REQUESTS).await
    }

    /// As [`Self::drain`], with somebody else at the same address: a client connection without a
    /// request is kept until its next request was answered with `Connection: close`, so that no
    /// client sends into a connection that is being closed. What is idle until late is closed.
    pub async fn hand_over(self) -> bool {
        let limit = Duration::from_secs(self.shared.config.drain_seconds);
        self.finish(limit * 4 / 5).await
    }

    async fn finish(mut self, idle_time: Duration) -> bool {
        self.shared.draining.store(true, Relaxed);
        self.control = None;
        self.phase.send_replace(Phase::Leaving);
        let Ok(mut connections) = (&mut self.accepting).await else { return false };
        let limit = Duration::from_secs(self.shared.config.drain_seconds);
        let close_idle = async {
            tokio::time::sleep(idle_time.min(limit)).await;
            self.phase.send_replace(Phase::ClosingIdle);
            std::future::pending::<()>().await
        };
        let all = async {
            tokio::select! {
                () = async { while connections.join_next().await.is_some() {} } => {}
                () = close_idle => {}
            }
        };
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
        if let Some(log) = self.shared.access_log.as_ref() {
            log.close();
        }
    }
}

/// The checks, and what happens every now and then.
fn begin_background(shared: &Arc<Shared>) -> JoinSet<()> {
    let mut background = JoinSet::new();
    for server in 0..shared.upstreams.len() {
        background.spawn(check::watch(Arc::clone(shared), server));
    }
    background.spawn(history::keep(Arc::clone(shared)));
    background.spawn(client::sweep(Arc::clone(shared)));
    background
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
    listener: Arc<TcpListener>,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) -> JoinSet<()> {
    let of_connections = phase.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(client) => open(client, &mut connections, &shared, &of_connections),
                Err(error) => {
                    tracing::error!(error.message = %error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = reached(&mut phase, Phase::Leaving) => break,
        }
    }
    // Who already waits in the backlog would be reset when the socket closes.
    let end = tokio::time::Instant::now() + LAST_ACCEPTS;
    while let Ok(Ok(client)) = tokio::time::timeout_at(end, listener.accept()).await {
        open(client, &mut connections, &shared, &of_connections);
    }
    connections
}

fn open(
    (stream, peer): (TcpStream, SocketAddr),
    connections: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    phase: &watch::Receiver<Phase>,
) {
    let stats = &shared.stats;
    let place = match shared.connections.open(peer.ip()) {
        Ok(place) => place,
        Err(reason) => {
            stats.connections_refused.fetch_add(1, Relaxed);
            stats.on_reason(reason);
            connections.spawn(client::turn_away(stream, answer::too_many_connections(reason)));
            return;
        }
    };
    // Without it the last part of an answer waits for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    stats.connections.fetch_add(1, Relaxed);
    stats.connections_open.fetch_add(1, Relaxed);
    let guard = Open { shared: Arc::clone(shared) };
    let phase = phase.clone();
    connections.spawn(async move {
        connection::serve(stream, &place, &guard.shared, phase).await;
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
