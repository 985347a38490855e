//! Each rule with what keeps it and what breaks it.

use proptest::prelude::*;

use crate::client::head::HeadLimits;
use crate::client::message::Messages;
use crate::client::violation::{
    AUTHORITY, CHUNK, CHUNK_EXTENSION, CONNECTION, CONTENT_LENGTH, FIELD_NAME, FIELD_VALUE,
    HEADER_TOO_LARGE, HOST, LINE_END, METHOD, OBSOLETE_FOLD, REQUEST_LINE, TARGET, TARGET_TOO_LONG,
    TOO_MANY_FIELDS, TRAILER, TRANSFER_ENCODING, VERSION, Violation,
};

const LIMITS: HeadLimits = HeadLimits { bytes_max: 600, target_bytes_max: 200, fields_max: 10 };

/// What came of bytes that arrived in parts.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    passed: Vec<u8>,
    heads: u32,
    violation: Option<Violation>,
}

fn judge<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Verdict {
    let mut messages = Messages::new(LIMITS);
    let mut verdict = Verdict { passed: Vec::new(), heads: 0, violation: None };
    let mut held = Vec::new();
    for part in parts {
        held.extend_from_slice(part);
        let progress = messages.advance(&held);
        verdict.passed.extend(held.drain(..progress.passed));
        verdict.heads += progress.heads;
        verdict.violation = progress.violation;
        if verdict.violation.is_some() {
            break;
        }
    }
    verdict
}

/// The verdict is the same for the whole, in two parts at each place, and byte by byte.
fn check(bytes: &[u8], heads: u32, violation: Option<Violation>) {
    let text = bytes.escape_ascii();
    let whole = judge([bytes]);
    assert_eq!((whole.heads, whole.violation), (heads, violation), "{text}");
    for at in 0..bytes.len() {
        check_split(&whole, &judge([&bytes[..at], &bytes[at..]]), &format!("{text} at {at}"));
    }
    check_split(&whole, &judge(bytes.chunks(1)), &format!("{text} byte by byte"));
}

/// A head may go out before its body turns out to be broken; everything else is the same.
fn check_split(whole: &Verdict, split: &Verdict, what: &str) {
    assert_eq!(split.violation, whole.violation, "{what}");
    assert!(split.passed.starts_with(&whole.passed), "{what}");
    if whole.violation.is_none() {
        assert_eq!(split, whole, "{what}");
    }
}

/// A head with these lines behind a good request line and `Host`.
fn head(lines: &str) -> String {
    format!("POST /p HTTP/1.1\r\nHost: bank\r\n{lines}\r\n")
}

#[test]
fn good_requests_pass_unchanged() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: b\r\n\r\n", "x".repeat(199));
    for request in [
        "GET / HTTP/1.1\r\nHost: bank\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\nGET /a HTTP/1.1\r\nhost:bank:8080\r\n\r\n",
        "GET /a?b=|{}^`\\'[]%20~ HTTP/1.1\r\nHOST: \t 10.0.0.1 \t\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
        "GET http://bank:80/a HTTP/1.1\r\nHost: bank:80\r\n\r\n",
        "GET https://Bank/ HTTP/1.1\r\nX: 1\r\nHost:   bank\r\n\r\n",
        "DELETE /a HTTP/1.1\r\nHost: b\r\nX-Empty:\r\nX-Bytes: D\u{fc}sseldorf\t!\r\n\r\n",
        "PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 003\r\n\r\nabc",
        "GET /a HTTP/1.1\r\nHost: b\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        &long,
    ] {
        check(request.as_bytes(), 1, None);
        assert_eq!(judge([request.as_bytes()]).passed, request.as_bytes());
    }
}

#[test]
fn requests_behind_one_another_are_told_apart() {
    let requests = "PUT /1 HTTP/1.1\r\nHost: b\r\nContent-Length: 17\r\n\r\nGET /x HTTP/1.1\r\n\
                    \r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n\
                    POST /3 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n\
                    11\r\nGET /y HTTP/1.1\r\n\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nHost: b\r\n\r\n";
    check(requests.as_bytes(), 4, None);
    assert_eq!(judge([requests.as_bytes()]).passed, requests.as_bytes());
}

