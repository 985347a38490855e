//! The end of a request, as its connection has to know it: whichever way it ends, once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

use super::connection::Connection;
use super::stream;

/// A request that has begun; dropping it ends it.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Connection>);

impl UnderWay {
    /// For a request that the connection has counted ([`Connection::begin`]).
    pub(crate) fn new(connection: &Arc<Connection>) -> Self {
        Self(Arc::clone(connection))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of an answer, with which its request ends.
#[derive(Debug)]
pub(crate) struct Tracked<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B> Tracked<B> {
    pub(crate) fn new(body: B, under_way: UnderWay) -> Self {
        // The head is there, and who grants no byte of window never has the body asked for.
        stream::note(true);
        Self { body, _under_way: under_way }
    }
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        stream::note(matches!(frame, Poll::Ready(Some(Ok(_)))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
