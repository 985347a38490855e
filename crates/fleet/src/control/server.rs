//! The answering side of the control socket.
//!
//! Guarantees: a slow or silent client holds up nobody else; whoever asked for `down` is answered
//! before the supervisor may exit.
//!
//! Deliberately not here: stopping; `down` is passed on to the supervisor.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{Request, Response};
use crate::cluster::view;
use crate::fault::FaultReport;
use crate::process::Process;
use crate::roll::RollRequest;
use crate::supervisor::operations::{OperationError, Operations, rotation};
use crate::supervisor::roll::Audience;

/// A request is a short line; a fault with all its arguments stays far below this.
const REQUEST_BYTES_MAX: u64 = 16 * 1024;

/// Commands of one person; drills poll on one connection.
const CONNECTIONS_MAX: usize = 32;

/// Writing a line into a local socket takes microseconds.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);

/// Long enough for another connection to end.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What the requests can see and do.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) url: String,
    pub(crate) rows: Vec<watch::Receiver<Process>>,
    pub(crate) down: Arc<Notify>,
    /// Empty until everything is ready.
    pub(crate) operations: Arc<OnceLock<Arc<Operations>>>,
}

impl Board {
    pub(crate) fn processes(&self) -> Vec<Process> {
        self.rows.iter().map(|row| row.borrow().clone()).collect()
    }

    fn operations(&self) -> Result<&Arc<Operations>, OperationError> {
        self.operations.get().ok_or(OperationError::Starting)
    }
}

/// The listening task and those who wait for the end of a `down`.
#[derive(Debug)]
pub(crate) struct Server {
    listening: JoinHandle<()>,
    stopped: watch::Sender<bool>,
    unanswered: mpsc::Receiver<()>,
}

impl Server {
    pub(crate) fn start(listener: UnixListener, board: Board) -> Self {
        let (stopped, when_stopped) = watch::channel(false);
        let (answering, unanswered) = mpsc::channel(1);
        let talk = Talk { board, when_stopped, answering };
        Self { listening: tokio::spawn(accept(listener, talk)), stopped, unanswered }
    }

    /// Takes no further connections.
    pub(crate) fn close(&self) {
        self.listening.abort();
    }

    /// Tells everyone who asked for it that all is stopped, and returns when they have heard it.
    pub(crate) async fn announce_stopped(mut self) {
        self.close();
        let _ = self.listening.await;
        self.stopped.send_replace(true);
        // Ends when the last talk that owes an answer has let go of its sender.
        let _ = timeout(FLUSH_WITHIN, self.unanswered.recv()).await;
    }
}

#[derive(Clone)]
struct Talk {
    board: Board,
    when_stopped: watch::Receiver<bool>,
    answering: mpsc::Sender<()>,
}

async fn accept(listener: UnixListener, talk: Talk) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = places.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Descriptors ran out. The supervisor must not end over it, nor spin.
            sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        // A weak sender: only a talk that owes an answer keeps the supervisor.
        let Talk { board, when_stopped, answering } = talk.clone();
        let answering = answering.downgrade();
        tokio::spawn(async move {
            // A client that hangs up in the middle is its own business.
            let _ = converse(stream, &board, when_stopped, &answering).await;
            drop(place);
        });
    }
}

async fn converse(
    stream: UnixStream,
    board: &Board,
    mut when_stopped: watch::Receiver<bool>,
    answering: &mpsc::WeakSender<()>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if (&mut stream).take(REQUEST_BYTES_MAX).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        match serde_json::from_str(&line) {
            Ok(Request::Ps) => {
                let mut processes = board.processes();
                rotation::fill(&mut processes).await;
                view::fill(&mut processes).await;
                let url = board.url.clone();
                let supervisor = std::process::id();
                say(&mut stream, &Response::Processes { supervisor, url, processes }).await?;
            }
            Ok(Request::Down) => {
                let owed = answering.upgrade();
                board.down.notify_one();
                let _ = when_stopped.wait_for(|stopped| *stopped).await;
                say(&mut stream, &Response::Stopped).await?;
                drop(owed);
                // The client takes the end of the connection for the end of the supervisor.
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await?;
                return Ok(());
            }
            Ok(Request::Fault { fault, target, for_ms }) => {
                let done = match board.operations() {
                    Ok(operations) => operations.fault(fault, &target, for_ms).await,
                    Err(error) => Err(error),
                };
                say(&mut stream, &outcome(done)).await?;
            }
            Ok(Request::Heal { target }) => {
                let done = match board.operations() {
                    Ok(operations) => operations.heal(target.as_deref()).await,
                    Err(error) => Err(error),
                };
                say(&mut stream, &outcome(done)).await?;
            }
            Ok(Request::Switchover { to }) => {
                let response = switchover(board, to.as_deref()).await;
                say(&mut stream, &response).await?;
            }
            Ok(Request::Traffic) => say(&mut stream, &traffic(board)).await?,
            Ok(Request::Roll(request)) => {
                match board.operations() {
                    Ok(operations) => roll(&mut stream, operations, request).await?,
                    Err(error) => {
                        say(&mut stream, &Response::Refused { reason: error.to_string() }).await?;
                    }
                }
                return Ok(());
            }
            Err(error) => {
                let reason = format!("this is not a request it knows ({error})");
                say(&mut stream, &Response::Refused { reason }).await?;
                return Ok(());
            }
        }
    }
}

async fn switchover(board: &Board, to: Option<&str>) -> Response {
    let done = match board.operations() {
        Ok(operations) => operations.switchover(to).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(done) => Response::Switched { done },
        Err(error) => Response::Refused { reason: error.to_string() },
    }
}

fn traffic(board: &Board) -> Response {
    match board.operations().and_then(|operations| operations.traffic()) {
        Ok(traffic) => Response::Passed { traffic },
        Err(error) => Response::Refused { reason: error.to_string() },
    }
}

/// Tells the steps of a roll as they come. Whoever asked for it and hangs up ends it, after the
/// process at hand.
async fn roll(
    stream: &mut BufReader<UnixStream>,
    operations: &Arc<Operations>,
    request: RollRequest,
) -> io::Result<()> {
    let (sender, mut steps) = mpsc::unbounded_channel();
    let (stop, is_asked_to_stop) = watch::channel(false);
    let operations = operations.clone();
    // A task of its own: what goes wrong with the connection must not leave a server drained.
    let rolling = tokio::spawn(async move {
        let audience = Audience { steps: sender, is_asked_to_stop };
        operations.roll(&request, &audience).await
    });
    let mut rest = Vec::new();
    loop {
        tokio::select! {
            step = steps.recv() => match step {
                Some(step) => say(stream, &Response::Rolling { step }).await?,
                None => break,
            },
            _ = stream.read_to_end(&mut rest), if !*stop.borrow() => {
                stop.send_replace(true);
            }
        }
    }
    let response = match rolling.await {
        Ok(Ok(summary)) => Response::Rolled { summary },
        Ok(Err(error)) => Response::Refused { reason: error.to_string() },
        Err(_) => Response::Refused { reason: "the roll broke off".to_owned() },
    };
    say(stream, &response).await
}

fn outcome(done: Result<FaultReport, OperationError>) -> Response {
    match done {
        Ok(report) => Response::Done { report },
        Err(error) => Response::Refused { reason: error.to_string() },
    }
}

async fn say(stream: &mut BufReader<UnixStream>, response: &Response) -> io::Result<()> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    stream.write_all(&line).await
}
