//! Many transfers under one key, each accepted or refused on its own.
//!
//! A batch is read without copies of its texts and answered into one buffer: some microseconds
//! for a transfer, so that the books and not the JSON are what bounds it. Reading and writing of
//! large ones happens beside the threads that answer other requests.

use bytes::Bytes;
use http::StatusCode;
use ledger::operation::BATCH_LENGTH_MAX;
use ledger::receipt::{Effect, Moved, accepted};
use ledger::{Answer, Balance, Currency, IdempotencyKey, Leg, LegAnswer, Operation, Request};
use serde::{Deserialize, Serialize};
use store::{Decided, Outcome};
use utoipa::ToSchema;

use super::answer::{Decimal, Digits, Time, bytes, mark_replayed};
use super::body;
use super::postings::TransferIn;
use crate::app::{Server, Shared};
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{Kind, Problem};
use crate::receipts;
use crate::route::{Access, Handled, Route, handler};

/// 8,000 transfers of 1,000 bytes: descriptions of full length in the longest script.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Below this the hand-over to another thread costs more than it frees.
const LARGE_BYTES: usize = 64 << 10;

pub(crate) static ROUTES: &[Route] =
    &[Route::post("/api/v1/transfers/batch", Access::COUNTER, handler!(batch))
        .body_bytes_max(BODY_BYTES_MAX)
        .doc(
            Doc::new("Up to 8,000 transfers, each accepted or refused on its own")
                .keyed()
                .body::<BatchIn<'static>>()
                .created::<BatchOut>()
                .problems(&[413]),
        )];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBatch)]
struct BatchIn<'a> {
    #[serde(borrow)]
    #[schema(max_items = 8000, min_items = 1)]
    transfers: Vec<TransferIn<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Batch)]
struct BatchOut {
    operation: Digits,
    kind: &'static str,
    replayed: bool,
    booked_at: Time,
    accepted: usize,
    refused: usize,
    /// In the order of the request.
    results: Vec<ResultOut>,
    /// The bank's signed word for all that was accepted: one JWS over a digest of it, which the
    /// keys at `/.well-known/jwks.json` verify. Absent if all was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
#[schema(as = BatchResult)]
enum ResultOut {
    Accepted { transfer: Digits, from_balance: Decimal, to_balance: Decimal },
    Refused { reason: &'static str },
}

async fn batch(call: Call) -> Handled {
    let key = call.key()?;
    let actor = call.actor()?;
    if call.body.len() < LARGE_BYTES {
        let legs = call.json::<BatchIn<'_>>()?.legs()?;
        let operation = Operation::new(key.clone(), Request::Batch(legs), actor);
        let asked = operation.request.movements(None);
        let decided = post(&call, operation).await?;
        return write(&call.server, key, &decided, &asked);
    }
    call.check_json()?;
    let body: Bytes = call.body.clone();
    let (operation, asked) = aside(move || {
        let legs = body::parse::<BatchIn<'_>>(&body)?.legs()?;
        let operation = Operation::new(key, Request::Batch(legs), actor);
        let asked = operation.request.movements(None);
        Ok((operation, asked))
    })
    .await?;
    let (server, key) = (Shared::clone(&call.server), operation.key.clone());
    let decided = post(&call, operation).await?;
    aside(move || write(&server, key, &decided, &asked)).await
}

/// Runs long work beside the threads that answer requests.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Kind::Internal.into()))
}

impl BatchIn<'_> {
    fn legs(&self) -> Result<Vec<Leg>, Problem> {
        if self.transfers.is_empty() || self.transfers.len() > BATCH_LENGTH_MAX {
            return Err(Problem::field(
                "transfers",
                format!("must hold 1 to {BATCH_LENGTH_MAX} transfers"),
            ));
        }
        let legs = self.transfers.iter().enumerate();
        legs.map(|(index, transfer)| transfer.leg(|| format!("transfers[{index}]."))).collect()
    }
}

async fn post(call: &Call, operation: Operation) -> Result<Decided, Problem> {
    match call.store.post(operation).await? {
        Outcome::Decided(decided) => Ok(decided),
        Outcome::KeyReused => Err(Kind::KeyReused.into()),
    }
}

fn write(server: &Server, key: IdempotencyKey, decided: &Decided, asked: &[Moved]) -> Handled {
    let Answer::Legs(legs) = &decided.answer else { return Err(Kind::Internal.into()) };
    let results: Vec<_> =
        legs.iter().zip(asked).map(|(leg, asked)| result(leg, asked.amount.currency())).collect();
    let refused = legs.iter().filter(|leg| matches!(leg, LegAnswer::Refused(_))).count();
    let effect = Effect::of("batch", &decided.answer, &accepted(&decided.answer, asked));
    let out = BatchOut {
        operation: Digits(decided.operation.get()),
        kind: "batch",
        replayed: decided.replayed,
        booked_at: Time(decided.booked_at),
        accepted: legs.len().saturating_sub(refused),
        refused,
        results,
        receipt: receipts::of_decided(server, key, decided, effect),
    };
    // An accepted result is about 90 bytes.
    let mut body = Vec::with_capacity(legs.len().saturating_mul(100).saturating_add(200));
    serde_json::to_writer(&mut body, &out).map_err(|_| Kind::Internal)?;
    let mut response = bytes(StatusCode::CREATED, body);
    mark_replayed(&mut response, decided.replayed);
    Ok(response)
}

fn result(leg: &LegAnswer, currency: Currency) -> ResultOut {
    match *leg {
        LegAnswer::Accepted { transfer, debit_after, credit_after } => {
            let decimal = |minor: Option<i64>| {
                // Both sides of a transfer are customers' accounts, which always have a balance.
                Decimal(Balance::new(minor.unwrap_or_default(), currency))
            };
            ResultOut::Accepted {
                transfer: Digits(transfer.get()),
                from_balance: decimal(debit_after),
                to_balance: decimal(credit_after),
            }
        }
        LegAnswer::Refused(refusal) => ResultOut::Refused { reason: refusal.word() },
    }
}
