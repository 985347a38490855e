//! Counts and times as the floating-point numbers of a report. Money never passes through here.

use std::time::Duration;

/// A count as a float; exact up to 2⁵³.
#[expect(clippy::as_conversions, reason = "the language has no other way, and reports may round")]
#[expect(clippy::cast_precision_loss, reason = "a report may round")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// How many a second; zero when no time has passed.
pub(crate) fn per_second(count: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { float(count) / seconds } else { 0.0 }
}

/// Rounded to `decimals` places, so that reports stay readable.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
