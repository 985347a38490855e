//! The control socket: commands to a running balancer from the account that runs it.
//!
//! Commands are JSON lines ([`protocol`]) on a Unix socket with mode 0600; several may follow each
//! other on one connection. Guarantees: size and time of a command are bounded; a slow or silent
//! client holds up nobody; what is refused has changed nothing. While a new process takes over,
//! the old one refuses changes, which the new one would not learn of.
//! Not here: what the new process does (`handover`), draining itself (`serve`).

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;
use crate::shared::Shared;
use crate::upstream::Upstream;

pub(crate) mod protocol;
pub(crate) mod socket;

use protocol::{Answer, COMMAND_BYTES_MAX, Command, ServerState};
use socket::ControlSocket;

/// Connections at once: a supervisor, a new process, and some people.
const TALKS_MAX: usize = 16;
/// Time for the next command on a connection, and for taking an answer. 30 s: three times the
/// patience of a process that takes over.
const COMMAND_WITHIN: Duration = Duration::from_secs(30);
/// Pause after accepting failed, which means that descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The listening control socket. When dropped it closes, and its file goes.
pub(crate) struct Control {
    accepting: JoinHandle<()>,
    leave: watch::Receiver<bool>,
}

impl Control {
    /// Begins to answer. `listener` is what is given away to a process that takes over.
    pub(crate) fn start(
        socket: ControlSocket,
        shared: Arc<Shared>,
        listener: Weak<TcpListener>,
    ) -> Self {
        let (sender, leave) = watch::channel(false);
        let desk = Desk {
            shared,
            listener,
            leave: sender,
            taking_over: AtomicBool::new(false),
            abandoned: Notify::new(),
        };
        Self { accepting: tokio::spawn(accept(socket, Arc::new(desk))), leave }
    }

