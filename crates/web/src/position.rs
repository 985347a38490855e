//! The token "not older than": how far the books were when a session last changed them.
//!
//! It goes with the session: to browsers as a cookie, to programs as the header `Ballast-Position`
//! of what they changed, to be sent with what they ask next. It chooses which copy of the books is
//! read and nothing else, so it needs no signature: a forged one leads to the primary, an older one
//! to an older sight of one's own changes. What is malformed is as good as none.

use http::header::{AUTHORIZATION, HeaderName, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use ledger::receipt::Position;

use crate::config::Config;
use crate::session::cookie;

const HEADER: HeaderName = HeaderName::from_static("ballast-position");

/// When what is shown was so, if that is more than a second ago.
pub(crate) const AS_OF: HeaderName = HeaderName::from_static("ballast-as-of");

/// `4294967295-FFFFFFFF/FFFFFFFF`.
const LENGTH_MAX: usize = 28;

/// What the client brings; a header goes before a cookie.
pub(crate) fn read(config: &Config, headers: &HeaderMap) -> Option<Position> {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    parse(given.or_else(|| cookie(headers, cookie_name(config)))?)
}

/// Gives it to the client: as a header always, as a cookie to those who sign in with one.
pub(crate) fn give(config: &Config, asked: &HeaderMap, to: &mut HeaderMap, position: Position) {
    let text = format!("{}-{}", position.timeline, position.lsn_text());
    if !asked.contains_key(AUTHORIZATION) {
        let secure = if config.secure_cookies { "; Secure" } else { "" };
        let (name, seconds) = (cookie_name(config), config.session_life.as_secs());
        let cookie = HeaderValue::try_from(format!(
            "{name}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        ));
        if let Ok(cookie) = cookie {
            to.append(SET_COOKIE, cookie);
        }
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        to.insert(HEADER, value);
    }
}

fn parse(text: &str) -> Option<Position> {
    let (timeline, lsn) = Some(text).filter(|text| text.len() <= LENGTH_MAX)?.split_once('-')?;
    let digits = timeline.bytes().all(|byte| byte.is_ascii_digit());
    let timeline = timeline.parse().ok().filter(|timeline| digits && *timeline > 0)?;
    Some(Position { timeline, lsn: Position::parse_lsn(lsn)? })
}

const fn cookie_name(config: &Config) -> &'static str {
    if config.secure_cookies { "__Host-ballast-position" } else { "ballast-position" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_or_is_none() {
        let lsn = 0x1_016B_3740;
        let cases = [
            ("3-1/16B3740", Some(Position { timeline: 3, lsn })),
            ("4294967295-FFFFFFFF/FFFFFFFF", Some(Position { timeline: u32::MAX, lsn: u64::MAX })),
            ("0-1/16B3740", None),
            ("+3-1/16B3740", None),
            ("4294967296-1/16B3740", None),
            ("3-1/16b3740", None),
            ("3-1/16B3740 ", None),
            ("3", None),
            ("", None),
            ("00000000000000000000000000003-1/16B3740", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse(text), expect, "{text:?}");
        }
    }

    #[test]
    fn what_is_given_is_read_again_by_cookie_and_by_header() {
        let position = Position { timeline: 7, lsn: 0x2_0000_00FF };
        for secure_cookies in [false, true] {
            let config = Config { secure_cookies, ..Config::default() };
            let mut given = HeaderMap::new();
            give(&config, &HeaderMap::new(), &mut given, position);
            let cookie = given.get(SET_COOKIE).unwrap().to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
            let mut brought = HeaderMap::new();
            let pair = cookie.split(';').next().unwrap();
            brought.insert(http::header::COOKIE, pair.parse().unwrap());
            assert_eq!(read(&config, &brought), Some(position), "{cookie}");
            let header = HeaderMap::from_iter([(HEADER, given.get(HEADER).unwrap().clone())]);
            assert_eq!(read(&config, &header), Some(position));
        }
    }

    #[test]
    fn a_program_is_given_no_cookie() {
        let asked = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        let mut given = HeaderMap::new();
        give(&Config::default(), &asked, &mut given, Position { timeline: 1, lsn: 1 });
        assert!(given.contains_key(HEADER) && !given.contains_key(SET_COOKIE));
    }
}
