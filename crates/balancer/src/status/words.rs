//! Numbers and states in the words of the page.

use super::{Status, UpstreamStatus};

/// How a thing looks: by colour, and always by a sign and a word as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    Good,
    Quiet,
    Doubt,
    Bad,
}

/// A state as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Badge {
    pub(super) tone: Tone,
    pub(super) word: String,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Quiet => "quiet",
            Self::Doubt => "doubt",
            Self::Bad => "bad",
        }
    }

    /// A shape for each tone, for eyes and printers that see no colour.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Good => "●",
            Self::Quiet => "○",
            Self::Doubt => "◆",
            Self::Bad => "✕",
        }
    }
}

/// The badge of a server, or of a balancer as the front door sees it.
pub(super) fn badge(state: &str) -> Badge {
    let (tone, word) = match state {
        "healthy" => (Tone::Good, "healthy"),
        "ready" => (Tone::Good, "ready"),
        "slow_start" => (Tone::Doubt, "slow start"),
        "new" => (Tone::Quiet, "starting"),
        "draining" => (Tone::Quiet, "draining"),
        "ejected" => (Tone::Bad, "ejected"),
        "unhealthy" => (Tone::Bad, "unhealthy"),
        "not_ready" => (Tone::Bad, "not ready"),
        other => (Tone::Doubt, other),
    };
    Badge { tone, word: word.to_owned() }
}

/// Why a server is in its state, since when, and what comes next.
pub(super) fn why(server: &UpstreamStatus) -> String {
    let since = time(server.state_ms);
    match server.state.as_str() {
        "healthy" => format!("For {since}."),
        "slow_start" => format!("Came back {since} ago and gets less than its share."),
        "draining" => format!(
            "For {since}: gets no new request, finishes {}.",
            count(u64::from(server.outstanding), "request")
        ),
        "ejected" => {
            let next = match server.back_in_ms {
                Some(left) if left > 0 => format!("Back in {} at the earliest.", time(left)),
                _ => "Back as soon as a check passes.".to_owned(),
            };
            format!("{since} ago: {}. {next}", server.why)
        }
        _ => {
            let checked = server
                .check
                .as_ref()
                .map_or(String::new(), |check| format!(" Checked {} ago.", time(check.ms_ago)));
            format!("For {since}: {}.{checked}", server.why)
        }
    }
}

/// What is to be said of a balancer or front door beside its numbers.
pub(super) fn notes(status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    if status.failing_open {
        notes.push("Fails open: no server is usable, so every known one is tried.".to_owned());
    }
    if status.state == "draining" {
        notes.push("Draining: takes no new connection.".to_owned());
    }
    notes
}

/// A time to two digits: `0.8 s`, `12 s`, `4 min`, `3 h`, `2 days`.
pub(super) fn time(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..=9 => format!("{}.{} s", seconds, ms % 1_000 / 100),
        10..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A latency: `0.85 ms`, `4.2 ms`, `31 ms`, `1.2 s`; a dash when nothing was measured.
pub(super) fn latency(ms: f64) -> String {
    match ms {
        ms if ms <= 0.0 => "–".to_owned(),
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// A rate a second: one decimal below ten.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        rate if rate <= 0.0 => "0".to_owned(),
        rate if rate < 10.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `1 server`, `3 servers`.
pub(super) fn count(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_units() {
        let times = [0, 850, 9_999, 10_000, 119_000, 120_000, 7_200_000, 172_800_000];
        let expect = ["0.0 s", "0.8 s", "9.9 s", "10 s", "119 s", "2 min", "2 h", "2 days"];
        assert_eq!(times.map(time), expect);
        let latencies = [0.0, 0.854, 4.23, 31.4, 1_234.0].map(latency);
        assert_eq!(latencies, ["–", "0.85 ms", "4.2 ms", "31 ms", "1.2 s"]);
        assert_eq!([0.0, 0.1, 9.94, 63.2].map(rate), ["0", "0.1", "9.9", "63"]);
        assert_eq!(
            (count(1, "server"), count(2, "server")),
            ("1 server".into(), "2 servers".into())
        );
    }

    #[test]
    fn a_state_says_why_and_what_comes_next() {
        let server = |state: &str, why: &str, back_in_ms| UpstreamStatus {
            state: state.to_owned(),
            why: why.to_owned(),
            state_ms: 2_000,
            back_in_ms,
            outstanding: 1,
            ..UpstreamStatus::default()
        };
        for (server, expect) in [
            (server("healthy", "", None), "For 2.0 s."),
            (
                server("ejected", "refused a connection", Some(1_800)),
                "2.0 s ago: refused a connection. Back in 1.8 s at the earliest.",
            ),
            (
                server("ejected", "refused a connection", Some(0)),
                "2.0 s ago: refused a connection. Back as soon as a check passes.",
            ),
            (
                server("draining", "asked to drain", None),
                "For 2.0 s: gets no new request, finishes 1 request.",
            ),
            (
                server("unhealthy", "the check was refused", None),
                "For 2.0 s: the check was refused.",
            ),
        ] {
            assert_eq!(why(&server), expect);
        }
    }
}
