//! Ids, short texts and days in bodies and queries.

use std::borrow::Cow;
use std::fmt;

use ledger::operation::Description;
use ledger::{AccountNumber, CustomerNumber};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use utoipa::ToSchema;

use crate::problem::FieldError;

/// A number that may be written as a string or as an integer.
#[derive(Debug, Clone, ToSchema)]
#[schema(value_type = String, example = "360110000")]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// The number of an account.
    pub(crate) fn account(
        &self,
        field: impl FnOnce() -> Cow<'static, str>,
        errors: &mut Vec<FieldError>,
    ) -> Option<AccountNumber> {
        AccountNumber::parse(&self.0)
            .map_err(|error| errors.push(FieldError::new(field(), error.to_string())))
            .ok()
    }

    /// The number of a customer.
    pub(crate) fn customer(&self, errors: &mut Vec<FieldError>) -> Option<CustomerNumber> {
        CustomerNumber::parse(&self.0)
            .map_err(|error| errors.push(FieldError::new("cust_id", error.to_string())))
            .ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string or a whole number")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }
}

/// The rule of descriptions.
pub(crate) const DESCRIPTION_RULE: &str =
    "must be at most 140 characters without control characters";

/// Reads an optional description.
pub(crate) fn description(
    text: Option<&str>,
    field: impl FnOnce() -> Cow<'static, str>,
    errors: &mut Vec<FieldError>,
) -> Description {
    Description::parse(text.unwrap_or_default()).unwrap_or_else(|| {
        errors.push(FieldError::new(field(), DESCRIPTION_RULE));
        Description::default()
    })
}
