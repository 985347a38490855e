//! Which pages are asked for, and how often.

use anyhow::{Context, ensure};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    client::{Call, Client, Token},
    dice::Dice,
    target::Target,
};

/// A kind of page.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Of a hundred requests, how many.
    percent: u64,
}

const fn kind(name: &'static str, percent: u64) -> Kind {
    Kind { name, percent }
}

/// All of them; the percentages sum to a hundred.
pub(super) const KINDS: [Kind; 8] = [
    kind("an account", 30),
    kind("the home page", 15),
    kind("a statement", 15),
    kind("the form of a deposit", 10),
    kind("a deposit sent by form", 10),
    kind("the list of customers", 5),
    kind("the list of accounts", 5),
    kind("a customer", 10),
];

/// How many customers are looked at.
const CUSTOMERS: usize = 100;

/// One request.
pub(super) struct Visit {
    /// A position in [`KINDS`].
    pub(super) kind: usize,
    pub(super) call: Call,
    pub(super) expect: StatusCode,
}

/// An endless, seeded stream of visits.
pub(super) struct Mix {
    dice: Dice,
    accounts: Vec<String>,
    customers: Vec<String>,
    teller: Token,
    executive: Token,
    /// Ties a form to the teller's session.
    form_token: String,
    run: u64,
    sent: u64,
}

impl Mix {
    pub(super) async fn new(
        target: &Target,
        client: &mut Client,
        accounts: Vec<String>,
        seed: u64,
    ) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Account {
            customer: String,
        }
        let mut customers = Vec::new();
        for account in accounts.iter().take(CUSTOMERS) {
            let call = Call::get(format!("/api/v1/accounts/{account}"), &target.teller);
            customers.push(client.send(&call).await?.json::<Account>()?.customer);
        }
        ensure!(!customers.is_empty(), "a measurement needs at least one account");
        let home = client.send(&Call::get("/", &target.teller)).await?;
        let home = String::from_utf8_lossy(&home.body);
        let form_token = home.split("name=\"form_token\" value=\"").nth(1);
        let form_token = form_token.and_then(|rest| rest.split('"').next());
        Ok(Self {
            dice: Dice::for_part(seed, 0),
            accounts,
            customers,
            teller: target.teller.clone(),
            executive: target.executive.clone(),
            form_token: form_token.context("the home page holds no form of a teller")?.to_owned(),
            run: rand::random(),
            sent: 0,
        })
    }

    pub(super) fn next(&mut self) -> Visit {
        self.sent += 1;
        let kind = self.kind();
        let position = self.dice.position(self.accounts.len());
        let account = self.accounts.get(position).map_or("", String::as_str);
        let position = self.dice.position(self.customers.len());
        let customer = self.customers.get(position).map_or("", String::as_str);
        let (teller, executive) = (&self.teller, &self.executive);
        let mut expect = StatusCode::OK;
        let call = match kind {
            0 => Call::get(format!("/accounts/{account}"), teller),
            1 => Call::get("/", teller),
            2 => Call::get(format!("/accounts/{account}/statement"), teller),
            3 => Call::get(format!("/accounts/{account}/deposit"), teller),
            4 => {
                expect = StatusCode::SEE_OTHER;
                let body = format!(
                    "form_token={}&key=bench-{:016x}-{}&amount=1.00&step=post",
                    self.form_token, self.run, self.sent
                );
                Call::form(format!("/accounts/{account}/deposit"), teller, body)
            }
            5 => Call::get("/customers", executive),
            6 => Call::get("/accounts", executive),
            _ => Call::get(format!("/customers/{customer}"), executive),
        };
        Visit { kind, call, expect }
    }

    fn kind(&mut self) -> usize {
        let mut left = self.dice.below(100);
        for (position, kind) in KINDS.iter().enumerate() {
            match left.checked_sub(kind.percent) {
                Some(rest) => left = rest,
                None => return position,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentages_are_of_a_hundred() {
        assert_eq!(KINDS.iter().map(|kind| kind.percent).sum::<u64>(), 100);
    }
}
