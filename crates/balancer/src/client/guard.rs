//! A client's HTTP/1 connection with a guard before the HTTP library: the library reads nothing
//! but whole valid heads and the bodies that follow them.
//!
//! In the usual case a head lies whole in the library's own buffer and is looked at there; only a
//! part of a head is held back, in a buffer that exists while it is needed. A refused request is
//! replaced by one of the form [`REFUSED_METHOD`] that no client can send, so that its answer goes
//! out in its turn behind those of the requests before it; nothing that follows is read as HTTP.
//! In a body whose head was handed on, a violation is an error of the read ([`violation_in`]).
//! When the connection ends while the client may still be sending, what it sends is read and
//! thrown away for a while, because closing would reset the answer away.
//!
//! Not here: how long anything may take (`connections`), and the answers (`proxy`).
//!
//! [`violation_in`]: super::violation_in

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::{Connection, Refused};
use super::head::HeadLimits;
use super::message::{Messages, Progress};
use super::request_line;
use super::violation::{BODY_TOO_SLOW, HEAD_TOO_SLOW, Violation};
use crate::config::Limits;

/// The method that stands for a refused request. Clients cannot send it: it is not offered.
pub(crate) const REFUSED_METHOD: &str = "REFUSED";
const REFUSED_REQUEST: &[u8] = b"REFUSED / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// Read at once of a head that came in parts, and of what is thrown away.
const PART_BYTES: usize = 4 * 1_024;
/// Most that is thrown away. 1 MiB: a small upload that was refused ends in peace.
const LINGER_BYTES_MAX: usize = 1_024 * 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// The last thing that the library gets is a refused request.
    Refused,
    /// The body under way is broken.
    Broken(Violation),
    /// Nothing more is read.
    Ended,
}

