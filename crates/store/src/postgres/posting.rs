//! The posting of a group: one round trip, whatever its size.
//!
//! Phases, locks in order and isolation: see `migrations/postgres/0001_posting.sql`, and
//! `0007_batches.sql` for the function as it is now.
//!
//! Accounts are locked no longer than the group is computed: its own commit waits for nothing, and
//! behind it on the same connection goes a second one that waits for the disk and the standbys as
//! the database is set up. The log has one order, so what the second one waited for has the first,
//! and all that the first one saw. Nobody is told anything before both are back. Where a commit
//! takes a round trip to the other coast, groups that share an account would else follow each
//! other at that pace. The price: who looks at an account may see a posting before it is
//! acknowledged (as on a copy, which also shows what it got before it confirms that it did); who
//! is to be told for good asks `confirm` of the store first.
//!
//! The position is asked for behind the second commit (`position`).

use std::collections::HashMap;
use std::time::Duration;

use ledger::house::House;
use ledger::receipt::Position;
use ledger::{AccountNumber, Amount, Answer, Leg, Operation, OperationId, Reach, Request};
use tokio_postgres::Row;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{Decided, Outcome};
use crate::postgres::pool::{Failed, Lease, NotReplicated, Pool};
use crate::postgres::position::{self, OF_PRIMARY};
use crate::postgres::row::{damaged, get};

const POST_GROUP: &str = "select r_key, r_fingerprint, r_id, r_booked_at, r_known, r_answer \
     from set_config('synchronous_commit', 'off', true), post_group($1, $2, $3, $4, $5, $6, $7, \
     $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)";

/// Writes nothing into the books, but into the log, behind everything that is in them: its commit
/// waits for the disk and the standbys.
pub(crate) const AWAIT_COPIES: &str = "select pg_logical_emit_message(true, 'ballast', ''::text)";

/// What a connection for postings is asked.
pub(crate) const STATEMENTS: &[&str] = &[POST_GROUP, AWAIT_COPIES, OF_PRIMARY];

/// Why a group has no outcome.
pub(crate) enum PostFailed {
    /// Nothing was sent.
    NotSent(Error),
    /// Nothing happened; the database said why.
    Refused(tokio_postgres::Error),
    /// It may have happened.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

/// A commit that takes longer is given up, without a cancel: its primary may be frozen or cut off.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Posts a group once; the outcomes are in the order of the operations.
pub(crate) async fn post_group(
    pool: &Pool,
    operations: &[Operation],
) -> Result<Vec<Outcome>, PostFailed> {
    let lease = pool.lease().await.map_err(PostFailed::NotSent)?;
    match tokio::time::timeout(COMMIT_TIMEOUT, post_on(lease, operations)).await {
        Ok(posted) => posted,
        Err(late) => {
            pool.give_up_idle();
            Err(PostFailed::Unknown(Box::new(late)))
        }
    }
}

async fn post_on(mut lease: Lease, operations: &[Operation]) -> Result<Vec<Outcome>, PostFailed> {
    let group = Group::of(operations);
    let statements = async {
        let post = lease.connection.statement(POST_GROUP).await?;
        let await_copies = lease.connection.statement(AWAIT_COPIES).await?;
        Ok((post, await_copies, lease.connection.statement(OF_PRIMARY).await?))
    };
    let (post, await_copies, whereabouts) = match statements.await {
        Ok(statements) => statements,
        Err(error) => {
            return Err(match lease.failed(error) {
                Failed::NotSent(error) => PostFailed::NotSent(error),
                Failed::Refused(source) | Failed::Lost(source) => {
                    PostFailed::NotSent(crate::postgres::pool::classify(source))
                }
            });
        }
    };
    let now = now_ms();
    let params = group.params(&now);
    let client = &lease.connection.client;
    let (rows, awaited, position) = tokio::join!(
        client.query(&post, &params),
        client.query_one(&await_copies, &[]),
        client.query_one(&whereabouts, &[])
    );
    let rows = match (rows, awaited) {
        (Ok(rows), Ok(_)) if lease.connection.is_doubtful() => {
            lease.give_up_all();
            drop(rows);
            return Err(PostFailed::Unknown(Box::new(NotReplicated)));
        }
        (Ok(rows), Ok(_)) => rows,
        (Ok(_), Err(error)) => {
            return Err(match lease.failed(error) {
                Failed::NotSent(error) => PostFailed::Unknown(Box::new(error)),
                Failed::Refused(source) | Failed::Lost(source) => {
                    PostFailed::Unknown(Box::new(source))
                }
            });
        }
        (Err(error), _) => {
            return Err(match lease.failed(error) {
                Failed::NotSent(error) => PostFailed::NotSent(error),
                Failed::Refused(source) => PostFailed::Refused(source),
                Failed::Lost(source) => PostFailed::Unknown(Box::new(source)),
            });
        }
    };
    lease.give_back();
    let position = position.ok().as_ref().and_then(position::read);
    outcomes(operations, &rows, position).map_err(|error| PostFailed::Unknown(Box::new(error)))
}

/// The first operation of each key takes its row's outcome, those behind it a replay of that.
fn outcomes(
    operations: &[Operation],
    rows: &[Row],
    position: Option<Position>,
) -> Result<Vec<Outcome>, Error> {
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let answer = Answer::decode(get(row, 5)?).map_err(damaged)?;
        let decided = Decided {
            operation: OperationId::new(get(row, 2)?),
            booked_at: get(row, 3)?,
            replayed: get(row, 4)?,
            answer,
            position,
        };
        known.insert(get::<&str>(row, 0)?, (get::<&[u8]>(row, 1)?, decided));
    }
    operations
        .iter()
        .map(|operation| {
            let (fingerprint, decided) =
                known.get_mut(operation.key.as_str()).ok_or(Error::Unavailable {
                    reason: "the database left an operation without an answer",
                    source: None,
                })?;
            if *fingerprint != operation.fingerprint.0 {
                return Ok(Outcome::KeyReused);
            }
            let outcome = Outcome::Decided(decided.clone());
            decided.replayed = true;
            Ok(outcome)
        })
        .collect()
}

