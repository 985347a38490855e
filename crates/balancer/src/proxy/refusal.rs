//! The refusal of a request: a problem document (RFC 9457) for programs, a page for people.
//!
//! Guarantees: both say the same, and whether anything may have been done. A page asks nobody to
//! do again what is not safe to do again: a form that is sent a second time carries the key of the
//! first, a form that is filled in anew does not.

use askama::Template;
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, HeaderMap};

use crate::reason::Reason;

/// In which form a client wants what is written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `text/html` is named in `Accept`, as browsers do when a person goes somewhere.
    Page,
    Document,
}

impl Wanted {
    pub(super) fn by(headers: &HeaderMap) -> Self {
        const HTML: &[u8] = b"text/html";
        let names_html = headers
            .get_all(ACCEPT)
            .iter()
            .any(|value| value.as_bytes().windows(HTML.len()).any(|part| part == HTML));
        if names_html { Self::Page } else { Self::Document }
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Page {
    status: u16,
    title: &'static str,
    text: &'static str,
    /// Whether something may have been done.
    doubt: bool,
}

/// The type and the body. `detail` takes the place of the reason's own sentence.
pub(super) fn body(
    wanted: Wanted,
    method: &Method,
    reason: Reason,
    detail: Option<&'static str>,
) -> (&'static str, Bytes) {
    match wanted {
        Wanted::Document => {
            let body =
                detail.map_or_else(|| reason.problem(), |detail| reason.problem_with(detail));
            ("application/problem+json", body)
        }
        Wanted::Page => {
            let (title, text, doubt) = words(method, reason);
            let page = Page { status: reason.status(), title, text, doubt };
            let page = page.render().unwrap_or_default();
            ("text/html; charset=utf-8", Bytes::from(page))
        }
    }
}

fn words(method: &Method, reason: Reason) -> (&'static str, &'static str, bool) {
    const AWAY: &str = "The bank cannot answer now";
    let reads = [Method::GET, Method::HEAD].contains(method);
    match reason {
        Reason::Refused
        | Reason::Unreachable
        | Reason::NoServer
        | Reason::QueueFull
        | Reason::Draining => (AWAY, "Nothing was done. Load this page again in a moment.", false),
        Reason::Reset | Reason::Garbage | Reason::Timeout | Reason::Internal if reads => {
            (AWAY, "You only looked, so nothing was done. Load this page again.", false)
        }
        Reason::Reset | Reason::Garbage | Reason::Timeout | Reason::Internal => (
            "It is not known yet whether this was done",
            "Load this page again: the browser sends the same form once more, and a form moves \
             money once, however often it is sent.",
            true,
        ),
        Reason::RateLimited | Reason::TooManyConnections => (
            "Too much at once",
            "Nothing was done. Wait a second, then load this page again.",
            false,
        ),
        Reason::BodyTooLarge
        | Reason::HeaderTooLarge
        | Reason::BadRequest
        | Reason::MethodNotAllowed
        | Reason::TargetTooLong
        | Reason::ClientTooSlow
        | Reason::ClientGone => {
            ("The request cannot be read", "Nothing was done. Go back and try again.", false)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::reason::REASONS;

    #[test]
    fn people_get_pages_and_programs_get_documents() {
        for (accept, wanted) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Wanted::Page),
            ("*/*", Wanted::Document),
            ("application/json", Wanted::Document),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Wanted::by(&headers), wanted, "{accept}");
        }
        assert_eq!(Wanted::by(&HeaderMap::new()), Wanted::Document);
    }

    #[test]
    fn a_page_says_that_nothing_was_done_only_when_that_is_known() {
        for reason in REASONS {
            let (_, body) = body(Wanted::Page, &Method::POST, reason, None);
            let page = String::from_utf8(body.to_vec()).unwrap();
            let document = String::from_utf8(reason.problem().to_vec()).unwrap();
            let unknown = document.contains("The outcome is unknown");
            assert_eq!(page.contains("It is not known yet"), unknown, "{reason:?}");
            assert_eq!(page.contains("Nothing was done"), !unknown, "{reason:?}");
        }
    }
}
