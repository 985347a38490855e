//! I9: every route has an access rule, and exactly those whom it names get in. What is tried is
//! made from the route table itself, so a new route is tried too.

use std::fmt::Write as _;

use http::{Method, StatusCode};
use ledger::Role;
use web::{Access, Route, Verb, table};

use crate::bank::{Answer, Bank};

/// Paths of the table with things that exist in them.
struct Paths {
    customer: String,
    account: String,
}

impl Paths {
    async fn of(bank: &Bank) -> Self {
        let customer = bank.customer("012345678").await;
        let account = bank.account_of(&customer, "current", "10.00").await;
        Self { customer, account }
    }

    fn fill(&self, route: &Route) -> String {
        let number = match route.path() {
            path if path.contains("/customers/") => &self.customer,
            // The opening deposit.
            path if path.contains("/transfers/") => "1",
            _ => &self.account,
        };
        route
            .path()
            .replace("{number}", number)
            .replace("{user}", "C00000002")
            .replace("{file}", "ballast.css")
    }
}

/// Whether the answer is that of the access rule: go away, or sign in first.
fn is_refused(answer: &Answer, signed_in: bool, api: bool) -> bool {
    match (signed_in, api) {
        (true, true) => answer.is_problem(403, "role-missing"),
        (true, false) => {
            answer.status == StatusCode::FORBIDDEN
                && answer.text.contains("Your role may not do this")
        }
        (false, true) => answer.is_problem(401, "not-signed-in"),
        (false, false) => {
            answer.status == StatusCode::SEE_OTHER
                && answer.header("location").starts_with("/sign-in")
        }
    }
}

/// Reads that do not answer 200 to an empty query.
const READS_THAT_NEED_MORE: [(&str, u16); 3] = [
    ("/accounts/{number}/receipt", 400),
    ("/sign-in", 303),
    // The counter reverses what it posted itself.
    ("/transfers/{number}/reverse", 303),
];

#[tokio::test]
async fn exactly_those_whom_its_rule_names_get_into_a_route() {
    let bank = Bank::open().await;
    let paths = Paths::of(&bank).await;
    let callers: Vec<Option<Role>> =
        std::iter::once(None).chain(Role::ALL.into_iter().map(Some)).collect();
    let (mut calls, mut refused_roles) = (0, 0);
    for route in table() {
        let ends_session = route.verb() == Verb::Delete && route.path() == "/api/v1/session";
        let path = paths.fill(route);
        for (role, by_cookie) in callers.iter().flat_map(|role| [(*role, false), (*role, true)]) {
            if ends_session && role.is_some() {
                continue;
            }
            let ask = bank.ask(route.verb().method(), &path);
            let answer = match role {
                None => ask,
                Some(role) if by_cookie => ask.cookie(bank.token(role)),
                Some(role) => ask.token(bank.token(role)),
            };
            let answer = answer.send().await;
            let status = answer.status.as_u16();
            let place = format!("{} {} as {role:?}: {status}", route.verb().method(), route.path());
            calls += 1;
            let allowed = match (route.access(), role) {
                (Access::Public | Access::Operator, _) => true,
                (_, None) => false,
                (rule, Some(role)) => rule.allows(role),
            };
            let refused = is_refused(&answer, role.is_some(), route.is_api());
            assert_eq!(refused, !allowed, "{place}");
            assert!(status < 500, "{place}");
            refused_roles += usize::from(refused && role.is_some());
            if allowed && route.verb() == Verb::Get {
                let expect = READS_THAT_NEED_MORE.iter().find(|(path, _)| *path == route.path());
                let good = status == 200 || expect.is_some_and(|(_, expect)| status == *expect);
                assert!(good, "{place}");
            }
            assert_is_protected(&answer, &place);
        }
    }
    assert!(calls > 500, "only {calls} calls");
    let denials = bank.audit("access.role").await;
    assert_eq!(denials.len(), refused_roles.min(500), "each denial is an audit row");
    assert!(denials.iter().all(|row| row.result == "denied" && row.user.is_some()));
}

