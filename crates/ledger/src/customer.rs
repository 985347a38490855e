//! A customer: who the bank does business with, and the rules for each field.

use std::fmt;

/// Whether the bank does business with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CustomerStatus {
    /// Accounts accept postings.
    Active,
    /// No debit, no deposit, no new account, by any route.
    Deactivated,
}

impl CustomerStatus {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Deactivated].into_iter().find(|status| status.as_str() == text)
    }
}

/// A social security number: nine digits, kept as text so that a leading zero stays. It has no
/// `Display` and its `Debug` is masked, so that it cannot slip into a log (I12).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ssn(Box<str>);

impl Ssn {
    /// Reads nine digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| Self(text.into()))
    }

    /// All nine digits: for the books and for those who may see them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last four digits behind bullets, as it is shown.
    #[must_use]
    pub fn masked(&self) -> String {
        let tail: String = self.0.chars().skip(5).collect();
        format!("•••••{tail}")
    }
}

impl fmt::Debug for Ssn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Ssn(masked)")
    }
}

/// A field that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in forms and JSON.
    pub field: &'static str,
    /// The rule, to be read after the field's name: "must be …".
    pub rule: &'static str,
}

/// The fields of a customer as they were typed.
#[derive(Clone, Copy, Default)]
pub struct CustomerFields<'a> {
    /// Nine digits.
    pub ssn: &'a str,
    /// At most 50 characters.
    pub name: &'a str,
    /// At most 100 characters.
    pub address: &'a str,
    /// One to three digits.
    pub age: &'a str,
    /// At most 20 characters.
    pub state: &'a str,
    /// At most 20 characters.
    pub city: &'a str,
}

/// What may be changed later.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerDetails {
    /// Full name.
    pub name: String,
    /// Postal address.
    pub address: String,
    /// In years.
    pub age: u16,
}

/// A customer to be added, every field within its rule.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// Unique in the bank.
    pub ssn: Ssn,
    /// Name, address, age.
    pub details: CustomerDetails,
    /// State of residence.
    pub state: String,
    /// City of residence.
    pub city: String,
}

impl NewCustomer {
    /// Checks all fields.
    ///
    /// # Errors
    /// Every field that breaks its rule, in the order of the form.
    pub fn parse(fields: &CustomerFields<'_>) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let ssn = Ssn::parse(fields.ssn);
        if ssn.is_none() {
            errors.push(FieldError { field: "ssn", rule: "must be exactly 9 digits" });
        }
        let details = CustomerDetails::parse(fields.name, fields.address, fields.age)
            .map_err(|found| errors.extend(found))
            .ok();
        let state = text(&mut errors, "state", fields.state, 20, "must be 1 to 20 characters");
        let city = text(&mut errors, "city", fields.city, 20, "must be 1 to 20 characters");
        match (ssn, details, state, city) {
            (Some(ssn), Some(details), Some(state), Some(city)) => {
                Ok(Self { ssn, details, state, city })
            }
            _ => Err(errors),
        }
    }
}

impl CustomerDetails {
    /// Checks name, address and age.
    ///
    /// # Errors
    /// Every field that breaks its rule.
    pub fn parse(name: &str, address: &str, age: &str) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = text(&mut errors, "name", name, 50, "must be 1 to 50 characters");
        let address = text(&mut errors, "address", address, 100, "must be 1 to 100 characters");
        let digits = (1..=3).contains(&age.len()) && age.bytes().all(|byte| byte.is_ascii_digit());
        let years = age.parse::<u16>().ok().filter(|_| digits);
        if years.is_none() {
            errors.push(FieldError { field: "age", rule: "must be 1 to 3 digits" });
        }
        match (name, address, years) {
            (Some(name), Some(address), Some(age)) => Ok(Self { name, address, age }),
            _ => Err(errors),
        }
    }
}

fn text(
    errors: &mut Vec<FieldError>,
    field: &'static str,
    value: &str,
    length_max: usize,
    rule: &'static str,
) -> Option<String> {
    let value = value.trim();
    let good =
        (1..=length_max).contains(&value.chars().count()) && !value.chars().any(char::is_control);
    if !good {
        errors.push(FieldError { field, rule });
    }
    good.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> CustomerFields<'static> {
        CustomerFields {
            ssn: "012345678",
            name: "Ada Lovelace",
            address: "12 St James's Square",
            age: "36",
            state: "London",
            city: "London",
        }
    }

    #[test]
    fn a_leading_zero_stays_and_is_masked_in_debug() {
        let Ok(customer) = NewCustomer::parse(&fields()) else { panic!("fields are good") };
        assert_eq!(customer.ssn.reveal(), "012345678");
        assert_eq!(customer.ssn.masked(), "•••••5678");
        assert_eq!(format!("{:?}", customer.ssn), "Ssn(masked)");
    }

    #[test]
    fn each_broken_field_is_named() {
        let long = "x".repeat(101);
        let cases: [(CustomerFields<'_>, &[&str]); 5] = [
            (CustomerFields { ssn: "12345678", ..fields() }, &["ssn"]),
            (CustomerFields { name: &long, address: &long, ..fields() }, &["name", "address"]),
            (CustomerFields { age: "1000", ..fields() }, &["age"]),
            (CustomerFields { city: " ", state: "a\u{7}", ..fields() }, &["state", "city"]),
            (CustomerFields::default(), &["ssn", "name", "address", "age", "state", "city"]),
        ];
        for (fields, expect) in cases {
            let Err(errors) = NewCustomer::parse(&fields) else { panic!("expected {expect:?}") };
            let names: Vec<_> = errors.iter().map(|error| error.field).collect();
            assert_eq!(names, expect);
        }
    }
}
