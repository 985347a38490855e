//! One client connection: TLS or plain, HTTP/2 or HTTP/1.1, and its end while draining.
//!
//! HTTP/2 is offered over TLS only. Guarantees: a connection without a request is not kept for
//! ever; while draining, HTTP/2 clients are told (GOAWAY) that their next request belongs on
//! another connection, HTTP/1.1 clients with the next answer, and what was begun is finished.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::client::{Connection, FrameMeter, Guard, Place, Streams, Tracked, UnderWay};
use crate::proxy::{self, Client};
use crate::shared::Shared;
use crate::tls;

/// Requests at once on one HTTP/2 connection. 100: the least that RFC 9113 §6.5.2 recommends.
const STREAMS_MAX: u32 = 100;
/// Streams that a client opened and reset before they were served. 20: a browser cancels a
/// handful; CVE-2023-44487 needs thousands. More end the connection.
const PENDING_RESETS_MAX: usize = 20;
/// Streams that were reset here because of a client's errors. 64 mistakes end the connection.
const ERROR_RESETS_MAX: usize = 64;
/// Unsent bytes of one answer. 64 KiB: as the window that a client grants by default.
const SEND_BYTES_MAX: usize = 64 * 1_024;
/// A silent HTTP/2 client is asked whether it is there after this long, and has as long to say so.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How far this process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// No connection is accepted, and every answer is the last one of its connection.
    Leaving,
    /// Connections without a request are closed.
    ClosingIdle,
}

/// Returns when the process is this far, or gone.
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // An error says that the sender is gone, and the balancer with it.
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// The requests of one connection.
pub(crate) async fn serve(
    stream: TcpStream,
    place: &Place,
    shared: &Arc<Shared>,
    phase: watch::Receiver<Phase>,
) {
    let state = place.connection();
    let Some(tls) = shared.tls.as_ref() else {
        return serve_http1(stream, Client::new(state.client(), "http"), state, shared, phase)
            .await;
    };
    // Boxed, what only TLS needs costs a plain connection no memory.
    let stream = tokio::select! {
        stream = Box::pin(tls.accept(stream)) => stream,
        // Another connection needs the place.
        () = cut(state) => None,
    };
    let Some(stream) = stream else { return };
    let client = Client::new(state.client(), "https");
    if tls::speaks_h2(&stream) {
        Box::pin(serve_http2(stream, client, state, shared, phase)).await;
    } else {
        Box::pin(serve_http1(stream, client, state, shared, phase)).await;
    }
}

async fn serve_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: Client,
    state: &Arc<Connection>,
    shared: &Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    let client = Arc::new(client);
    let service = service_fn(|request| {
        let under_way = UnderWay::new(state);
        let (shared, client, state) = (Arc::clone(shared), Arc::clone(&client), Arc::clone(state));
        async move {
            let answer = proxy::call(&shared, &client, &state, request).await;
            Ok::<_, Infallible>(answer.map(|body| Tracked::new(body, under_way)))
        }
    });
    let stream = Guard::new(stream, Arc::clone(state), shared.limits());
    // Times are the guard's business.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // However it ended, there is nobody left to tell.
        _ = connection.as_mut() => {}
        () = reached(&mut phase, Phase::ClosingIdle) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn serve_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: Client,
    state: &Arc<Connection>,
    shared: &Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    let client = Arc::new(client);
    let service = service_fn(|request| {
        let is_open = state.begin(1);
        let under_way = UnderWay::new(state);
        let (shared, client, state) = (Arc::clone(shared), Arc::clone(&client), Arc::clone(state));
        async move {
            if !is_open {
                return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
            }
            let answer = proxy::call(&shared, &client, &state, request).await;
            Ok(answer.map(|body| Tracked::new(body, under_way)))
        }
    });
    let limits = shared.limits();
    let stream = FrameMeter::new(stream, Arc::clone(state));
    let streams = Streams { longest: Duration::from_millis(limits.client_write_timeout_ms) };
    let connection = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // However it ended, there is nobody left to tell.
        _ = connection.as_mut() => {}
        () = cut(state) => {}
        () = reached(&mut phase, Phase::Leaving) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    if state.floods() {
        shared.stats.connections_flooding.fetch_add(1, Relaxed);
    }
}

/// Returns when the connection is to be closed: it was idle for too long, or its place is needed.
async fn cut(state: &Connection) {
    std::future::poll_fn(|context| state.poll_cut(context)).await;
}
