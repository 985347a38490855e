//! I9: every route has an access rule, and wrong roles are refused on all of them.

use ledger::Role;
use web::{Access, Verb, table};

use crate::bank::Bank;

#[tokio::test]
async fn every_route_refuses_those_whom_its_rule_does_not_name() {
    let bank = Bank::open().await;
    let callers = [
        (None, ""),
        (Some(Role::Executive), &*bank.executive),
        (Some(Role::Cashier), &*bank.cashier),
        (Some(Role::Teller), &*bank.teller),
    ];
    let mut calls = 0;
    for route in table() {
        let ends_session = route.verb() == Verb::Delete && route.path() == "/api/v1/session";
        let path = route.path().replace("{number}", "999999999999").replace("{file}", "none");
        for (role, token) in callers {
            if ends_session && role.is_some() {
                continue;
            }
            let ask = bank.ask(route.verb().method(), &path);
            let ask = if role.is_some() { ask.token(token) } else { ask };
            let answer = ask.send().await;
            let place = format!("{} {} as {role:?}", route.verb().method(), route.path());
            let status = answer.status.as_u16();
            calls += 1;
            match (route.access(), role) {
                (Access::Public | Access::Operator, _) => {
                    let sent_away = answer.header("location").starts_with("/sign-in");
                    assert!(status != 403 && !sent_away, "{place}: {status}");
                }
                (_, None) if route.is_api() => {
                    assert!(answer.is_problem(401, "not-signed-in"), "{place}: {status}");
                }
                (_, None) => {
                    assert_eq!(status, 303, "{place}");
                    assert!(answer.header("location").starts_with("/sign-in"), "{place}");
                }
                (rule, Some(role)) if rule.allows(role) => {
                    // A form without its token is 403 as well, but by another word.
                    let wrong_role = answer.text.contains("Your role may not do this");
                    assert!(status != 401 && !wrong_role, "{place}: {status}");
                }
                (_, Some(_)) if route.is_api() => {
                    assert!(answer.is_problem(403, "role-missing"), "{place}: {status}");
                }
                (_, Some(_)) => {
                    assert_eq!(status, 403, "{place}");
                    assert!(answer.text.contains("Your role may not do this"), "{place}");
                }
            }
            assert!(!answer.header("content-security-policy").is_empty(), "{place}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{place}");
        }
    }
    assert!(calls > 150, "only {calls} calls");
}

#[tokio::test]
async fn every_route_of_the_api_is_in_the_openapi_document() {
    let bank = Bank::open().await;
    let document = bank.get("/openapi.json").send().await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    for route in table().iter().filter(|route| route.is_api()) {
        let method = route.verb().method().as_str().to_lowercase();
        let operation = &document["paths"][route.path()][&method];
        assert!(operation["summary"].is_string(), "{method} {}", route.path());
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn operators_are_private_and_do_not_come_through_a_balancer() {
    let bank = Bank::open().await;
    for path in ["/metrics", "/status.json"] {
        bank.get(path).send().await.expect(200);
        bank.get(path).header("x-forwarded-for", "127.0.0.1").send().await.expect(404);
    }
}

#[tokio::test]
async fn a_denial_leaves_no_trace_but_its_audit_row() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let path = format!("/api/v1/accounts/{account}/deposits");
    let body = serde_json::json!({ "amount": crate::bank::usd("1") });
    let answer = bank.post(&path).token(&bank.executive).key("k").json(&body).send().await;
    assert!(answer.is_problem(403, "role-missing"));
    assert_eq!(bank.balance(&account).await, "10.00");
}

#[tokio::test]
async fn other_sites_cannot_use_a_cookie() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let path = format!("/api/v1/accounts/{account}/deposits");
    let body = serde_json::json!({ "amount": crate::bank::usd("1") });
    let ask = || bank.post(&path).cookie(&bank.teller).key("k").json(&body);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let answer = ask().header(name, value).send().await;
        assert!(answer.is_problem(403, "cross-site"), "{name}");
    }
    ask().header("origin", "http://bank").send().await.expect(201);
    assert_eq!(bank.balance(&account).await, "11.00");
}
