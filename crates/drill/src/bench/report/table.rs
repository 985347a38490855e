//! The table of a measurement. Widths are fixed, so that two reports can be laid side by side.

use std::fmt::{self, Write};

use super::{Figures, Report};

/// The report as text that ends with a line break.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(text: &mut String, report: &Report) -> fmt::Result {
    let Report { workload, connections, seconds, accounts, .. } = report;
    write!(text, "{workload}, {connections} connections, {seconds:.1} s, {accounts} accounts")?;
    if report.hot {
        write!(text, ", 90 % of the traffic on 1 % of them")?;
    }
    if let Some(size) = report.batch_size {
        write!(text, ", {size} transfers in a batch")?;
    }
    writeln!(text, "\n")?;
    writeln!(
        text,
        "{:12} {:>12} {:>10} {:>10} {:>10} {:>10}",
        "", "operations/s", "p50 ms", "p95 ms", "p99 ms", "max ms"
    )?;
    write_figures(text, workload, &report.figures)?;
    if let Some(views) = &report.while_views {
        write_figures(text, "views beside", views)?;
    }
    write_errors(text, report)?;
    writeln!(text, "\n{:26} {:>14} {:>8} {:>10}", "process", "CPU µs/op", "CPU %", "MiB")?;
    for process in &report.processes {
        writeln!(
            text,
            "{:26} {:>14.1} {:>8.1} {:>10.1}",
            process.name, process.cpu_us_per_operation, process.cpu_percent, process.memory_mib
        )?;
    }
    writeln!(text, "{:26} {:>14.1}", "together", report.cpu_us_per_operation)?;
    if !report.servers.is_empty() {
        writeln!(text, "\n{:26} {:>14} {:>8}", "server", "requests", "share %")?;
    }
    for server in &report.servers {
        let (name, requests, share) = (&server.name, server.requests, server.share_percent);
        writeln!(text, "{name:26} {requests:>14} {share:>8.2}")?;
    }
    if let Some(deviation) = report.share_deviation_percent {
        writeln!(text, "farthest from an equal share: {deviation:.2} %")?;
    }
    Ok(())
}

fn write_figures(text: &mut String, name: &str, figures: &Figures) -> fmt::Result {
    writeln!(
        text,
        "{name:12} {:>12.0} {:>10.2} {:>10.2} {:>10.2} {:>10.2}",
        figures.operations_per_second,
        figures.p50_ms,
        figures.p95_ms,
        figures.p99_ms,
        figures.max_ms
    )
}

fn write_errors(text: &mut String, report: &Report) -> fmt::Result {
    let views = report.while_views.iter().flat_map(|views| &views.errors);
    let mut errors = report.figures.errors.iter().chain(views).peekable();
    if errors.peek().is_none() {
        return writeln!(text, "\nno request failed");
    }
    writeln!(text, "\n{:40} {:>10}", "failed requests", "count")?;
    for (reason, count) in errors {
        writeln!(text, "{reason:40} {count:>10}")?;
    }
    Ok(())
}
