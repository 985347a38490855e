//! Whether a request that changes something comes from the bank's own pages.
//!
//! The rule is that of Go's `net/http.CrossOriginProtection`: browsers say `Sec-Fetch-Site`, older
//! ones at least `Origin`; a request with neither is not from a browser that another site could
//! misuse. Pages add a second check, the form token (see `session`). Bearer tokens need neither:
//! no browser sends them by itself.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Whether another site made the browser send this.
pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = text(ORIGIN) else { return false };
    let place = origin.split_once("://").map(|(_, place)| place);
    place.is_none() || place != text(HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_banks_own_pages_may_change_something() {
        let cases = [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://bank:8080")], true),
            (&[("origin", "http://bank:8080")], false),
            (&[("origin", "http://bank:8081")], true),
            (&[("origin", "http://evil")], true),
            (&[("origin", "null")], true),
        ];
        for (given, expect) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("host", "bank:8080".parse().unwrap());
            for (name, value) in given {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_cross_site(&headers), expect, "{given:?}");
        }
    }
}
