//! A bank of its own for each test: temporary database, staff of every role, a client.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use ledger::receipt::SigningKeys;
use ledger::{Role, UserId};
use serde_json::{Value, json};
use store::{
    AuditFilter, DatabaseUrl, NewSession, SessionKind, SessionOrigin, Staff, Store, Vault, now_ms,
};
use tower::ServiceExt as _;
use web::{Config, Receipts, app, hash_password, new_token};

/// The password of the teller.
pub(crate) const PASSWORD: &str = "right-horse-1";

pub(crate) struct Bank {
    pub(crate) store: Store,
    pub(crate) app: Router,
    pub(crate) executive: String,
    pub(crate) cashier: String,
    pub(crate) teller: String,
    pub(crate) auditor: String,
    pub(crate) administrator: String,
    keys: Arc<Vault>,
    url: DatabaseUrl,
    _folder: Option<tempfile::TempDir>,
}

/// The keys of the test's bank.
pub(crate) fn signing_keys() -> SigningKeys {
    SigningKeys::from_seeds([1; 32], [2; 32]).unwrap()
}

pub(crate) fn config(name: &str) -> Config {
    let receipts = Receipts::try_new(&signing_keys()).unwrap();
    let receipts = Some(Arc::new(receipts));
    Config { name: name.into(), receipts, ..Config::default() }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
    /// The bytes as text, as far as they are.
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Whether it is this problem.
    pub(crate) fn is_problem(&self, status: u16, word: &str) -> bool {
        self.status.as_u16() == status
            && self.header("content-type") == "application/problem+json"
            && self.json()["type"] == format!("/problems/{word}")
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

pub(crate) fn usd(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

/// A request under construction.
pub(crate) struct Ask<'a> {
    bank: &'a Bank,
    request: http::request::Builder,
    body: String,
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, token: &str) -> Self {
        self.header("cookie", &format!("ballast={token}"))
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("content-type", "application/json")
    }

    pub(crate) fn raw(mut self, content_type: &str, body: &str) -> Self {
        self.body = body.to_owned();
        self.header("content-type", content_type)
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.raw("application/x-www-form-urlencoded", &body)
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(Body::from(self.body)).unwrap();
        let response = self.bank.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, bytes, text }
    }
}

impl Bank {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::file(folder.path().join("bank.db"));
        Self { _folder: Some(folder), ..Self::at(&url).await }
    }

    /// In an empty database.
    pub(crate) async fn at(url: &DatabaseUrl) -> Self {
        store::migrate(url).await.unwrap();
        let keys = Arc::new(Vault::parse(Vault::generate().unwrap().as_bytes()).unwrap());
        let store = Store::open(url).unwrap().with_vault(Arc::clone(&keys));
        let mut tokens = Vec::new();
        for (number, role) in Role::ALL.into_iter().enumerate() {
            let user = UserId::parse(&format!("C0000000{}", number + 1)).unwrap();
            let hash = if role == Role::Teller { hash_password(PASSWORD) } else { "none".into() };
            let staff = Staff {
                user: user.clone(),
                name: format!("A {role}"),
                role,
                password_hash: hash,
                password_generated: false,
                disabled: false,
            };
            assert!(store.add_staff(staff).await.unwrap());
            let (token, token_hash) = new_token();
            let expires_at = now_ms() + 60_000;
            let kind = SessionKind::Client;
            let origin = SessionOrigin::default();
            let session = NewSession { token_hash, user, kind, expires_at, origin };
            store.create_session(session).await.unwrap();
            tokens.push(token);
        }
        let [executive, cashier, teller, auditor, administrator] = tokens.try_into().unwrap();
        let app = app(store.clone(), config("server"));
        Self {
            store,
            app,
            executive,
            cashier,
            teller,
            auditor,
            administrator,
            keys,
            url: url.clone(),
            _folder: None,
        }
    }

    /// Another server over the same database.
    pub(crate) fn second_server(&self) -> Router {
        app(self.store.clone(), config("other"))
    }

    /// Another server with connections of its own.
    pub(crate) fn server_of_its_own(&self, with_keys: bool) -> Router {
        let store = Store::open(&self.url).unwrap();
        let store = if with_keys { store.with_vault(Arc::clone(&self.keys)) } else { store };
        app(store, config("other"))
    }

    /// The same bank behind another server.
    pub(crate) fn with_app(mut self, app: Router) -> Self {
        self.app = app;
        self
    }

    /// The token of a role's member of staff.
    pub(crate) fn token(&self, role: Role) -> &str {
        match role {
            Role::Executive => &self.executive,
            Role::Cashier => &self.cashier,
            Role::Teller => &self.teller,
            Role::Auditor => &self.auditor,
            Role::Administrator => &self.administrator,
        }
    }

    /// The audit rows of an action, oldest first.
    pub(crate) async fn audit(&self, action: &str) -> Vec<store::AuditRow> {
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let mut rows = self.store.audit_events(filter, None, 500).await.unwrap().rows;
        rows.reverse();
        rows
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let request = Request::builder().method(method).uri(path).header("host", "bank");
        Ask { bank: self, request, body: String::new() }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    /// A new customer's number.
    pub(crate) async fn customer(&self, ssn: &str) -> String {
        let body = json!({
            "ssn": ssn, "name": "Ada Lovelace", "address": "12 St James's Square", "age": 36,
            "state": "London", "city": "London",
        });
        let made = self.post("/api/v1/customers").token(&self.executive).json(&body).send().await;
        made.expect(201).json()["number"].as_str().unwrap().to_owned()
    }

    /// A new account's number, of a new customer.
    pub(crate) async fn account(&self, ssn: &str, opening_amount: &str) -> String {
        let customer = self.customer(ssn).await;
        self.account_of(&customer, "current", opening_amount).await
    }

    pub(crate) async fn account_of(
        &self,
        customer: &str,
        kind: &str,
        opening_amount: &str,
    ) -> String {
        let path = format!("/api/v1/customers/{customer}/accounts");
        let body = json!({ "kind": kind, "opening_amount": usd(opening_amount) });
        let key = format!("open-{customer}-{kind}");
        let made = self.post(&path).token(&self.executive).key(&key).json(&body).send().await;
        made.expect(201).json()["account"]["number"].as_str().unwrap().to_owned()
    }

    /// Deposits or withdraws as the teller.
    pub(crate) async fn cash(&self, account: &str, what: &str, key: &str, amount: &str) -> Answer {
        let path = format!("/api/v1/accounts/{account}/{what}");
        let body = json!({ "amount": usd(amount) });
        self.post(&path).token(&self.teller).key(key).json(&body).send().await
    }

    pub(crate) async fn transfer(&self, from: &str, to: &str, key: &str, amount: &str) -> Answer {
        let body = json!({ "from": from, "to": to, "amount": usd(amount) });
        self.post("/api/v1/transfers").token(&self.teller).key(key).json(&body).send().await
    }

    pub(crate) async fn balance(&self, account: &str) -> String {
        let path = format!("/api/v1/accounts/{account}");
        let view = self.get(&path).token(&self.teller).send().await.expect(200).json();
        view["balance"]["amount"].as_str().unwrap().to_owned()
    }
}
