//! A minute of requests and errors as a small drawing: a line with its area, and a bar for each
//! second with errors.

use std::fmt::Write;

use crate::history::{SECONDS, Series};

/// Width of a second; the drawing is `SECONDS` times that wide.
const STEP: u64 = 2;
/// Height of the drawing, without the line's own width.
const HEIGHT: u64 = 28;

/// Coordinates for SVG, in a box of 120 by 30.
#[derive(Debug, Default)]
pub(super) struct Curve {
    /// Of a polyline.
    pub(super) line: String,
    /// Of a polygon.
    pub(super) area: String,
    pub(super) bars: Vec<Bar>,
    /// The same in words.
    pub(super) label: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) height: u64,
}

pub(super) fn draw(series: &Series) -> Curve {
    let requests: Vec<u64> = last(&series.requests);
    let errors: Vec<u64> = last(&series.errors);
    let highest = requests.iter().copied().max().unwrap_or(0);
    let scale = highest.max(1);
    let up = |value: u64| 1 + HEIGHT - value.min(scale).saturating_mul(HEIGHT) / scale;
    // The newest second is at the right edge, also when the process is young.
    let left = u64::try_from(SECONDS - requests.len()).unwrap_or(0) * STEP;
    let mut curve = Curve::default();
    let mut x = left;
    for (&value, &failed) in requests.iter().zip(&errors) {
        // Writing to a string cannot fail.
        let _ = write!(curve.line, "{x},{} ", up(value));
        if failed > 0 {
            let height = (HEIGHT + 1).saturating_sub(up(failed)).max(4);
            curve.bars.push(Bar { x, y: HEIGHT + 2 - height, height });
        }
        x += STEP;
    }
    if !requests.is_empty() {
        let right = x - STEP;
        curve.area = format!("{left},{base} {}{right},{base}", curve.line, base = HEIGHT + 2);
    }
    let failed: u64 = errors.iter().sum();
    curve.label = format!(
        "The last minute: up to {highest} requests a second, {}",
        if failed == 0 { "no errors".to_owned() } else { super::words::count(failed, "error") }
    );
    curve
}

fn last(values: &[u64]) -> Vec<u64> {
    let skip = values.len().saturating_sub(SECONDS);
    values.iter().skip(skip).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_second_is_at_the_right_and_errors_are_bars() {
        let curve = draw(&Series { requests: vec![0, 10, 5], errors: vec![0, 0, 1] });
        assert_eq!(curve.line, "114,29 116,1 118,15 ");
        assert_eq!(curve.area, "114,30 114,29 116,1 118,15 118,30");
        assert_eq!(curve.bars, [Bar { x: 118, y: 26, height: 4 }]);
        assert_eq!(curve.label, "The last minute: up to 10 requests a second, 1 error");
    }

    #[test]
    fn nothing_and_too_much_are_drawn_as_well() {
        assert_eq!(draw(&Series::default()).line, "");
        let long = Series { requests: vec![u64::MAX / 2; 100], errors: vec![7; 100] };
        let curve = draw(&long);
        assert_eq!((curve.line.split_whitespace().count(), curve.bars.len()), (SECONDS, SECONDS));
    }
}
