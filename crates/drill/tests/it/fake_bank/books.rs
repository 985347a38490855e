//! The books of the test bank, and its API.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Value, json};

pub(crate) struct Books {
    pub(crate) customers: Vec<Customer>,
    pub(crate) accounts: Vec<Account>,
    /// Postings that had an effect.
    pub(crate) postings: u64,
    keys: HashMap<String, (String, StatusCode, Value)>,
    wrong_balance_every: u64,
}

pub(crate) struct Customer {
    pub(crate) ssn: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) balance: i64,
    pub(crate) limit: i64,
}

type Answer = Response<Full<Bytes>>;

const FIRST_CUSTOMER: usize = 110_110_000;
const FIRST_ACCOUNT: usize = 360_110_000;

impl Books {
    pub(crate) fn new(wrong_balance_every: u64) -> Self {
        let (customers, accounts, keys) = (Vec::new(), Vec::new(), HashMap::new());
        Self { customers, accounts, postings: 0, keys, wrong_balance_every }
    }

    pub(crate) fn answer(
        &mut self,
        method: &Method,
        uri: &Uri,
        token: &str,
        key: Option<&str>,
        body: &[u8],
    ) -> Answer {
        let path: Vec<&str> = uri.path().trim_start_matches("/api/v1/").split('/').collect();
        let staff = token.trim_start_matches("Bearer ");
        let body_text = String::from_utf8(body.to_vec()).unwrap();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let executive = matches!(path[0], "customers");
        let needed = if executive { "executive" } else { "teller" };
        if path[0] != "sessions" && staff != needed {
            return problem(StatusCode::FORBIDDEN, "wrong-role");
        }
        match (method.as_str(), path.as_slice()) {
            ("POST", ["sessions"]) => sign_in(&body),
            ("POST", ["customers", "search"]) => self.find_customer(&body),
            ("GET", ["customers", number]) => self.show_customer(number),
            ("POST", ["customers"]) => self.create_customer(&body),
            ("GET", ["accounts", number]) => {
                let account = &self.accounts[account_index(number)];
                respond(
                    StatusCode::OK,
                    &json!({ "number": number, "balance": money(account.balance) }),
                )
            }
            ("POST", _) => self.keyed(uri.path(), &path, key, &body_text, &body),
            _ => problem(StatusCode::NOT_FOUND, "not-found"),
        }
    }

    fn keyed(
        &mut self,
        full_path: &str,
        path: &[&str],
        key: Option<&str>,
        body_text: &str,
        body: &Value,
    ) -> Answer {
        let Some(key) = key else { return problem(StatusCode::BAD_REQUEST, "key-missing") };
        let fingerprint = format!("{full_path} {body_text}");
        if let Some((known, status, answer)) = self.keys.get(key) {
            if *known != fingerprint {
                return problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused");
            }
            let mut answer = answer.clone();
            answer["replayed"] = json!(true);
            let mut response = respond(*status, &answer);
            response.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
            return response;
        }
        let (status, answer) = match path {
            ["customers", customer, "accounts"] => self.open(customer, body),
            ["accounts", number, "deposits"] => self.post(None, Some(account_index(number)), body),
            ["accounts", number, "withdrawals"] => {
                self.post(Some(account_index(number)), None, body)
            }
            ["transfers"] => self.post(side(body, "from"), side(body, "to"), body),
            ["transfers", "batch"] => self.batch(body),
            _ => return problem(StatusCode::NOT_FOUND, "not-found"),
        };
        self.keys.insert(key.to_owned(), (fingerprint, status, answer.clone()));
        respond(status, &answer)
    }

    fn find_customer(&self, body: &Value) -> Answer {
        let numbered = self.customers.iter().enumerate();
        let found: Vec<Value> = numbered
            .filter(|(_, customer)| body["ssn"] == customer.ssn)
            .map(|(index, customer)| {
                let number = (FIRST_CUSTOMER + index).to_string();
                json!({ "number": number, "ssn": customer.ssn, "name": customer.name })
            })
            .collect();
        respond(StatusCode::OK, &json!({ "customers": found }))
    }

    fn show_customer(&self, number: &str) -> Answer {
        let index = number.parse::<usize>().unwrap() - FIRST_CUSTOMER;
        match self.customers.get(index) {
            Some(customer) => respond(
                StatusCode::OK,
                &json!({ "number": number, "ssn": customer.ssn, "name": customer.name }),
            ),
            None => problem(StatusCode::NOT_FOUND, "customer-not-found"),
        }
    }