/// A guarded connection.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    stream: S,
    connection: Arc<Connection>,
    messages: Messages,
    mode: Mode,
    /// What was read and not handed on.
    held: BytesMut,
    /// How much of it may be.
    released: usize,
    /// When the first part of the held head came.
    head_began: Option<Instant>,
    is_shut: bool,
    thrown_away: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    pub(crate) fn new(stream: S, connection: Arc<Connection>, limits: &Limits) -> Self {
        let limits = HeadLimits {
            bytes_max: limits.header_bytes_max,
            target_bytes_max: limits.target_bytes_max,
            fields_max: limits.fields_max,
        };
        Self {
            stream,
            connection,
            messages: Messages::new(limits),
            mode: Mode::Open,
            held: BytesMut::new(),
            released: 0,
            head_began: None,
            is_shut: false,
            thrown_away: 0,
        }
    }

    /// Reads into the library's buffer and takes back what it may not see.
    fn poll_read_in_place(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let begin = buffer.filled().len();
        ready!(self.poll_stream(context, buffer))?;
        let bytes = buffer.filled().get(begin..).unwrap_or_default();
        if bytes.is_empty() {
            self.mode = Mode::Ended;
            return Poll::Ready(Ok(true));
        }
        let was_in_body = self.messages.is_in_body();
        let progress = self.messages.advance(bytes);
        if progress.violation.is_none() && progress.passed == bytes.len() {
            // The usual case: whole requests or parts of bodies.
            if was_in_body {
                self.connection.on_body(progress.passed);
            }
            if progress.heads > 0 && !self.begin(progress.heads) {
                buffer.set_filled(begin);
                return Poll::Ready(Ok(false));
            }
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(bytes);
        buffer.set_filled(begin);
        self.on_progress(&progress, was_in_body);
        Poll::Ready(Ok(false))
    }

    /// Reads more of a head of which a part is held.
    fn poll_read_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::<u8>::uninit(); PART_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(self.poll_stream(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            self.mode = Mode::Ended;
            return Poll::Ready(Ok(()));
        }
        self.held.extend_from_slice(buffer.filled());
        let progress = self.messages.advance(&self.held);
        self.on_progress(&progress, false);
        Poll::Ready(Ok(()))
    }

    fn poll_stream(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            if self.messages.is_in_body() {
                self.connection.on_body_awaited();
            }
            self.connection.wake_by(context);
            // What the sweep decided before it knew whom to wake.
            if self.connection.is_cut() || self.connection.is_too_slow() {
                context.waker().wake_by_ref();
            }
        }
        read
    }

    /// Takes up what became of the held bytes.
    fn on_progress(&mut self, progress: &Progress, was_in_body: bool) {
        self.released = progress.passed;
        if progress.heads > 0 && !self.begin(progress.heads) {
            return;
        }
        if was_in_body {
            self.connection.on_body(progress.passed);
        }
        match progress.violation {
            Some(violation) if progress.is_in_body => self.mode = Mode::Broken(violation),
            Some(violation) => self.refuse(violation),
            None if self.held.len() > self.released => {
                self.head_began.get_or_insert_with(Instant::now);
                self.connection.on_part_of_head();
            }
            None => self.head_began = None,
        }
    }

    /// Requests begin; false when the connection is closed instead.
    fn begin(&mut self, requests: u32) -> bool {
        self.head_began = None;
        let begins = self.connection.begin(requests);
        if !begins {
            self.released = 0;
            self.held.clear();
            self.mode = Mode::Ended;
        }
        begins
    }

    /// Puts the request that stands for a refused one in the place of what is held.
    fn refuse(&mut self, violation: Violation) {
        let head = self.held.get(self.released..).unwrap_or_default();
        let (method, path) = asked(head);
        let began = self.head_began.take().unwrap_or_else(Instant::now);
        self.connection.set_refused(Refused { violation, method, path, began });
        self.connection.begin(1);
        self.held.truncate(self.released);
        self.held.extend_from_slice(REFUSED_REQUEST);
        self.released = self.held.len();
        self.mode = Mode::Refused;
    }

    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let part = self.released.min(buffer.remaining());
        buffer.put_slice(self.held.get(..part).unwrap_or_default());
        self.held.advance(part);
        self.released -= part;
        if self.held.is_empty() {
            // Gives the memory back.
            self.held = BytesMut::new();
        }
    }

    /// What the sweep decided.
    fn obey(&mut self) {
        if self.mode != Mode::Open {
            return;
        }
        if self.connection.is_cut() {
            self.mode = Mode::Ended;
        } else if self.connection.is_too_slow() {
            if self.messages.is_in_body() {
                self.mode = Mode::Broken(BODY_TOO_SLOW);
            } else {
                self.refuse(HEAD_TOO_SLOW);
            }
        }
    }

    /// Reads and throws away what the client still sends.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut space = [MaybeUninit::<u8>::uninit(); PART_BYTES];
        let mut may_send_more = self.mode != Mode::Open || !self.messages.is_between();
        if self.mode == Mode::Ended {
            return Poll::Ready(());
        }
        loop {
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.thrown_away += buffer.filled().len();
                    may_send_more = true;
                    if self.thrown_away > LINGER_BYTES_MAX {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if !may_send_more && self.thrown_away == 0 => {
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    self.connection.on_linger();
                    return self.connection.poll_cut(context);
                }
            }
        }
    }

    fn poll_blocked<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.connection.on_blocked();
            if self.connection.poll_cut(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }
}

/// Method and path of a request line, if it is one.
fn asked(head: &[u8]) -> (Option<String>, Option<String>) {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let end = memchr::memchr(b'\n', head).unwrap_or(head.len());
    let line = head.get(..end).unwrap_or_default();
    let Ok(line) = request_line::parse(line.strip_suffix(b"\r").unwrap_or(line)) else {
        return (None, None);
    };
    let path = line.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (Some(text(line.method)), Some(text(path)))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = &mut *self;
        loop {
            if guard.released > 0 {
                guard.hand_on(buffer);
                return Poll::Ready(Ok(()));
            }
            guard.obey();
            match guard.mode {
                Mode::Open if guard.held.is_empty() => {
                    if ready!(guard.poll_read_in_place(context, buffer))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Mode::Open => ready!(guard.poll_read_more(context))?,
                Mode::Broken(violation) => return Poll::Ready(Err(violation.into())),
                Mode::Ended => return Poll::Ready(Ok(())),
                Mode::Refused if guard.released == 0 => {
                    // An end would take the answer back; what is sent now is thrown away later.
                    return Poll::Pending;
                }
                Mode::Refused => {}
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(bytes)) = written {
            self.connection.on_written(bytes);
        }
        self.poll_blocked(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        if let Poll::Ready(Ok(bytes)) = written {
            self.connection.on_written(bytes);
        }
        self.poll_blocked(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.poll_blocked(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = &mut *self;
        if !guard.is_shut {
            let shut = Pin::new(&mut guard.stream).poll_shutdown(context);
            ready!(guard.poll_blocked(context, shut))?;
            guard.is_shut = true;
        }
        guard.poll_linger(context).map(Ok)
    }
}
