//! What a receipt costs: `cargo run --release -p ledger --example receipt_speed`.
//!
//! One core signs a transfer's receipt, verifies it, and makes the digest of a batch.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ledger::receipt::{
    Durability, Effect, Moved, Movement, MovementKind, PublicKeys, Receipt, SigningKeys,
    batch_digest,
};
use ledger::{AccountNumber, Amount, Currency, IdempotencyKey, OperationId, TransferId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = SigningKeys::from_seeds([1; 32], [2; 32])?;
    let (signer, public) = (keys.signer()?, PublicKeys::parse(keys.to_public_json().as_bytes())?);
    let moved = Moved {
        debit: AccountNumber::new(AccountNumber::FIRST),
        credit: AccountNumber::new(AccountNumber::FIRST + 1),
        amount: Amount::try_new(16_588, Currency::Usd)?,
        reverses: None,
    };
    let movement = Movement {
        transfer: TransferId::new(1_000_000),
        moved,
        debit_after: Some(5_000_000),
        credit_after: Some(16_588),
    };
    let receipt = Receipt {
        operation: OperationId::new(1_000_000),
        key: IdempotencyKey::parse("0190d6a2-6c1e-7d31-9c4f-6b1f5f1f3c11")?,
        effect: Effect::Movement(MovementKind::Transfer, movement),
        booked_at_ms: 1_795_000_000_123,
        server: "applicationServer01-east".into(),
        durability: Durability::Machine,
        position: None,
    };
    let text = signer.sign(&receipt);
    report("signing", each(|| signer.sign(black_box(&receipt))));
    report("verifying", each(|| public.verify(black_box(&text))));
    let batch = vec![movement; 1_000];
    report("digest of a batch of 1,000", each(|| batch_digest(black_box(&batch))));
    println!("a receipt is {} bytes long", text.len());
    Ok(())
}

/// The mean time of one call, over a second of calls.
fn each<T>(call: impl Fn() -> T) -> Duration {
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < Duration::from_secs(1) {
        black_box(call());
        calls = calls.saturating_add(1);
    }
    started.elapsed().checked_div(calls).unwrap_or_default()
}

fn report(what: &str, took: Duration) {
    println!("{what}: {:.1} µs", took.as_secs_f64() * 1e6);
}
