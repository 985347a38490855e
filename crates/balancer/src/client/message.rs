//! The requests of a connection, one behind the other: which bytes are good to be handed on.
//!
//! Guarantees: a byte is passed only when the whole head that it belongs to, or that its body
//! follows, is valid; what is known of the body when its head becomes whole is valid too; the
//! framing is decided here, and there is one way to read it.

use super::chunked::Chunked;
use super::head::{Framing, Head, HeadLimits};
use super::violation::Violation;

#[derive(Debug)]
enum Stage {
    Head(Head),
    Length(u64),
    Chunked(Chunked),
}

/// The request under way.
#[derive(Debug)]
pub(super) struct Messages {
    stage: Stage,
    limits: HeadLimits,
}

/// What became of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// How many may be handed on. Those behind them are of a head that is not whole yet.
    pub(super) passed: usize,
    /// How many requests begin among the passed ones.
    pub(super) heads: u32,
    /// What follows the passed ones breaks a rule.
    pub(super) violation: Option<Violation>,
    /// It does so in a body whose head was passed earlier.
    pub(super) is_in_body: bool,
}

impl Messages {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self { stage: Stage::Head(Head::default()), limits }
    }

    /// Takes what has arrived and was not passed yet.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Progress {
        let mut progress = Progress::default();
        loop {
            let rest = bytes.get(progress.passed..).unwrap_or_default();
            if rest.is_empty() {
                return progress;
            }
            let was_in_body = self.is_in_body();
            let step = match &mut self.stage {
                Stage::Head(head) => match head.parse(rest, &self.limits) {
                    Ok(None) => return progress,
                    Ok(Some((length, framing))) => {
                        self.stage = match framing {
                            Framing::Length(length) => Stage::Length(length),
                            Framing::Chunked => Stage::Chunked(Chunked::new()),
                        };
                        let body = rest.get(length..).unwrap_or_default();
                        self.advance_body(body).map(|body| (length + body, 1))
                    }
                    Err(violation) => Err(violation),
                },
                Stage::Length(_) | Stage::Chunked(_) => {
                    self.advance_body(rest).map(|body| (body, 0))
                }
            };
            match step {
                Ok((passed, heads)) => {
                    progress.passed += passed;
                    progress.heads += heads;
                }
                Err(violation) => {
                    progress.violation = Some(violation);
                    progress.is_in_body = was_in_body;
                    return progress;
                }
            }
        }
    }

    /// Is a body owed?
    pub(super) fn is_in_body(&self) -> bool {
        !matches!(self.stage, Stage::Head(_))
    }

    /// Is nothing owed: neither the rest of a head nor of a body?
    pub(super) fn is_between(&self) -> bool {
        matches!(&self.stage, Stage::Head(head) if head.is_untouched())
    }

    fn advance_body(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let (passed, is_done) = match &mut self.stage {
            Stage::Head(_) => return Ok(0),
            Stage::Length(left) => {
                let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                // `here` is at most the length of a slice.
                (usize::try_from(here).unwrap_or(usize::MAX), *left == 0)
            }
            Stage::Chunked(chunked) => chunked.advance(bytes)?,
        };
        if is_done {
            self.stage = Stage::Head(Head::default());
        }
        Ok(passed)
    }
}
