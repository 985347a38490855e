//! The second sending of a request whose body is larger than Pingora's retry buffer (64 KiB).
//!
//! Pingora forgets such a body, so a batch of transfers that met a dying server could not be
//! repeated although its key makes that safe. For repeatable requests with a larger body the parts
//! are kept while they pass (shared, not copied); when the policy permits a repeat, the rest is
//! read from the client and the whole goes to another server on a new connection. One repeat.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora::http::RequestHeader;
use pingora::protocols::http::v1::client::HttpSession as ServerSession;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};

use super::context::Context;
use super::{Proxy, failure, headers};
use crate::policy::{Outcome, Repeatable};
use crate::reason::Reason;

/// Size of Pingora's retry buffer (`BODY_BUF_LIMIT` of pingora-core 0.9).
const PINGORA_BUFFER_BYTES: u64 = 64 * 1024;

/// Does the request need our own copy of its body to be repeatable?
pub(super) fn may_be_needed(
    request: &RequestHeader,
    repeatable: Repeatable,
    length: Option<u64>,
) -> bool {
    repeatable == Repeatable::Yes
        && (length.is_some_and(|length| length > PINGORA_BUFFER_BYTES)
            || headers::is_chunked(request))
}

impl Proxy {
    /// Sends the request again and passes the answer on, or refuses.
    pub(super) async fn replay(&self, session: &mut Session, context: &mut Context) {
        self.shared.stats.replays.fetch_add(1, Relaxed);
        context.replay = false;
        if let Err(error) = self.try_replay(session, context).await {
            let seen = failure::while_proxying(&error, None);
            self.end_attempt(context, seen.outcome);
            context.note(seen.reason, seen.sent);
            self.refuse(session, &error, context).await;
        }
    }

    async fn try_replay(&self, session: &mut Session, context: &mut Context) -> Result<()> {
        self.read_the_rest(session, context).await?;
        let Some(kept) = context.kept.as_ref() else {
            return Error::err_in(ErrorType::InternalError);
        };
        let (mut header, body) = (kept.header.clone(), kept.body.clone());
        header.remove_header(&TRANSFER_ENCODING);
        header.insert_header(CONTENT_LENGTH, kept.bytes)?;
        let now = self.shared.now();
        let random = context.next_random();
        let choice = {
            let mut policy = self.shared.policy();
            let choice = policy.choose(now, random, context.tried, context.home_only);
            let choice = choice.map_err(|_| Error::new_in(ErrorType::HTTPStatus(503)))?;
            context.attempt = Some(policy.begin(choice.server, now));
            choice
        };
        context.on_choice(choice);
        let Some(upstream) = self.shared.upstreams.get(choice.server) else {
            return Error::err_in(ErrorType::InternalError);
        };
        let connector = self.shared.replay_connector();
        let (mut server, _) = match connector.get_http_session(&upstream.peer).await {
            Ok(connected) => connected,
            Err(error) => {
                let seen = failure::while_connecting(&error);
                self.end_attempt(context, seen.outcome);
                context.note(seen.reason, seen.sent);
                self.refuse(session, &error, context).await;
                return Ok(());
            }
        };
        server.read_timeout = upstream.peer.options.read_timeout;
        server.write_timeout = upstream.peer.options.write_timeout;
        send(&mut server, header, &body).await.map_err(Error::into_up)?;
        self.pass_on(&mut server, session, context).await?;
        self.end_attempt(context, Outcome::Answered);
        Ok(())
    }

    /// The client may still be sending what the first server never took.
    async fn read_the_rest(&self, session: &mut Session, context: &mut Context) -> Result<()> {
        while !session.is_body_done() {
            let part = session.read_request_body().await.map_err(Error::into_down)?;
            let Some(part) = part else { break };
            let kept = context.kept.as_ref().map_or(0, |kept| kept.bytes);
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            if kept.saturating_add(length) > self.shared.limits().body_bytes_max {
                context.reason = Some(Reason::BodyTooLarge);
                return Error::err_down(ErrorType::HTTPStatus(413));
            }
            context.keep(&part);
        }
        Ok(())
    }

    async fn pass_on(
        &self,
        server: &mut ServerSession,
        session: &mut Session,
        context: &mut Context,
    ) -> Result<()> {
        let mut header = loop {
            let header = server.read_resp_header_parts().await.map_err(Error::into_up)?;
            if !header.status.is_informational() {
                break header;
            }
        };
        let now = self.shared.now();
        if let Some(attempt) = context.attempt.as_mut() {
            self.shared.policy().on_first_byte(attempt, now);
        }
        context.status = header.status.as_u16();
        context.reason = None;
        headers::towards_client(&self.shared, &mut header, context)?;
        session.set_keepalive(None);
        session.write_response_header(header, false).await.map_err(Error::into_down)?;
        while let Some(part) = server.read_body_bytes().await.map_err(Error::into_up)? {
            session.write_response_body(Some(part), false).await.map_err(Error::into_down)?;
        }
        session.write_response_body(None, true).await.map_err(Error::into_down)
    }
}

async fn send(server: &mut ServerSession, header: RequestHeader, body: &[Bytes]) -> Result<()> {
    server.write_request_header(Box::new(header)).await?;
    for part in body {
        server.write_body(part).await?;
    }
    server.finish_body().await?;
    Ok(())
}