#[test]
fn a_request_line_has_one_form() {
    for (line, violation) in [
        ("GET / HTTP/1.1\n", LINE_END),
        ("GET / HTTP/1.1\r\r\n", VERSION),
        ("GET /\r\n", REQUEST_LINE),
        ("\r\n\r\n", REQUEST_LINE),
        (" GET / HTTP/1.1\r\n", REQUEST_LINE),
        ("\x16\x03\x01\x02", REQUEST_LINE),
        ("get / HTTP/1.1\r\n", REQUEST_LINE),
        ("G@T / HTTP/1.1\r\n", REQUEST_LINE),
        ("GET  / HTTP/1.1\r\n", TARGET),
        ("GET /a b HTTP/1.1\r\n", TARGET),
        ("GET\t/ HTTP/1.1\r\n", REQUEST_LINE),
        ("GET / HTTP/1.1 \r\n", VERSION),
        ("GET / http/1.1\r\n", VERSION),
        ("GET / HTTP/1.2\r\n", VERSION),
        ("GET / HTTP/2.0\r\n", VERSION),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION),
        ("CONNECT bank:443 HTTP/1.1\r\n", METHOD),
        ("TRACE / HTTP/1.1\r\n", METHOD),
        ("REFUSED / HTTP/1.1\r\n", METHOD),
        ("GETS / HTTP/1.1\r\n", METHOD),
        ("GET a HTTP/1.1\r\n", TARGET),
        ("GET * HTTP/1.1\r\n", TARGET),
        ("GET /#f HTTP/1.1\r\n", TARGET),
        ("GET /\"a\" HTTP/1.1\r\n", TARGET),
        ("GET /<a> HTTP/1.1\r\n", TARGET),
        ("GET /\u{e4} HTTP/1.1\r\n", TARGET),
        ("GET /\x7f HTTP/1.1\r\n", TARGET),
        ("GET ftp://b/ HTTP/1.1\r\n", TARGET),
        ("GET http://b HTTP/1.1\r\n", TARGET),
        ("GET http:///a HTTP/1.1\r\n", TARGET),
        ("GET http://u:p@b/ HTTP/1.1\r\n", TARGET),
    ] {
        check(line.as_bytes(), 0, Some(violation));
    }
}

#[test]
fn a_host_is_named_once() {
    for (fields, violation) in [
        ("", HOST),
        ("Host: a\r\nHost: a\r\n", HOST),
        ("Host: a\r\nhost: b\r\n", HOST),
        ("Host:\r\n", HOST),
        ("Host: a b\r\n", HOST),
        ("Host: a,b\r\n", HOST),
        ("Host: a/b\r\n", HOST),
        ("Host: u@a\r\n", HOST),
        ("Host: a:\r\n", HOST),
        ("Host: a:123456\r\n", HOST),
        ("Host: a:8o\r\n", HOST),
        ("Host: [::1\r\n", HOST),
        ("Host: [a]\r\n", HOST),
        ("Host: [::1]80\r\n", HOST),
    ] {
        check(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes(), 0, Some(violation));
    }
    check(b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 0, Some(AUTHORITY));
    check(b"GET http://a/ HTTP/1.0\r\n\r\n", 1, None);
}

#[test]
fn fields_have_one_form() {
    for (fields, violation) in [
        ("X: 1\n", LINE_END),
        ("X: 1\r\n folded\r\n", OBSOLETE_FOLD),
        ("X: 1\r\n\tfolded\r\n", OBSOLETE_FOLD),
        ("X : 1\r\n", FIELD_NAME),
        ("X\r\n", FIELD_NAME),
        (": 1\r\n", FIELD_NAME),
        ("X@: 1\r\n", FIELD_NAME),
        ("X\u{e4}: 1\r\n", FIELD_NAME),
        ("X: a\rb\r\n", FIELD_VALUE),
        ("X: a\0b\r\n", FIELD_VALUE),
        ("X: a\x0bb\r\n", FIELD_VALUE),
        ("X: a\x7fb\r\n", FIELD_VALUE),
        ("Connection: close, Content-Length\r\n", CONNECTION),
        ("Connection: HOST\r\n", CONNECTION),
        ("Connection: x-forwarded-for\r\n", CONNECTION),
        ("Connection: a b\r\n", CONNECTION),
        ("Connection: a,b,c,d,e,f,g,h,i\r\n", CONNECTION),
    ] {
        check(head(fields).as_bytes(), 0, Some(violation));
    }
}

#[test]
fn a_body_is_framed_in_one_way() {
    for (fields, violation) in [
        ("Content-Length: 1\r\nContent-Length: 1\r\n", CONTENT_LENGTH),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", CONTENT_LENGTH),
        ("Content-Length: 1, 1\r\n", CONTENT_LENGTH),
        ("Content-Length: +1\r\n", CONTENT_LENGTH),
        ("Content-Length: -1\r\n", CONTENT_LENGTH),
        ("Content-Length: 0x1\r\n", CONTENT_LENGTH),
        ("Content-Length: 1 2\r\n", CONTENT_LENGTH),
        ("Content-Length:\r\n", CONTENT_LENGTH),
        ("Content-Length: 1000000000000000000\r\n", CONTENT_LENGTH),
        ("Content-Length : 1\r\n", FIELD_NAME),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding: chunked, chunked\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding: gzip, chunked\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding: identity\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding:\r\n", TRANSFER_ENCODING),
        ("Transfer-Encoding: \x0bchunked\r\n", FIELD_VALUE),
    ] {
        check(head(fields).as_bytes(), 0, Some(violation));
    }
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    check(old, 0, Some(TRANSFER_ENCODING));
}

