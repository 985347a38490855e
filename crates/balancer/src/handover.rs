//! Taking the listening socket over from a running balancer.
//!
//! Both processes share one listening socket, so connections that arrive in between wait in its
//! queue and none is refused. Order: ask for the socket, check servers until one is usable, put
//! the new control socket in place, ask the old process to leave, accept. Guarantees: until the
//! old process has agreed to leave it serves as if nothing had happened, whatever happens to the
//! new one; what commands have changed (drains, moves) is kept.
//! Not here: answering as the old process (`control`), draining (`serve`).

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::control::protocol::{ANSWER_BYTES_MAX, Answer, Command, ServerState};
use crate::control::socket;
use crate::error::Error;
use crate::shared::Shared;

/// Time for one answer of the running process. 5 s: it takes a millisecond.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Time until a server is usable. 10 s: checks of new servers are 100 ms apart.
const READY_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The running process, which has given its socket away and waits to be asked to leave.
pub(crate) struct Predecessor {
    stream: UnixStream,
}

/// What the running process gave.
pub(crate) struct Inheritance {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    servers: Vec<ServerState>,
}

impl Predecessor {
    /// Asks the process behind the configured control socket for its listening socket.
    pub(crate) async fn ask(config: &Config) -> Result<(Self, Inheritance), Error> {
        let Some(path) = config.control_socket.as_deref() else {
            return Err(problem(
                "`control_socket` is not configured, and it leads to that process",
            ));
        };
        let stream = socket::connect(path).await.map_err(|error| {
            let path = path.display();
            problem(format!("no process answers at the control socket {path} ({error})"))
        })?;
        let mut predecessor = Self { stream };
        let (answer, sockets) = predecessor.command(&Command::TakeOver).await?;
        let Answer::Ok { servers } = answer else { return Err(refusal(answer)) };
        let mut sockets = sockets.into_iter();
        let (Some(socket), None) = (sockets.next(), sockets.next()) else {
            return Err(problem("it did not give exactly one listening socket"));
        };
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().map_err(broken)?;
        // Port 0 asks for any port, so the one that is there will do.
        let any_port = config.listen.port() == 0 && config.listen.ip() == address.ip();
        if !any_port && config.listen != address {
            let wanted = config.listen;
            return Err(problem(format!("it listens on {address}, and `listen` is {wanted}")));
        }
        listener.set_nonblocking(true).map_err(broken)?;
        Ok((predecessor, Inheritance { listener, address, servers }))
    }

    /// Asks it to leave. When it does not answer any more this process serves alone, or beside
    /// one that hangs: both are better than nobody.
    pub(crate) async fn leave(mut self) -> Result<(), Error> {
        match timeout(ANSWER_WITHIN, self.exchange(&Command::Leave)).await {
            Ok(Ok((Answer::Ok { .. }, _))) => {}
            Ok(Ok((refused, _))) => return Err(refusal(refused)),
            Ok(Err(error)) => {
                tracing::warn!(error.message = %error, "the process that was replaced is gone");
            }
            Err(_) => tracing::warn!("the process that was replaced does not answer"),
        }
        Ok(())
    }

    async fn command(&mut self, command: &Command) -> Result<(Answer, Vec<OwnedFd>), Error> {
        timeout(ANSWER_WITHIN, self.exchange(command))
            .await
            .map_err(|_| problem("it does not answer"))?
            .map_err(broken)
    }

    async fn exchange(&mut self, command: &Command) -> io::Result<(Answer, Vec<OwnedFd>)> {
        self.stream.write_all(&command.line()).await?;
        let (mut line, mut sockets) = (Vec::new(), Vec::new());
        while !line.ends_with(b"\n") {
            if line.len() > ANSWER_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer has no end"));
            }
            let received = self
                .stream
                .async_io(Interest::READABLE, || receive(&self.stream, &mut line, &mut sockets))
                .await?;
            if received == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((serde_json::from_slice(&line)?, sockets))
    }
}

impl Inheritance {
    /// Does again what commands did to the process before; servers that are gone are left out.
    pub(crate) fn apply(&self, shared: &Shared) {
        for server in &self.servers {
            if let Some(address) = server.moved_to {
                shared.move_server(&server.name, address);
            }
            if server.draining {
                shared.set_draining(&server.name, true);
            }
        }
    }
}

/// Waits until requests can be served.
pub(crate) async fn ready(shared: &Shared) -> Result<(), Error> {
    let end = Instant::now() + READY_WITHIN;
    while !shared.is_ready() {
        if Instant::now() >= end {
            let seconds = READY_WITHIN.as_secs();
            let servers: Vec<_> = shared
                .policy()
                .view(shared.now())
                .into_iter()
                .map(|server| {
                    format!("{} is {} ({})", server.name, server.state.word(), server.why)
                })
                .collect();
            let servers = servers.join(", ");
            return Err(problem(format!("no server became usable in {seconds} s: {servers}")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The control socket of the new process, in the place of the old one's.
pub(crate) fn replace_socket(path: &Path) -> Result<socket::ControlSocket, Error> {
    socket::ControlSocket::replace(path)
        .map_err(|source| Error::ControlSocket { path: path.to_owned(), source })
}

fn receive(
    stream: &UnixStream,
    line: &mut Vec<u8>,
    sockets: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut bytes = [0; 4_096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(stream, &mut parts, &mut rights, RecvFlags::CMSG_CLOEXEC)?.bytes;
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received);
        }
    }
    line.extend_from_slice(bytes.get(..received).unwrap_or_default());
    Ok(received)
}

fn refusal(answer: Answer) -> Error {
    match answer {
        Answer::Refused { reason } => problem(format!("it refused: {reason}")),
        Answer::Ok { .. } => problem("it gave an answer of another kind"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn broken(error: io::Error) -> Error {
    problem(format!("talking to it failed ({error})"))
}

fn problem(problem: impl Into<String>) -> Error {
    Error::TakeOver { problem: problem.into() }
}