    fn create_customer(&mut self, body: &Value) -> Answer {
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let ssn = text("ssn");
        assert!(ssn.len() == 9 && text("name").len() <= 50, "{body}");
        if self.customers.iter().any(|customer| customer.ssn == ssn) {
            return problem(StatusCode::CONFLICT, "ssn-known");
        }
        let number = (FIRST_CUSTOMER + self.customers.len()).to_string();
        self.customers.push(Customer { ssn: ssn.clone(), name: text("name") });
        respond(StatusCode::CREATED, &json!({ "number": number, "ssn": ssn, "name": text("name") }))
    }

    fn open(&mut self, customer: &str, body: &Value) -> (StatusCode, Value) {
        let number = (FIRST_ACCOUNT + self.accounts.len()).to_string();
        let balance = body.get("opening_amount").map_or(0, cents);
        let limit = body.get("overdraft_limit").map_or(0, cents);
        self.accounts.push(Account { balance, limit });
        let account = json!({ "number": number, "customer": customer, "balance": money(balance) });
        (StatusCode::CREATED, json!({ "operation": "1", "replayed": false, "account": account }))
    }

    fn post(
        &mut self,
        from: Option<usize>,
        to: Option<usize>,
        body: &Value,
    ) -> (StatusCode, Value) {
        let amount = cents(&body["amount"]);
        if let Some(from) = from {
            let account = &mut self.accounts[from];
            if account.balance - amount < -account.limit {
                let body = json!({ "type": "/problems/insufficient-funds", "status": 422 });
                return (StatusCode::UNPROCESSABLE_ENTITY, body);
            }
            account.balance -= amount;
        }
        if let Some(to) = to {
            self.accounts[to].balance += amount;
        }
        self.postings += 1;
        let every = self.wrong_balance_every;
        let error = i64::from(every > 0 && self.postings.is_multiple_of(every));
        let side = |index: Option<usize>| {
            index.map(|index| {
                let balance = money(self.accounts[index].balance + error);
                json!({ "account": (FIRST_ACCOUNT + index).to_string(), "balance": balance })
            })
        };
        let mut answer = json!({ "operation": "1", "replayed": false, "transfer": "1" });
        for (name, side) in [("from", side(from)), ("to", side(to))] {
            if let Some(side) = side {
                answer[name] = side;
            }
        }
        (StatusCode::CREATED, answer)
    }

    fn batch(&mut self, body: &Value) -> (StatusCode, Value) {
        let mut results = Vec::new();
        for transfer in body["transfers"].as_array().unwrap() {
            let (status, _) = self.post(side(transfer, "from"), side(transfer, "to"), transfer);
            assert_eq!(status, StatusCode::CREATED);
            results.push(json!({ "status": "accepted" }));
        }
        let accepted = results.len();
        let answer = json!({ "accepted": accepted, "refused": 0, "results": results });
        (StatusCode::CREATED, answer)
    }
}

fn sign_in(body: &Value) -> Answer {
    if body["password"] == "right-password-1" {
        return respond(StatusCode::CREATED, &json!({ "token": "t" }));
    }
    problem(StatusCode::UNAUTHORIZED, "wrong-user-or-password")
}

pub(crate) fn problem(status: StatusCode, name: &str) -> Answer {
    let body = json!({ "type": format!("/problems/{name}"), "status": status.as_u16() });
    respond(status, &body)
}

fn respond(status: StatusCode, body: &Value) -> Answer {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}

fn account_index(number: &str) -> usize {
    number.parse::<usize>().unwrap() - FIRST_ACCOUNT
}

fn side(body: &Value, name: &str) -> Option<usize> {
    Some(account_index(body[name].as_str().unwrap()))
}

fn cents(money: &Value) -> i64 {
    assert_eq!(money["currency"], "USD");
    let text = money["amount"].as_str().unwrap();
    let (whole, rest) = text.split_once('.').unwrap();
    assert_eq!(rest.len(), 2, "{text}");
    whole.parse::<i64>().unwrap() * 100 + rest.parse::<i64>().unwrap()
}

fn money(cents: i64) -> Value {
    let sign = if cents < 0 { "-" } else { "" };
    let size = cents.abs();
    json!({ "amount": format!("{sign}{}.{:02}", size / 100, size % 100), "currency": "USD" })
}
