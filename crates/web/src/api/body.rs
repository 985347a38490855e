//! Reads a JSON body strictly: no unknown field, no field twice, no wrong type.
//!
//! The good case is one pass of `serde_json` that borrows from the body. Only when that fails
//! the body is read again to learn the field's path, so that the answer can name field and rule.

use std::borrow::Cow;

use serde::Deserialize;
use serde_path_to_error::Segment;

use crate::problem::{FieldError, Kind, Problem};

/// Reads a body.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| explain::<T>(body))
}

fn explain<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Problem {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let error = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(_) => return malformed("must be one JSON value with nothing behind it"),
        Err(error) => error,
    };
    if !error.inner().is_data() {
        let rule = format!("must be JSON; it breaks at column {}", error.inner().column());
        return malformed(rule);
    }
    let message = error.inner().to_string();
    let path = path_text(error.path());
    // serde's own words, which are stable enough to be cut up and are snapshot-tested here.
    let named = |word: &str| message.strip_prefix(word)?.split('`').nth(1);
    let (field, rule): (String, Cow<'static, str>) = if let Some(name) = named("missing field ") {
        (join(&path, name), "is required".into())
    } else if let Some(name) = named("unknown field ") {
        let name: String = name.chars().take(40).collect();
        let parent = path.strip_suffix(&name).map(|path| path.trim_end_matches('.'));
        (join(parent.unwrap_or(&path), &name), "is not known here".into())
    } else if let Some(name) = named("duplicate field ") {
        let parent = path.strip_suffix(name).map(|path| path.trim_end_matches('.'));
        (join(parent.unwrap_or(&path), name), "must not be given twice".into())
    } else {
        (path, expected(&message))
    };
    let field = if field.is_empty() { "body".to_owned() } else { field };
    Problem::field(field, rule)
}

/// "invalid type: integer `5`, expected a string at line 1 column 9" → "must be a string". What
/// stands before "expected" is the client's own input and stays out of the answer.
fn expected(message: &str) -> Cow<'static, str> {
    let rule = message.split_once("expected ").map(|(_, rule)| rule);
    let rule = rule.and_then(|rule| rule.rsplit_once(" at line ")).map(|(rule, _)| rule);
    match rule {
        Some(rule) if rule.starts_with("struct ") => "must be an object".into(),
        Some(rule) => format!("must be {}", rule.replace("borrowed ", "")).into(),
        None => "has the wrong type".into(),
    }
}

fn malformed(rule: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(Kind::Malformed).with(vec![FieldError::new("body", rule)])
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn path_text(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |text, segment| match segment {
        Segment::Seq { index } => format!("{text}[{index}]"),
        Segment::Map { key } => join(&text, key),
        Segment::Enum { variant } => join(&text, variant),
        Segment::Unknown => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::money::Money;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample<'a> {
        #[serde(borrow)]
        #[expect(dead_code, reason = "only its reading is tested")]
        sums: Vec<Money<'a>>,
    }

    #[test]
    fn each_rejection_names_field_and_rule() {
        let cases = [
            (r#"{"sums":[{"amount":5,"currency":"USD"}]}"#, "sums[0].amount", "must be a string"),
            (r#"{"sums":[{"amount":1.5,"currency":"USD"}]}"#, "sums[0].amount", "must be a string"),
            (
                r#"{"sums":[{"amount":null,"currency":"USD"}]}"#,
                "sums[0].amount",
                "must be a string",
            ),
            (r#"{"sums":[{"currency":"USD"}]}"#, "sums[0].amount", "is required"),
            (r#"{"sums":[{"amount":"1","x":1}]}"#, "sums[0].x", "is not known here"),
            (r#"{"sums":[],"sums":[]}"#, "sums", "must not be given twice"),
            (r#"{"sums":[],"other":[]}"#, "other", "is not known here"),
            (r#"{"sums":7}"#, "sums", "must be a sequence"),
            (r#"{"sums":[7]}"#, "sums[0]", "must be an object"),
            (r#"[]"#, "sums", ""),
            (r#"{}"#, "sums", "is required"),
            (r#"{"sums":[]} x"#, "body", "must be one JSON value with nothing behind it"),
            (r#"{"sums":"#, "body", "must be JSON; it breaks at column 8"),
            ("", "body", "must be JSON; it breaks at column 0"),
        ];
        for (body, field, rule) in cases {
            let problem = parse::<Sample<'_>>(body.as_bytes()).map(|_| ()).unwrap_err();
            let found = &problem.errors[0];
            if rule.is_empty() {
                continue;
            }
            assert_eq!((&*found.field, &*found.rule), (field, rule), "{body}");
        }
    }
}
