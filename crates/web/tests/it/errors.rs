//! The shape of errors: problem documents for programs, pages for people.

use http::Method;
use serde_json::json;

use crate::bank::Bank;

#[tokio::test]
async fn problem_documents_have_their_shape() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "1.00").await;
    let refused = bank.cash(&account, "withdrawals", "k", "2").await;
    insta::assert_json_snapshot!("refused", refused.json());
    let body = json!({ "from": "1", "to": "x", "amount": { "amount": "1e3", "currency": "USD" } });
    let invalid = bank.post("/api/v1/transfers").token(&bank.teller).key("i").json(&body);
    insta::assert_json_snapshot!("invalid", invalid.send().await.json());
    let malformed = bank.post("/api/v1/transfers").token(&bank.teller).key("m");
    let malformed = malformed.raw("application/json", "{\"from\":").send().await;
    insta::assert_json_snapshot!("malformed", malformed.json());
}

#[tokio::test]
async fn unknown_paths_methods_and_types_are_said_so() {
    let bank = Bank::open().await;
    assert!(bank.get("/api/v1/nothing").send().await.is_problem(404, "not-found"));
    assert!(bank.get("/api/v1/accounts/").send().await.is_problem(404, "not-found"));
    let wrong = bank.ask(Method::DELETE, "/api/v1/transfers").send().await;
    assert!(wrong.is_problem(405, "method-not-allowed"));
    assert_eq!(wrong.header("allow"), "POST");
    let text = bank.post("/api/v1/transfers").token(&bank.teller).key("k").raw("text/plain", "{}");
    assert!(text.send().await.is_problem(415, "media-type"));
    let big = "x".repeat(3 << 20);
    let answer = bank.post("/api/v1/transfers").token(&bank.teller).key("k");
    assert!(answer.raw("application/json", &big).send().await.is_problem(413, "body-too-large"));
    let page = bank.get("/nothing").send().await.expect(404);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_index_speaks_to_programs_and_people() {
    let bank = Bank::open().await;
    for path in ["/api", "/api/v1"] {
        let index = bank.get(path).send().await.expect(200).json();
        assert_eq!(index["openapi"], "/openapi.json");
        let page = bank.get(path).header("accept", "text/html").send().await.expect(200);
        assert!(page.text.contains("/api/v1/transfers/batch"));
    }
}
