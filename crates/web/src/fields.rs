//! Forms and query strings: names with texts, as typed.

use crate::problem::{FieldError, Problem};

/// The fields in the order they came.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `name=value&…`; what is not so is simply not there.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A field as typed, without the blanks around it; empty if it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// A field if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(each, _)| each == name).map(|(_, value)| value.trim())
    }

    /// A field exactly as typed: passwords may begin or end with a blank.
    pub(crate) fn exact(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Refuses every name but these and names given twice.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Problem> {
        let mut errors = Vec::new();
        for (index, (name, _)) in self.0.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                let name: String = name.chars().take(40).collect();
                errors.push(FieldError::new(name, "is not known here"));
            } else if self.0.iter().take(index).any(|(other, _)| other == name) {
                errors.push(FieldError::new(name.clone(), "must not be given twice"));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    /// A whole number between one and `max`; `None` if the field is not there.
    pub(crate) fn count(&self, name: &'static str, max: u32) -> Result<Option<u32>, Problem> {
        let Some(text) = self.find(name) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(count) if digits && (1..=max).contains(&count) => Ok(Some(count)),
            _ => Err(Problem::field(name, format!("must be a number from 1 to {max}"))),
        }
    }
}
