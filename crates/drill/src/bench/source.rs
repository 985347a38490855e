//! Where requests come from: one endless, seeded stream of calls for each connection.
//!
//! The same seed chooses the same accounts and amounts again; the keys are of this run only, so
//! that a second run moves money and is not answered from memory.

use std::{fmt::Write, sync::Arc};

use anyhow::Context;
use http::StatusCode;
use serde::Deserialize;

use super::{BenchOptions, Workload};
use crate::{
    client::{Answer, Call, Token},
    dice::Dice,
    target::{SignIn, Target},
};

/// Largest amount of a transfer or deposit, in cents. Small against the opening balance, so that
/// refusals for lack of money do not happen.
const AMOUNT_MAX_CENTS: i64 = 1_000;

/// What all sources share.
pub(super) struct SourcePlan {
    accounts: Arc<[String]>,
    hot: bool,
    batch_size: usize,
    seed: u64,
    run: u64,
    token: Token,
    sign_in: Option<SignIn>,
}

impl SourcePlan {
    pub(super) fn new(
        target: &Target,
        options: &BenchOptions,
        accounts: Arc<[String]>,
    ) -> anyhow::Result<Self> {
        let sign_in = match options.workload {
            Workload::Logins => Some(target.sign_in.clone().context(
                "measuring sign-ins needs a user and a password: say --user and set \
                 BALLAST_BENCH_PASSWORD",
            )?),
            _ => None,
        };
        Ok(Self {
            accounts,
            hot: options.hot,
            batch_size: options.batch_size,
            seed: options.seed,
            run: rand::random(),
            token: target.teller.clone(),
            sign_in,
        })
    }
}

/// The calls of one connection.
pub(super) struct Source {
    workload: Workload,
    dice: Dice,
    accounts: Arc<[String]>,
    hot_count: Option<usize>,
    batch_size: usize,
    token: Token,
    sign_in: Option<SignIn>,
    key_start: String,
    sent: u64,
}

impl Source {
    pub(super) fn new(plan: &SourcePlan, workload: Workload, connection: usize) -> Self {
        let part = u64::try_from(connection).unwrap_or_default();
        Self {
            workload,
            dice: Dice::for_part(plan.seed, part),
            accounts: Arc::clone(&plan.accounts),
            // At least two, or there would be nobody to transfer to.
            hot_count: plan.hot.then(|| (plan.accounts.len() / 100).max(2)),
            batch_size: plan.batch_size,
            token: plan.token.clone(),
            sign_in: plan.sign_in.clone(),
            key_start: format!("bench-{:016x}-{connection}-", plan.run),
            sent: 0,
        }
    }

    /// The next call.
    pub(super) fn next_call(&mut self) -> Call {
        self.sent += 1;
        match self.workload {
            Workload::Views => {
                let path = format!("/api/v1/accounts/{}", self.account());
                Call::get(path, &self.token)
            }
            Workload::Deposits => {
                let path = format!("/api/v1/accounts/{}/deposits", self.account());
                let mut body = String::with_capacity(64);
                body.push('{');
                self.write_amount(&mut body);
                body.push('}');
                self.keyed(path, body)
            }
            Workload::Transfers => {
                let mut body = String::with_capacity(128);
                self.write_transfer(&mut body);
                self.keyed("/api/v1/transfers".to_owned(), body)
            }
            Workload::Batch => {
                let mut body = String::with_capacity(self.batch_size * 100 + 32);
                body.push_str(r#"{"transfers":["#);
                for index in 0..self.batch_size {
                    if index > 0 {
                        body.push(',');
                    }
                    self.write_transfer(&mut body);
                }
                body.push_str("]}");
                self.keyed("/api/v1/transfers/batch".to_owned(), body)
            }
            Workload::Logins => match &self.sign_in {
                Some(SignIn { user, password }) => Call::sign_in(user, password),
                None => Call::sign_in("", ""),
            },
        }
    }

    /// How many operations an answer stands for, or the reason why it is an error.
    pub(super) fn judge(&self, answer: &Answer) -> Result<u64, String> {
        #[derive(Deserialize)]
        struct BatchAnswer {
            accepted: u64,
            refused: u64,
        }
        let expected = match self.workload {
            Workload::Views => StatusCode::OK,
            _ => StatusCode::CREATED,
        };
        if answer.status != expected {
            let problem = answer.problem().unwrap_or_default();
            return Err(format!("{} {problem}", answer.status.as_u16()).trim_end().to_owned());
        }
        if self.workload != Workload::Batch {
            return Ok(1);
        }
        match serde_json::from_slice(&answer.body) {
            Ok(BatchAnswer { accepted, refused: 0 }) => Ok(accepted),
            Ok(_) => Err("transfers of a batch refused".to_owned()),
            Err(_) => Err("answer not understood".to_owned()),
        }
    }

    fn keyed(&self, path: String, body: String) -> Call {
        let key = format!("{}{}", self.key_start, self.sent);
        Call::keyed(path, &self.token, key, body)
    }

    fn position(&mut self) -> usize {
        match self.hot_count {
            Some(hot) if self.dice.chance(90) => self.dice.position(hot),
            _ => self.dice.position(self.accounts.len()),
        }
    }

    fn account(&mut self) -> String {
        let position = self.position();
        self.accounts.get(position).cloned().unwrap_or_default()
    }

    fn write_amount(&mut self, body: &mut String) {
        let cents = self.dice.between(1, AMOUNT_MAX_CENTS);
        let (whole, rest) = (cents / 100, cents % 100);
        // Writing to a string cannot fail.
        let _ = write!(body, r#""amount":{{"amount":"{whole}.{rest:02}","currency":"USD"}}"#);
    }

    fn write_transfer(&mut self, body: &mut String) {
        let from = self.position();
        let mut to = self.position();
        while to == from {
            to = self.position();
        }
        let accounts = Arc::clone(&self.accounts);
        let number = |position: usize| accounts.get(position).map_or("", String::as_str);
        // Writing to a string cannot fail.
        let _ = write!(body, r#"{{"from":"{}","to":"{}","#, number(from), number(to));
        self.write_amount(body);
        body.push('}');
    }
}
