//! What leaves the bank as a file: each with its type and name, to be saved and not shown, kept by
//! no cache, and with the headers of every answer. The files are those of the route table, so one
//! that is not known here fails the test.

use web::{Access, Route, Verb, table};

use crate::access::assert_is_protected;
use crate::bank::{Answer, Bank};

/// By ending: the type, and how such a file begins.
const KINDS: [(&str, &str, &[u8]); 5] = [
    ("pdf", "application/pdf", b"%PDF-"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    ("csv", "text/csv; charset=utf-8", b""),
    ("ofx", "application/x-ofx", b"<?xml"),
    ("xml", "application/xml", b"<?xml"),
];

/// Documents for programs, which name no file.
const DOCUMENTS: [&str; 3] = ["/status.json", "/openapi.json", "/.well-known/jwks.json"];

/// The ending of a route's path, if it has one.
fn ending(route: &Route) -> Option<&'static str> {
    let (_, last) = route.path().rsplit_once('/')?;
    last.rsplit_once('.').map(|(_, ending)| ending)
}

fn assert_is_kept_by_nobody(answer: &Answer, place: &str) {
    assert_is_protected(answer, place);
    assert_eq!(answer.header("cache-control"), "no-store", "{place}");
}

#[tokio::test]
async fn every_file_has_its_type_and_name_and_the_headers_of_pages() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let files = table().iter().filter(|route| !DOCUMENTS.contains(&route.path()));
    let mut seen = Vec::new();
    for (route, ending) in files.filter_map(|route| Some((route, ending(route)?))) {
        assert_eq!(route.verb(), Verb::Get);
        let kind = KINDS.iter().find(|(known, ..)| *known == ending);
        let (_, media_type, begin) = kind.unwrap_or_else(|| panic!("a new file: {ending}"));
        assert!(matches!(route.access(), Access::Roles(_)), "not for everybody: {ending}");
        let path = route.path().replace("{number}", &account);
        let answer = bank.get(&path).cookie(&bank.auditor).send().await.expect(200);
        assert_is_kept_by_nobody(&answer, &path);
        assert_eq!(answer.header("content-type"), *media_type, "{path}");
        let name = match &*path {
            "/audit.csv" => "audit.",
            "/audit/operations.csv" => "postings.",
            _ => "statement-",
        };
        let disposition = answer.header("content-disposition");
        assert!(disposition.starts_with(&format!("attachment; filename=\"{name}")), "{path}");
        assert!(disposition.ends_with(&format!(".{ending}\"")), "{path}: {disposition}");
        assert!(answer.bytes.starts_with(begin), "{path}: {}", answer.text);
        assert!(answer.bytes.len() > 50, "{path}: {}", answer.text);
        seen.push(ending);
    }
    assert_eq!(seen.len(), 12, "five formats for pages and programs, two of audit: {seen:?}");
}

#[tokio::test]
async fn what_is_refused_is_no_file() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    for (path, status) in [
        (format!("/accounts/{account}/statement.pdf?last=0"), 400),
        ("/accounts/360999999/statement.xlsx".to_owned(), 404),
        ("/audit.csv?from=x".to_owned(), 400),
    ] {
        let answer = bank.get(&path).cookie(&bank.auditor).send().await.expect(status);
        assert_is_kept_by_nobody(&answer, &path);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.header("content-disposition"), "", "{path}");
    }
}

/// A receipt is a page that is printed.
#[tokio::test]
async fn a_receipt_is_a_page_and_kept_by_nobody() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let path = format!("/accounts/{account}/receipt?operation=1");
    let answer = bank.get(&path).cookie(&bank.teller).send().await.expect(200);
    assert_is_kept_by_nobody(&answer, &path);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "");
    assert!(answer.text.contains("Receipt of operation 1"), "{}", answer.text);
}
