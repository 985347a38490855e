//! What a reconciliation found, in words and as JSON.

use std::fmt::Write as _;

use ledger::AccountNumber;
use ledger::receipt::{Effect, Receipt};
use serde_json::{Value, json};

/// Why a line is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The bank signed it, and the books do not know its key.
    Missing,
    /// The bank signed it, and the books hold something else under its key.
    Different,
    /// The bank did not sign it.
    BadSignature,
    /// It cannot be judged.
    Unreadable,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Missing, Self::Different, Self::BadSignature, Self::Unreadable];

    const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::BadSignature => "bad_signature",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A listed line.
pub(super) struct Finding {
    verdict: Verdict,
    receipt: Option<Receipt>,
    /// The field that differs, or the reason.
    detail: String,
}

impl Finding {
    pub(super) fn of(verdict: Verdict, receipt: Receipt, detail: String) -> Self {
        Self { verdict, receipt: Some(receipt), detail }
    }

    pub(super) fn without_receipt(verdict: Verdict, detail: String) -> Self {
        Self { verdict, receipt: None, detail }
    }
}

/// All that was found.
#[derive(Default)]
pub(crate) struct Report {
    /// Receipts that the books hold.
    pub(crate) held: u64,
    /// Lines of JSON without a receipt.
    pub(super) without_receipt: u64,
    findings: Vec<(u64, Finding)>,
}

impl Report {
    pub(super) fn add(&mut self, line: u64, finding: Finding) {
        self.findings.push((line, finding));
    }

    /// How many lines are listed.
    pub(crate) fn problems(&self) -> usize {
        self.findings.len()
    }

    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = (u64, &Finding)> {
        let listed = self.findings.iter().map(|(line, finding)| (*line, finding));
        listed.filter(move |(_, finding)| finding.verdict == verdict)
    }

    pub(super) fn to_json(&self, seconds: f64) -> String {
        let mut report = serde_json::Map::new();
        report.insert("sound".to_owned(), json!(self.is_clean()));
        report.insert("held".to_owned(), json!(self.held));
        for verdict in Verdict::ALL {
            let rows: Vec<Value> = self.of(verdict).map(|(line, each)| row(line, each)).collect();
            report.insert(verdict.word().to_owned(), json!(rows));
        }
        report.insert("without_receipt".to_owned(), json!(self.without_receipt));
        report.insert("seconds".to_owned(), json!(seconds));
        Value::Object(report).to_string()
    }

    pub(super) fn to_text(&self, seconds: f64) -> String {
        let mut text = String::new();
        for verdict in Verdict::ALL {
            for (line, finding) in self.of(verdict) {
                let word = verdict.word().replace('_', " ");
                let _ = write!(text, "{word:<13} line {line}");
                if let Some(receipt) = &finding.receipt {
                    let _ = write!(text, ": {}", describe(receipt));
                }
                if !finding.detail.is_empty() {
                    let _ = write!(text, ": {}", finding.detail);
                }
                text.push('\n');
            }
        }
        let [missing, different, forged, unreadable] =
            Verdict::ALL.map(|verdict| self.of(verdict).count());
        let _ = write!(
            text,
            "{} receipts held by the books, {missing} missing, {different} different, {forged} \
             with a bad signature, {unreadable} unreadable lines; {seconds:.1} s",
            self.held
        );
        if self.without_receipt > 0 {
            let _ = write!(text, "\n{} lines hold no receipt", self.without_receipt);
        }
        text
    }
}

fn row(line: u64, finding: &Finding) -> Value {
    let mut row = json!({ "line": line });
    if let Some(fields) = row.as_object_mut() {
        if let Some(receipt) = &finding.receipt {
            fields.insert("operation".to_owned(), json!(receipt.operation.to_string()));
            fields.insert("key".to_owned(), json!(receipt.key.as_str()));
            fields.insert("kind".to_owned(), json!(receipt.effect.kind()));
            fields.insert("booked_at_ms".to_owned(), json!(receipt.booked_at_ms));
            fields.insert("durability".to_owned(), json!(receipt.durability.as_str()));
        }
        if !finding.detail.is_empty() {
            let name = if finding.receipt.is_some() { "field" } else { "reason" };
            fields.insert(name.to_owned(), json!(finding.detail));
        }
    }
    row
}

/// An account as people know it.
fn name(account: AccountNumber) -> String {
    if account.is_house() { "cash".to_owned() } else { account.to_string() }
}

/// A receipt on one line.
fn describe(receipt: &Receipt) -> String {
    let what = match &receipt.effect {
        Effect::Movement(kind, movement) => {
            let (moved, amount) = (movement.moved, movement.moved.amount);
            let kind = kind.as_str();
            let currency = amount.currency();
            let (from, to) = (name(moved.debit), name(moved.credit));
            format!("{kind} of {amount} {currency} from {from} to {to}")
        }
        Effect::Opened { account, deposit: None } => format!("account {account} opened"),
        Effect::Opened { account, deposit: Some((_, amount)) } => {
            format!("account {account} opened with {amount} {}", amount.currency())
        }
        Effect::Batch { accepted, .. } => format!("batch of {accepted} accepted transfers"),
    };
    let Receipt { operation, key, durability, .. } = receipt;
    format!(
        "operation {operation}, {what}, key {}, durability {}",
        key.as_str(),
        durability.as_str()
    )
}