    /// Returns when somebody asked this process to leave.
    pub(crate) async fn asked_to_leave(&self) {
        let mut leave = self.leave.clone();
        if leave.wait_for(|leave| *leave).await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The control socket of a process that replaces nobody.
pub(crate) fn listen(path: &Path) -> Result<ControlSocket, Error> {
    ControlSocket::listen(path)
        .map_err(|source| Error::ControlSocket { path: path.to_owned(), source })
}

struct Desk {
    shared: Arc<Shared>,
    listener: Weak<TcpListener>,
    leave: watch::Sender<bool>,
    taking_over: AtomicBool,
    /// A process that took over went away without asking this one to leave.
    abandoned: Notify,
}

async fn accept(mut socket: ControlSocket, desk: Arc<Desk>) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.listener.accept(), if talks.len() < TALKS_MAX => match accepted {
                Ok((stream, _)) => {
                    talks.spawn(converse(stream, Arc::clone(&desk)));
                }
                Err(error) => {
                    tracing::error!(error.message = %error, "no control connection is accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = talks.join_next() => {}
            () = desk.abandoned.notified() => {
                if let Err(error) = socket.restore() {
                    tracing::error!(error.message = %error, "the control socket is not restored");
                }
            }
        }
    }
}

/// The commands of one connection. Its end is not worth a message.
async fn converse(stream: UnixStream, desk: Arc<Desk>) {
    let mut talk = Talk { stream: BufReader::new(stream), desk, takes_over: false };
    while let Ok(Ok(true)) = tokio::time::timeout(COMMAND_WITHIN, talk.next()).await {}
}

struct Talk {
    stream: BufReader<UnixStream>,
    desk: Arc<Desk>,
    takes_over: bool,
}

impl Drop for Talk {
    fn drop(&mut self) {
        if self.takes_over {
            self.desk.taking_over.store(false, SeqCst);
            if !*self.desk.leave.borrow() {
                tracing::warn!("the process that was to take over is gone, going on");
                self.desk.abandoned.notify_one();
            }
        }
    }
}

impl Talk {
    /// One command and its answer; false when there are no more.
    async fn next(&mut self) -> io::Result<bool> {
        let mut line = String::new();
        (&mut self.stream).take(COMMAND_BYTES_MAX).read_line(&mut line).await?;
        if line.is_empty() {
            return Ok(false);
        }
        if !line.ends_with('\n') {
            let problem = format!("the command is not one line of up to {COMMAND_BYTES_MAX} bytes");
            self.say(&Answer::refused(problem)).await?;
            return Ok(false);
        }
        match serde_json::from_str(&line) {
            Ok(Command::TakeOver) => self.take_over().await?,
            Ok(Command::Leave) => self.leave().await?,
            Ok(command) => {
                let answer = self.desk.change(&command, self.takes_over);
                self.say(&answer).await?;
            }
            Err(error) => {
                let problem = format!("this is not a command it knows ({error})");
                self.say(&Answer::refused(problem)).await?;
            }
        }
        Ok(true)
    }

    async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        self.stream.write_all(&answer.line()).await
    }

    async fn take_over(&mut self) -> io::Result<()> {
        let Some(listener) = self.desk.listener.upgrade() else {
            return self.say(&Answer::refused("this process is leaving already")).await;
        };
        if self.takes_over || self.desk.taking_over.swap(true, SeqCst) {
            return self.say(&Answer::refused("another process is taking over already")).await;
        }
        self.takes_over = true;
        tracing::info!("a new process takes over");
        let servers = self.desk.shared.upstreams.iter().enumerate();
        let servers = servers.filter_map(|(at, upstream)| self.desk.state(at, upstream)).collect();
        send(self.stream.get_ref(), &Answer::Ok { servers }.line(), &listener).await
    }

    async fn leave(&mut self) -> io::Result<()> {
        if !self.takes_over && self.desk.taking_over.load(SeqCst) {
            return self.say(&Answer::refused("a new process is taking over")).await;
        }
        self.say(&Answer::DONE).await?;
        self.desk.leave.send_replace(true);
        Ok(())
    }
}

impl Desk {
    /// A command about one server.
    fn change(&self, command: &Command, takes_over: bool) -> Answer {
        let (Command::Drain { server: name }
        | Command::Undrain { server: name }
        | Command::Move { server: name, .. }) = command
        else {
            return Answer::refused("this is not a command about a server");
        };
        if takes_over || self.taking_over.load(SeqCst) {
            return Answer::refused("a new process is taking over; ask again in some seconds");
        }
        let done = match command {
            Command::Move { address, .. } if *address == self.shared.config.listen => {
                return Answer::refused("`address` is where this process itself listens");
            }
            Command::Move { address, .. } => self.shared.move_server(name, *address),
            _ => self.shared.set_draining(name, matches!(command, Command::Drain { .. })),
        };
        if !done {
            let names: Vec<_> =
                self.shared.upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
            let names = names.join(", ");
            return Answer::refused(format!("no server is named `{name}`; there are: {names}"));
        }
        tracing::info!(server.name = name, control.command = ?command, "a command was obeyed");
        Answer::DONE
    }

    /// What the commands so far have made of a server, if anything.
    fn state(&self, server: usize, upstream: &Upstream) -> Option<ServerState> {
        let configured = self.shared.config.upstreams.get(server)?.address;
        let address = upstream.address();
        let moved_to: Option<SocketAddr> = (address != configured).then_some(address);
        let draining = self.shared.policy().is_draining(server);
        (draining || moved_to.is_some()).then(|| ServerState {
            name: upstream.name.clone(),
            moved_to,
            draining,
        })
    }
}

/// Sends a line together with a listening socket (unix(7), `SCM_RIGHTS`).
async fn send(stream: &UnixStream, line: &[u8], listener: &TcpListener) -> io::Result<()> {
    let sockets = [listener.as_fd()];
    let mut rest = line;
    let mut attached = false;
    while !rest.is_empty() {
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                let mut space =
                    [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut rights = SendAncillaryBuffer::new(&mut space);
                // There is room for one.
                let fits = attached || rights.push(SendAncillaryMessage::ScmRights(&sockets));
                debug_assert!(fits, "the space is made for it");
                Ok(sendmsg(stream, &[IoSlice::new(rest)], &mut rights, SendFlags::NOSIGNAL)?)
            })
            .await?;
        attached = true;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}
