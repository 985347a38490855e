//! `ballast reconcile`: which acknowledged operations do the books not hold?
//!
//! Guarantees: nothing is written; a receipt counts as held only if its signature is the bank's
//! and every field that the books know is equal; what cannot be judged is listed and never
//! counted as held.

mod lines;
mod report;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::receipt::{PublicKeys, Receipt};
use store::{BOOKED_KEYS_MAX, Booked, DatabaseUrl, Store};

use crate::database::DatabaseArgs;
use crate::{output, receipt_keys};
use lines::{Line, Lines};
use report::{Finding, Verdict};

pub(crate) use report::Report;

/// Compare receipts that clients kept with the books: after a failover or a restore this says
/// which acknowledged operations are missing, and whether there are any.
///
/// The file holds one receipt a line: the receipt itself, or JSON with a field `receipt`, such as
/// the answers of the API or what `ballast replay --receipts` keeps. JSON without that field is a
/// refusal or another answer, and is only counted.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ballast reconcile --receipts day.receipts
  ballast reconcile --receipts day.receipts --database sqlite:/restored/bank.db --json

Exit codes: 0 the books hold every receipt, 1 one is missing, different, forged or unreadable,
2 could not run.")]
pub(crate) struct ReconcileArgs {
    /// File with a receipt on each line
    #[arg(long, value_name = "FILE")]
    receipts: PathBuf,
    /// JWK set with the bank's public keys [default: receipt-keys.json in the data folder]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: ReconcileArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let keys = match &args.keys {
        Some(path) => path.clone(),
        None => args.database.data_folder()?.receipt_keys_file(),
    };
    let keys = receipt_keys::read_public(&keys)?;
    let report = judge_file(&args.database.existing()?, &keys, &args.receipts).await?;
    let seconds = started.elapsed().as_secs_f64();
    let text = if args.json { report.to_json(seconds) } else { report.to_text(seconds) };
    output::data(&text);
    Ok(ExitCode::from(u8::from(!report.is_clean())))
}

/// Holds every line of a file of receipts against the books.
///
/// # Errors
/// When the file or the books cannot be read.
pub(crate) async fn judge_file(
    url: &DatabaseUrl,
    keys: &PublicKeys,
    receipts: &Path,
) -> anyhow::Result<Report> {
    let describe = || format!("could not read {}", receipts.display());
    let file = File::open(receipts).with_context(describe)?;
    let style = ProgressStyle::with_template("{bar:40} {percent}% of {total_bytes}, {eta} left")?;
    let bar = ProgressBar::new(file.metadata().with_context(describe)?.len()).with_style(style);
    let store = Store::open(url).with_context(|| format!("{url}"))?;
    let mut lines = Lines::new(BufReader::new(bar.wrap_read(file)));
    let mut report = Report::default();
    loop {
        let mut batch = Vec::with_capacity(BOOKED_KEYS_MAX);
        while batch.len() < BOOKED_KEYS_MAX
            && let Some((number, line)) = lines.next().with_context(describe)?
        {
            match judge(keys, line) {
                Judged::Signed(receipt) => batch.push((number, *receipt)),
                Judged::WithoutReceipt => report.without_receipt += 1,
                Judged::Bad(finding) => report.add(number, finding),
            }
        }
        if batch.is_empty() {
            break;
        }
        compare(&store, batch, &mut report).await.with_context(|| format!("{url}"))?;
    }
    bar.finish_and_clear();
    Ok(report)
}

/// What a line is before the books are asked.
enum Judged {
    Signed(Box<Receipt>),
    WithoutReceipt,
    Bad(Finding),
}

fn judge(keys: &PublicKeys, line: Line) -> Judged {
    use ledger::receipt::VerifyError;
    let text = match line {
        Line::Receipt(text) => text,
        Line::WithoutReceipt => return Judged::WithoutReceipt,
        Line::Unreadable(reason) => {
            return Judged::Bad(Finding::without_receipt(Verdict::Unreadable, reason.to_owned()));
        }
    };
    match keys.verify(&text) {
        Ok(receipt) => Judged::Signed(Box::new(receipt)),
        Err(error) => {
            let verdict = match &error {
                VerifyError::KeyUnknown(_) | VerifyError::Forged => Verdict::BadSignature,
                VerifyError::Malformed | VerifyError::Claims(_) => Verdict::Unreadable,
            };
            Judged::Bad(Finding::without_receipt(verdict, error.to_string()))
        }
    }
}

/// One look-up for all of them.
async fn compare(
    store: &Store,
    receipts: Vec<(u64, Receipt)>,
    report: &mut Report,
) -> Result<(), store::Error> {
    let keys = receipts.iter().map(|(_, receipt)| receipt.key.clone()).collect();
    let booked = store.booked(keys).await?;
    let booked: HashMap<_, _> = booked.iter().map(|booked| (&booked.key, booked)).collect();
    for (number, receipt) in receipts {
        match booked.get(&receipt.key).copied().map(|booked| difference(&receipt, booked)) {
            None => report.add(number, Finding::of(Verdict::Missing, receipt, String::new())),
            Some(Some(field)) => {
                let finding = Finding::of(Verdict::Different, receipt, field.to_owned());
                report.add(number, finding);
            }
            Some(None) => report.held += 1,
        }
    }
    Ok(())
}

fn difference(receipt: &Receipt, booked: &Booked) -> Option<&'static str> {
    receipt.difference(booked.operation, booked.booked_at, booked.effect().as_ref())
}
