//! Twice the load that the deployment can carry.
//!
//! What it can carry is measured first, in the same run, by as many patient clients as it likes
//! best. The measuring client shares the machine with the bank, and sending twice as many requests
//! costs it twice as much: that is part of what is lost. A refusal counts from the moment at which
//! the request was sent, everything else from the moment at which it was due.

use std::time::Duration;

use super::load::{Load, Outcome, Pace, Sample};
use super::scene::Scene;
use crate::bench::scenario::{Bar, ScenarioReport, ms, percent, quantile, whole};
use crate::rate::float;

/// Connections that find the peak.
const PEAK_CONNECTIONS: usize = 96;
/// How long the peak is measured.
const PEAK: Duration = Duration::from_secs(10);
/// How long the overload lasts.
const OVERLOAD: Duration = Duration::from_secs(30);
/// The first part of each measurement does not count.
const SETTLE: Duration = Duration::from_secs(1);
/// Requests a second before and after.
const USUAL: u64 = 300;
/// Normal again: so much slower than before at the median is still normal.
const NORMAL_FACTOR: f64 = 2.0;

pub(super) async fn run(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let load = Load::start(&scene.target, scene.plan()?, Pace::Closed(PEAK_CONNECTIONS));
    scene.wait("finding the peak", SETTLE + PEAK).await;
    let end = load.elapsed();
    let peak = useful(&load.stop().await?, SETTLE, end);

    let load = Load::start(&scene.target, scene.plan()?, Pace::PerSecond(USUAL));
    scene.wait("usual load", Duration::from_secs(5)).await;
    let begin = load.elapsed();
    let offered = to_rate(peak * 2.0);
    load.set_rate(offered);
    scene.wait("twice the load it can carry", OVERLOAD).await;
    let end = load.elapsed();
    load.set_rate(USUAL);
    scene.wait("usual load again", Duration::from_secs(10)).await;
    let samples = load.stop().await?;

    let during: Vec<_> =
        samples.iter().filter(|s| s.due >= begin + SETTLE && s.due < end).cloned().collect();
    let story = format!("offered {offered} requests/s for 30 s, twice the peak of {peak:.0}");
    let mut report = super::report("overload", story, &samples);
    let done = useful(&samples, begin + SETTLE, end);
    report.figure("peak", peak, "req/s");
    report.figure("useful work in the overload", done, "req/s");
    report.barred("of the peak", 100.0 * done / peak, "%", Bar::AtLeast(80.0));
    let mut refused: Vec<_> = during
        .iter()
        .filter(|s| s.outcome == Outcome::Refused)
        .map(|s| s.took.saturating_sub(s.waited))
        .collect();
    report.count("refused with 503 and Retry-After", refused.len());
    report.figure("refused, p50", ms(quantile(&mut refused, 50)), "ms");
    report.barred("refused, p99", ms(quantile(&mut refused, 99)), "ms", Bar::AtMost(50.0));
    let mut served: Vec<_> =
        during.iter().filter(|s| s.outcome == Outcome::Done).map(|s| s.took).collect();
    report.figure("served, p50", ms(quantile(&mut served, 50)), "ms");
    report.figure("served, p99", ms(quantile(&mut served, 99)), "ms");
    let failed = during.iter().filter(|s| matches!(s.outcome, Outcome::Failed(_))).count();
    report.barred("failed in another way", whole(failed), "", Bar::AtMost(0.0));
    let before = median(&samples, Duration::from_secs(1), begin);
    let normal = normal_after(&samples, end, before);
    report.figure("median before", ms(before), "ms");
    report.barred("normal again after", normal, "s", Bar::AtMost(5.0));
    Ok(report)
}

/// Good answers a second that came in this time.
fn useful(samples: &[Sample], from: Duration, to: Duration) -> f64 {
    let came = |sample: &&Sample| (from..to).contains(&(sample.due + sample.took));
    let done = samples.iter().filter(came).filter(|s| s.outcome == Outcome::Done).count();
    whole(done) / (to - from).as_secs_f64()
}

fn median(samples: &[Sample], from: Duration, to: Duration) -> Duration {
    let mut times: Vec<_> =
        samples.iter().filter(|s| (from..to).contains(&s.due)).map(|s| s.took).collect();
    quantile(&mut times, 50)
}

/// Seconds until the last half second that was not normal.
fn normal_after(samples: &[Sample], end: Duration, before: Duration) -> f64 {
    let half = Duration::from_millis(500);
    let mut last_bad = 0;
    for slot in 0..20_u32 {
        let from = end + half * slot;
        let within: Vec<_> =
            samples.iter().filter(|s| (from..from + half).contains(&s.due)).collect();
        let failed = within.iter().filter(|s| s.outcome != Outcome::Done).count();
        let slow = median(samples, from, from + half).as_secs_f64()
            > before.as_secs_f64() * NORMAL_FACTOR + 0.002;
        if within.is_empty() || percent(failed, within.len()) > 0.0 || slow {
            last_bad = slot + 1;
        }
    }
    float(u64::from(last_bad)) / 2.0
}

#[expect(clippy::as_conversions, reason = "the language has no other way")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
fn to_rate(per_second: f64) -> u64 {
    per_second.max(1.0) as u64
}