/// A group as the arrays of `post_group`: one element for each operation, leg or account.
#[derive(Default)]
struct Group<'a> {
    keys: Vec<&'a str>,
    fingerprints: Vec<&'a [u8]>,
    kinds: Vec<&'a str>,
    users: Vec<&'a str>,
    sessions: Vec<i64>,
    servers: Vec<&'a str>,
    leg_counts: Vec<i32>,
    customers: Vec<Option<i64>>,
    account_kinds: Vec<Option<&'a str>>,
    currencies: Vec<Option<&'a str>>,
    overdrafts: Vec<Option<i64>>,
    debits: Vec<i64>,
    credits: Vec<i64>,
    debit_slots: Vec<i32>,
    credit_slots: Vec<i32>,
    amounts: Vec<i64>,
    leg_currencies: Vec<&'a str>,
    descriptions: Vec<&'a str>,
    numbers: Vec<i64>,
    reverses: Vec<Option<i64>>,
    own_today: Vec<bool>,
}

impl<'a> Group<'a> {
    fn of(operations: &'a [Operation]) -> Self {
        let mut group = Self::default();
        let customers_only = |number: &AccountNumber| !number.is_house();
        let legs = operations.iter().flat_map(|operation| operation.request.legs());
        let named = legs.flat_map(|leg| [leg.debit, leg.credit]).filter(customers_only);
        group.numbers = named.map(AccountNumber::get).collect();
        group.numbers.sort_unstable();
        group.numbers.dedup();
        let mut keys = std::collections::HashSet::with_capacity(operations.len());
        for operation in operations {
            if keys.insert(operation.key.as_str()) {
                group.push(operation);
            }
        }
        group
    }

    fn push(&mut self, operation: &'a Operation) {
        self.keys.push(operation.key.as_str());
        self.fingerprints.push(&operation.fingerprint.0);
        self.kinds.push(operation.request.kind());
        self.users.push(operation.actor.user.as_str());
        self.sessions.push(operation.actor.session);
        self.servers.push(&operation.actor.server);
        let (opening, reversal) = match &operation.request {
            Request::Open(opening) => (Some(opening), None),
            Request::Reversal(reversal) => (None, Some(reversal)),
            Request::Deposit(_)
            | Request::Withdrawal(_)
            | Request::Transfer(_)
            | Request::Batch(_) => (None, None),
        };
        self.customers.push(opening.map(|opening| opening.customer.get()));
        self.account_kinds.push(opening.map(|opening| opening.kind.as_str()));
        self.currencies.push(opening.map(|opening| opening.currency.code()));
        self.overdrafts.push(opening.map(|opening| opening.overdraft_minor));
        let legs = operation.request.legs();
        legs.iter().for_each(|leg| self.push_leg(leg));
        let mut count = legs.len();
        if let Some(amount) = opening.and_then(|opening| opening.deposit) {
            // The credited account has no number yet: zero, which no account has.
            let debit = House::Cash.account(amount.currency()).get();
            self.push_sides(debit, 0, sum(amount), "Opening deposit");
            count = 1;
        }
        self.reverses.push(reversal.map(|reversal| reversal.transfer.get()));
        self.own_today.push(reversal.is_some_and(|it| it.reach == Reach::OwnToday));
        if let Some(reversal) = reversal {
            // What it moves is in the books.
            self.push_sides(0, 0, (0, ""), reversal.reason.as_str());
            count = 1;
        }
        self.leg_counts.push(i32::try_from(count).unwrap_or(i32::MAX));
    }

    fn push_leg(&mut self, leg: &'a Leg) {
        let (debit, credit) = (leg.debit.get(), leg.credit.get());
        self.push_sides(debit, credit, sum(leg.amount), leg.description.as_str());
    }

    fn push_sides(
        &mut self,
        debit: i64,
        credit: i64,
        (minor, currency): (i64, &'static str),
        description: &'a str,
    ) {
        self.debit_slots.push(self.slot(debit));
        self.credit_slots.push(self.slot(credit));
        self.debits.push(debit);
        self.credits.push(credit);
        self.amounts.push(minor);
        self.leg_currencies.push(currency);
        self.descriptions.push(description);
    }

    /// From 1; zero for the house.
    fn slot(&self, number: i64) -> i32 {
        let place = self.numbers.binary_search(&number).map_or(0, |place| place.saturating_add(1));
        i32::try_from(place).unwrap_or(i32::MAX)
    }

    fn params<'p>(&'p self, now: &'p i64) -> [&'p (dyn tokio_postgres::types::ToSql + Sync); 22] {
        [
            now,
            &self.keys,
            &self.fingerprints,
            &self.kinds,
            &self.users,
            &self.sessions,
            &self.servers,
            &self.leg_counts,
            &self.customers,
            &self.account_kinds,
            &self.currencies,
            &self.overdrafts,
            &self.debits,
            &self.credits,
            &self.debit_slots,
            &self.credit_slots,
            &self.amounts,
            &self.leg_currencies,
            &self.descriptions,
            &self.numbers,
            &self.reverses,
            &self.own_today,
        ]
    }
}

fn sum(amount: Amount) -> (i64, &'static str) {
    (amount.minor(), amount.currency().code())
}
