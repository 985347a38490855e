//! Answers that are written here and not by a server.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::headers::REASON_HEADER;
use crate::reason::Reason;
use crate::shared::Upstream;

/// Seconds after which a refused client may try again. 1: a server is back or ejected by then.
const RETRY_AFTER_SECONDS: &str = "1";

/// Has the final answer begun, so that no other one can be given?
pub(super) fn has_begun(session: &Session) -> bool {
    session.response_written().is_some_and(|answer| !answer.status.is_informational())
}

/// The refusal with its reason (RFC 9457).
pub(super) fn refusal(
    reason: Reason,
    server: Option<&Upstream>,
    method: &str,
) -> Result<(ResponseHeader, Bytes)> {
    let body = reason.problem();
    let mut header = ResponseHeader::build(reason.status(), Some(6))?;
    header.insert_header(CONTENT_TYPE, "application/problem+json")?;
    header.insert_header(CONTENT_LENGTH, body.len())?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    header.insert_header(REASON_HEADER, reason.word())?;
    if reason.status() == 503 {
        header.insert_header(RETRY_AFTER, RETRY_AFTER_SECONDS)?;
    }
    if let Some(server) = server {
        header.insert_header("x-ballast-server", server.name_value.clone())?;
    }
    let body = if method == "HEAD" { Bytes::new() } else { body };
    Ok((header, body))
}

/// A short answer of one of the own endpoints.
pub(super) async fn write(
    session: &mut Session,
    status: u16,
    content_type: &'static str,
    body: Bytes,
) -> Result<()> {
    let head = session.req_header().method == http::Method::HEAD;
    let mut header = ResponseHeader::build(status, Some(5))?;
    header.insert_header(CONTENT_TYPE, content_type)?;
    header.insert_header(CONTENT_LENGTH, body.len())?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    if status == 405 {
        header.insert_header(ALLOW, "GET, HEAD")?;
    }
    if status == 503 {
        header.insert_header(RETRY_AFTER, RETRY_AFTER_SECONDS)?;
    }
    session.write_response_header(Box::new(header), head).await?;
    if !head {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

/// What a client gets whose connection is one too many: written before any request is read.
pub(crate) fn too_many_connections() -> Bytes {
    let body = Reason::QueueFull.problem();
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: {RETRY_AFTER_SECONDS}\r\n\
         x-ballast-reason: queue_full\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Bytes::from(answer)
}
