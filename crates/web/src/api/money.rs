//! Money on its way in: a decimal string with a currency, as in Open Banking and ISO 20022.

use std::borrow::Cow;

use ledger::{Amount, Currency};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::FieldError;

/// Money. The amount is a string, because a JSON number is a float in half of all languages.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money)]
pub(crate) struct Money<'a> {
    /// Digits with at most one decimal point; no sign, no exponent.
    #[serde(borrow)]
    #[schema(value_type = String, example = "165.88")]
    amount: Cow<'a, str>,
    /// ISO 4217.
    #[serde(borrow)]
    #[schema(value_type = String, example = "USD")]
    currency: Cow<'a, str>,
}

impl Money<'_> {
    /// An amount above zero.
    pub(crate) fn amount(&self, path: &str, errors: &mut Vec<FieldError>) -> Option<Amount> {
        let currency = self.currency(path, errors)?;
        Amount::parse(&self.amount, currency)
            .map_err(|error| {
                errors.push(FieldError::new(format!("{path}.amount"), error.to_string()));
            })
            .ok()
    }

    /// Minor units of zero or more.
    pub(crate) fn minor(
        &self,
        path: &str,
        errors: &mut Vec<FieldError>,
    ) -> Option<(i64, Currency)> {
        let currency = self.currency(path, errors)?;
        ledger::money::parse_minor(&self.amount, currency)
            .map_err(|error| {
                errors.push(FieldError::new(format!("{path}.amount"), error.to_string()));
            })
            .ok()
            .map(|minor| (minor, currency))
    }

    fn currency(&self, path: &str, errors: &mut Vec<FieldError>) -> Option<Currency> {
        Currency::parse(&self.currency)
            .map_err(|error| {
                errors.push(FieldError::new(format!("{path}.currency"), error.to_string()));
            })
            .ok()
    }
}
