//! `ballast audit`: prove the books.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::audit::Rule;
use serde_json::json;
use store::audit::Report;

use crate::database::DatabaseArgs;
use crate::output;

/// Arguments of `audit`.
#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Prove the copy on this node of the deployment's cluster, such as database01-west
    #[arg(long, value_name = "NODE", conflicts_with = "database")]
    node: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let url = match &args.node {
        Some(node) => args.database.on_node(node)?,
        None => args.database.existing()?,
    };
    let started = Instant::now();
    let style = ProgressStyle::with_template("{bar:40} {percent}% of {len} rows, {eta} left")?;
    let bar = ProgressBar::new(0).with_style(style);
    let report = store::audit::run(&url, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    })
    .with_context(|| format!("{url}"))?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        output::data(&as_json(&report, seconds).to_string());
    } else {
        output::data(&as_text(&report, seconds));
    }
    Ok(ExitCode::from(u8::from(!report.is_sound())))
}

fn as_json(report: &Report, seconds: f64) -> serde_json::Value {
    let findings: Vec<_> = report
        .findings()
        .map(|finding| {
            json!({ "rule": finding.rule.name(), "rows": finding.rows, "first": finding.first })
        })
        .collect();
    json!({
        "sound": report.is_sound(),
        "accounts": report.accounts,
        "operations": report.operations,
        "transfers": report.transfers,
        "entries": report.entries,
        "rules": Rule::ALL.len(),
        "findings": findings,
        "seconds": seconds,
    })
}

fn as_text(report: &Report, seconds: f64) -> String {
    let mut lines: Vec<String> = Rule::ALL
        .iter()
        .map(|rule| match report.finding(*rule) {
            None => format!("ok      {:<17} {}", rule.name(), rule.statement()),
            Some(finding) => format!(
                "BROKEN  {:<17} {}\n        {} rows; the first: {}",
                rule.name(),
                rule.statement(),
                finding.rows,
                finding.first
            ),
        })
        .collect();
    let broken = report.findings().count();
    let verdict = match broken {
        0 => "the books are sound".to_owned(),
        broken => format!("{broken} of {} rules are broken", Rule::ALL.len()),
    };
    lines.push(format!(
        "{verdict}: {} accounts, {} operations, {} transfers, {} entries in {seconds:.1} s",
        report.accounts, report.operations, report.transfers, report.entries
    ));
    lines.join("\n")
}