#[test]
fn chunks_have_one_form() {
    let request = |body: &str| format!("{}{body}", head("Transfer-Encoding: Chunked\r\n"));
    for body in [
        "0\r\n\r\n",
        "a\r\n0123456789\r\n000\r\n\r\n",
        "A;a;b=c;d=\"e;\\\"\\\\ \t\"\r\n0123456789\r\n0;x=y\r\n\r\n",
        "3\r\n\r\n0\r\n0\r\nA: 1\r\nB-c:\r\n\r\n",
    ] {
        check(request(body).as_bytes(), 1, None);
        let two = format!("{0}{0}", request(body));
        check(two.as_bytes(), 2, None);
    }
    let long = format!("1;{}\r\n", "x".repeat(5_000));
    let trailer = format!("0\r\nX: {}\r\n", "x".repeat(5_000));
    for (body, violation) in [
        ("\r\n", CHUNK),
        ("g\r\n", CHUNK),
        ("0x1\r\n", CHUNK),
        ("+1\r\n", CHUNK),
        ("-1\r\n", CHUNK),
        (" 1\r\n", CHUNK),
        ("1 \r\n", CHUNK),
        ("1\n", CHUNK),
        ("1\r\r", CHUNK),
        ("0000000000000000\r\n", CHUNK),
        ("1\r\nab", CHUNK),
        ("1\r\na\n", CHUNK),
        ("1\r\na\r\r", CHUNK),
        (";a\r\n", CHUNK),
        ("1;\r\n", CHUNK_EXTENSION),
        ("1; a\r\n", CHUNK_EXTENSION),
        ("1;a=\r\n", CHUNK_EXTENSION),
        ("1;a=\"b\r\n", CHUNK_EXTENSION),
        ("1;a=\"b\"c\r\n", CHUNK_EXTENSION),
        ("1;a\n", CHUNK_EXTENSION),
        (long.as_str(), CHUNK_EXTENSION),
        ("0\r\n\n", TRAILER),
        ("0\r\n\r\r", CHUNK),
        ("0\r\n a: 1\r\n", TRAILER),
        ("0\r\na : 1\r\n", TRAILER),
        ("0\r\na\r\n", TRAILER),
        ("0\r\na: \0\r\n", TRAILER),
        ("0\r\na: 1\n", TRAILER),
        (trailer.as_str(), TRAILER),
    ] {
        let bytes = request(body);
        let whole = judge([bytes.as_bytes()]);
        assert_eq!(whole.violation, Some(violation), "{body:?}");
        assert_eq!(whole.passed, b"", "nothing of it goes out: {body:?}");
        check_split(&whole, &judge(bytes.as_bytes().chunks(1)), body);
    }
}

#[test]
fn heads_are_bounded() {
    let target = format!("GET /{} HTTP/1.1\r\n", "x".repeat(200));
    check(target.as_bytes(), 0, Some(TARGET_TOO_LONG));
    check(format!("GET /{}", "x".repeat(700)).as_bytes(), 0, Some(TARGET_TOO_LONG));
    let value = head(&format!("X: {}\r\n", "x".repeat(600)));
    check(value.as_bytes(), 0, Some(HEADER_TOO_LARGE));
    check(head(&"X: 1\r\n".repeat(10)).as_bytes(), 0, Some(TOO_MANY_FIELDS));
    check(head(&"X: 1\r\n".repeat(9)).as_bytes(), 1, None);
    let frame = head("X: \r\n").len();
    check(head(&format!("X: {}\r\n", "x".repeat(600 - frame))).as_bytes(), 1, None);
    let over = head(&format!("X: {}\r\n", "x".repeat(601 - frame)));
    check(over.as_bytes(), 0, Some(HEADER_TOO_LARGE));
}

const SEEDS: [&str; 4] = [
    "GET /a HTTP/1.1\r\nHost: b\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\n\
     A: b\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET http://b/ HTTP/1.1\r\nConnection: close, te\r\nHost: b\r\n\r\n",
];

proptest! {
    /// Any damage, in any split: the same verdict.
    #[test]
    fn splits_change_no_verdict(
        seed in prop::sample::select(&SEEDS[..]),
        damage in prop::collection::vec((0_usize..200, prop::sample::select(b"\r\n :;0aG\0".to_vec())), 0..3),
        cuts in prop::collection::vec(0_usize..200, 0..6),
    ) {
        let mut bytes = seed.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let mut cuts: Vec<_> = cuts.into_iter().map(|at| at % bytes.len()).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        let what = bytes.escape_ascii().to_string();
        check_split(&judge([&bytes[..]]), &judge(parts), &what);
    }
}
