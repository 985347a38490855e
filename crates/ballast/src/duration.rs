//! Durations on the command line: `500ms`, `30s`, `2m`.
//!
//! Guarantees: a number without a unit is refused, because half of the readers would guess wrong.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// The sentence that says how one is written.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "write a whole number and its unit, as in 500ms, 30s or 2m".to_owned();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_ms: Option<u64>) {
        assert_eq!(parse(text).ok(), expected_ms.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn a_number_and_a_unit() {
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("2m", Some(120_000));
        for wrong in ["", "30", "s", "-1s", "1.5s", "1h", "1 s", "99999999999999999999s"] {
            check(wrong, None);
        }
    }
}
