//! The bank's API as a test fills the books with it: one call a line, every refusal a failure.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::http;

pub(crate) struct Desk<'a> {
    bank: &'a Deployment,
    executive: String,
    teller: String,
    calls: Cell<u32>,
}

impl<'a> Desk<'a> {
    pub(crate) fn of(bank: &'a Deployment) -> Self {
        let (executive, teller) = bank.tokens();
        Self { bank, executive, teller, calls: Cell::new(0) }
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Value {
        let key = format!("scene-{}", self.calls.replace(self.calls.get() + 1));
        let answer = http::post(&self.bank.url, path, token, &key, body).await;
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.json());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    pub(crate) async fn customer(&self, ssn: &str, name: &str, address: &str) -> String {
        let body = json!({ "ssn": ssn, "name": name, "address": address, "age": "36",
                           "state": "New Jersey", "city": "Newark" });
        let made = self.post(&self.executive, "/api/v1/customers", &body).await;
        made["number"].as_str().unwrap().to_owned()
    }

    /// Opens an account, with nothing in it if the amount is empty; its number, and the operation.
    pub(crate) async fn account(
        &self,
        customer: &str,
        kind: &str,
        amount: &str,
    ) -> (String, String) {
        let mut body = json!({ "kind": kind });
        if !amount.is_empty() {
            body["opening_amount"] = json!({ "amount": amount, "currency": "USD" });
        }
        let path = format!("/api/v1/customers/{customer}/accounts");
        let opened = self.post(&self.executive, &path, &body).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&opened["account"]["number"]), text(&opened["operation"]))
    }

    pub(crate) async fn act(&self, path: &str) {
        self.post(&self.executive, path, &Value::Null).await;
    }

    /// Gives what was answered.
    pub(crate) async fn deposit(&self, account: &str, amount: &str, text: &str) -> Value {
        self.cash(account, "deposits", amount, text).await
    }

    /// Gives what was answered.
    pub(crate) async fn withdraw(&self, account: &str, amount: &str, text: &str) -> Value {
        self.cash(account, "withdrawals", amount, text).await
    }

    async fn cash(&self, account: &str, what: &str, amount: &str, text: &str) -> Value {
        let amount = json!({ "amount": amount, "currency": "USD" });
        let body = json!({ "amount": amount, "description": text });
        let path = format!("/api/v1/accounts/{account}/{what}");
        self.post(&self.teller, &path, &body).await
    }

    /// So many of a cent each.
    pub(crate) async fn transfers(&self, from: &str, to: &str, count: usize) {
        let one = json!({ "from": from, "to": to, "description": "Standing order, monthly",
                          "amount": { "amount": "0.01", "currency": "USD" } });
        let body = json!({ "transfers": vec![one; count] });
        self.post(&self.teller, "/api/v1/transfers/batch", &body).await;
    }
}