/// The headers that every answer carries, whoever asks for what.
pub(crate) fn assert_is_protected(answer: &Answer, place: &str) {
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'self'", "frame-ancestors 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{place}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{place}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{place}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{place}");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{place}");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{place}");
    assert!(answer.header("permissions-policy").contains("camera=()"), "{place}");
    assert!(!answer.header("cache-control").is_empty(), "{place}");
    // No inline code: the policy would stop it, so a page that has some is broken.
    if answer.header("content-type").starts_with("text/html") {
        for inline in ["<script>", " onclick=", " onsubmit=", " style=", "<style", "javascript:"] {
            assert!(!answer.text.contains(inline), "{place}: {inline}");
        }
    }
}

/// A change of a rule is a change of a file that reviewers see.
#[test]
fn the_matrix_of_routes_and_roles_is_as_reviewed() {
    let mut matrix = String::new();
    for route in table() {
        let who = match route.access() {
            Access::Public => "anybody".to_owned(),
            Access::Operator => "operators".to_owned(),
            Access::SignedIn => "all staff".to_owned(),
            Access::Roles(roles) => {
                roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
            }
        };
        let method = route.verb().method();
        writeln!(matrix, "{:<6} {:<45} {who}", method.as_str(), route.path()).unwrap();
    }
    insta::assert_snapshot!(matrix);
}

#[test]
fn auditors_change_nothing_and_administrators_see_no_books() {
    for route in table() {
        let Access::Roles(roles) = route.access() else { continue };
        let place = format!("{} {}", route.verb().method(), route.path());
        if roles.contains(&Role::Auditor) && route.verb() != Verb::Get {
            let reads = ["/search", "/find", "/customerlog", "/accountlog", "/ssn", "/verify"];
            assert!(reads.iter().any(|end| route.path().ends_with(end)), "{place}");
        }
        if roles.contains(&Role::Administrator) {
            assert!(route.path().starts_with("/staff"), "{place}");
        }
    }
}

#[tokio::test]
async fn no_page_changes_anything_without_the_token_of_its_form() {
    let bank = Bank::open().await;
    let paths = Paths::of(&bank).await;
    let foreign = ["", "x", &"A".repeat(43)].map(str::to_owned);
    let mut calls = 0;
    let pages = table().iter().filter(|route| !route.is_api() && route.verb() != Verb::Get);
    for route in pages.filter(|route| route.access() != Access::Public) {
        for role in Role::ALL.into_iter().filter(|role| route.access().allows(*role)) {
            for token in &foreign {
                let ask = bank.post(&paths.fill(route)).cookie(bank.token(role));
                let answer = ask.form(&[("form_token", token)]).send().await;
                let place = format!("{} as {role}: {}", route.path(), answer.status);
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place}");
                assert!(answer.text.contains("The form is not of this session"), "{place}");
                calls += 1;
            }
        }
    }
    assert!(calls > 60, "only {calls} calls");
    let rows = bank.audit("access.form").await;
    assert_eq!(rows.len(), calls.min(500), "each is an audit row");
}

#[tokio::test]
async fn nothing_is_changed_from_another_site_or_by_get() {
    let bank = Bank::open().await;
    let paths = Paths::of(&bank).await;
    for route in table().iter().filter(|route| route.verb() != Verb::Get) {
        let path = paths.fill(route);
        let allowed = Role::ALL.into_iter().find(|role| route.access().allows(*role)).unwrap();
        let ask = bank.ask(route.verb().method(), &path).cookie(bank.token(allowed));
        let answer = ask.header("sec-fetch-site", "cross-site").send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("The request came from another site"), "{path}");
        let same = |other: &&&Route| other.path() == route.path() && other.verb() == Verb::Get;
        if table().iter().find(same).is_none() {
            // A literal neighbour may answer for a parameter's path; no such thing here so far.
            for method in [Method::GET, Method::HEAD] {
                let answer = bank.ask(method.clone(), &path).cookie(bank.token(allowed)).send();
                assert_eq!(answer.await.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            }
        }
    }
    assert_eq!(bank.balance(&paths.account).await, "10.00");
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
