//! A client's HTTP/2 connection with a meter before the HTTP library: frames that ask for nothing
//! are counted, and a client that sends too many of them is cut off.
//!
//! A PING or SETTINGS frame is a few bytes to send and work to answer, and the library answers as
//! many as come, a hundred thousand of them before it looks after anybody else (CVE-2019-9511 to
//! 9518). Here such frames cost something, and requests, answers and time earn it, so that nobody
//! who uses the connection for what it is for ever meets the end of it. Frames are told apart by
//! their headers; nothing is held back or changed.
//!
//! Not here: heads that never end, streams that are reset before they are served, and errors that
//! a client provokes, which the library limits itself (`connection`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Connection;

#[cfg(test)]
mod tests;

/// What a client has at first and at most. 2,000: a browser that opens a connection and loads a
/// page with it spends less than 50.
const CREDIT_MAX: u64 = 2_000;
/// Earned in a second, whatever else happens. 100: a keep-alive needs one.
const CREDIT_PER_SECOND: u64 = 100;
/// Earned by the head of a request: its window updates, and pings that measure the line.
const CREDIT_PER_REQUEST: u64 = 10;
/// An answer earns one for so many bytes. 1 KiB: clients grant windows in steps of 4 KiB and more,
/// for the stream and for the connection.
const BYTES_PER_CREDIT: usize = 1_024;
/// A frame of settings is applied to every stream and acknowledged; it costs as ten.
const SETTINGS_COST: u64 = 10;
/// A request that was given up costs the server's connection that it was on. It costs twice what
/// the request earned: who cancels now and then can, at a thousand a second nobody can.
const RESET_COST: u64 = 20;
/// Data frames below this are a way to send many; a body's last frame may be as short as it is.
const SHORT_DATA_BYTES: usize = 64;

/// Bytes of a frame's header, and of what a client says first (RFC 9113 §3.4, §4.1).
const HEADER_BYTES: usize = 9;
const PREFACE_BYTES: usize = 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;

/// A metered connection.
#[derive(Debug)]
pub(crate) struct FrameMeter<S> {
    stream: S,
    connection: Arc<Connection>,
    frames: Frames,
    credit: u64,
    earned_at_ms: u64,
    written: usize,
    /// There were too many frames.
    is_over: bool,
}

/// Where in the client's frames its bytes are.
#[derive(Debug)]
struct Frames {
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// Bytes until the next header.
    skip: usize,
}

impl Frames {
    const fn new() -> Self {
        Self { header: [0; HEADER_BYTES], header_bytes: 0, skip: PREFACE_BYTES }
    }

    /// The next frame header that these bytes complete, and the bytes behind it.
    fn next<'a>(&mut self, mut bytes: &'a [u8]) -> Option<(Header, &'a [u8])> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        bytes = bytes.get(skipped..)?;
        let wanted = HEADER_BYTES - self.header_bytes;
        let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
        for (place, byte) in self.header.iter_mut().skip(self.header_bytes).zip(part) {
            *place = *byte;
        }
        self.header_bytes += part.len();
        if self.header_bytes < HEADER_BYTES {
            return None;
        }
        self.header_bytes = 0;
        let [a, b, c, kind, flags, ..] = self.header;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.skip = length;
        Some((Header { length, kind, flags }, rest))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    length: usize,
    kind: u8,
    flags: u8,
}

impl Header {
    fn cost(self) -> u64 {
        match self.kind {
            HEADERS => 0,
            DATA if self.length >= SHORT_DATA_BYTES || self.flags & END_STREAM != 0 => 0,
            SETTINGS => SETTINGS_COST,
            RST_STREAM => RESET_COST,
            _ => 1,
        }
    }
}

impl<S> FrameMeter<S> {
    pub(crate) fn new(stream: S, connection: Arc<Connection>) -> Self {
        let earned_at_ms = connection.clock_ms();
        Self {
            stream,
            connection,
            frames: Frames::new(),
            credit: CREDIT_MAX,
            earned_at_ms,
            written: 0,
            is_over: false,
        }
    }

    /// Takes the frames in these bytes into account; false when they are too many.
    fn permits(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((header, rest)) = self.frames.next(bytes) {
            bytes = rest;
            if header.kind == HEADERS {
                self.earn(CREDIT_PER_REQUEST);
            }
            let cost = header.cost();
            if cost > self.credit {
                self.earn_by_time();
            }
            let Some(left) = self.credit.checked_sub(cost) else { return false };
            self.credit = left;
        }
        true
    }

    fn earn(&mut self, credit: u64) {
        self.credit = self.credit.saturating_add(credit).min(CREDIT_MAX);
    }

    /// The clock of the sweep is exact to a quarter second, which is enough.
    fn earn_by_time(&mut self) {
        let now = self.connection.clock_ms();
        let elapsed = now.saturating_sub(self.earned_at_ms);
        self.earned_at_ms = now;
        self.earn(elapsed.saturating_mul(CREDIT_PER_SECOND) / 1_000);
    }

    fn on_written(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= BYTES_PER_CREDIT {
            self.earn(u64::try_from(self.written / BYTES_PER_CREDIT).unwrap_or(0));
            self.written %= BYTES_PER_CREDIT;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameMeter<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let meter = &mut *self;
        if meter.is_over {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let begin = buffer.filled().len();
        ready!(Pin::new(&mut meter.stream).poll_read(context, buffer))?;
        if !meter.permits(buffer.filled().get(begin..).unwrap_or_default()) {
            // The library gets the last frames: it may have a better word for what is wrong.
            meter.is_over = true;
            meter.connection.on_flood();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameMeter<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.on_written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, parts))?;
        self.on_written(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
