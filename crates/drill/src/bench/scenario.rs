//! What a scenario found: figures, each with its bar where there is one.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use serde::Serialize;

use crate::rate::{float, rounded};

/// What a scenario found.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// Its name.
    pub scenario: &'static str,
    /// What was done, in a sentence.
    pub story: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Failed requests by what became of them.
    pub failures: BTreeMap<String, u64>,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit; empty for counts.
    pub unit: &'static str,
    /// What it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar: Option<Bar>,
    /// Whether it is so; true without a bar.
    pub ok: bool,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl ScenarioReport {
    pub(crate) fn new(scenario: &'static str, story: String) -> Self {
        Self { scenario, story, figures: Vec::new(), failures: BTreeMap::new() }
    }

    /// A number of things.
    pub fn count(&mut self, name: impl Into<String>, count: usize) {
        self.figures.push(Figure {
            name: name.into(),
            value: whole(count),
            unit: "",
            bar: None,
            ok: true,
        });
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let value = rounded(value, 2);
        self.figures.push(Figure { name: name.into(), value, unit, bar: None, ok: true });
    }

    /// A figure and what it must be.
    pub fn barred(&mut self, name: impl Into<String>, value: f64, unit: &'static str, bar: Bar) {
        let value = rounded(value, 2);
        let ok = match bar {
            Bar::AtMost(limit) => value <= limit,
            Bar::AtLeast(limit) => value >= limit,
        };
        self.figures.push(Figure { name: name.into(), value, unit, bar: Some(bar), ok });
    }

    /// Whether a bar was missed, so that the command exits 1.
    pub fn found_a_problem(&self) -> bool {
        self.figures.iter().any(|figure| !figure.ok)
    }

    /// The report for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}\n", self.scenario, self.story);
        for Figure { name, value, unit, bar, ok } in &self.figures {
            let bar = match bar {
                None => String::new(),
                Some(Bar::AtMost(limit)) => format!("at most {limit}"),
                Some(Bar::AtLeast(limit)) => format!("at least {limit}"),
            };
            let verdict = match (bar.is_empty(), ok) {
                (true, _) => "",
                (false, true) => "ok",
                (false, false) => "MISSED",
            };
            let line = format!("{name:52} {value:>10} {unit:8} {bar:16} {verdict}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if !self.failures.is_empty() {
            let _ = writeln!(text, "\n{:52} {:>10}", "failed requests", "count");
            for (reason, count) in &self.failures {
                let _ = writeln!(text, "{reason:52} {count:>10}");
            }
        }
        text
    }
}

pub(crate) fn whole(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub(crate) fn percent(part: usize, of: usize) -> f64 {
    100.0 * whole(part) / whole(of.max(1))
}

/// The time that so many of a hundred stay under.
pub(crate) fn quantile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    let position = (samples.len() * percent / 100).min(samples.len().saturating_sub(1));
    samples.get(position).copied().unwrap_or_default()
}
