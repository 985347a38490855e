//! Errors as the outside sees them: RFC 9457 problem documents, made in this one place.
//!
//! Guarantees: texts are fixed; what failed inside is logged here, once, and never sent. Each
//! rejection names the field and the rule. The statuses of refusals are in one table
//! ([`refusal`]). Error pages are made from the same values in `pages`.

pub(crate) mod refusal;

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use ledger::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use refusal::Asked;

/// A field and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field as a path, such as `transfers[3].amount.amount`.
    pub(crate) field: Cow<'static, str>,
    /// The rule, to be read after the field: "must be …".
    pub(crate) rule: Cow<'static, str>,
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<Cow<'static, str>>,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

impl From<ledger::customer::FieldError> for FieldError {
    fn from(error: ledger::customer::FieldError) -> Self {
        Self::new(error.field, error.rule)
    }
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $word:literal, $title:literal, $detail:literal;)*) => {
        /// What went wrong, when it is not a refusal of the books.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($name,)* }

        impl Kind {
            const fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
                match self { $(Self::$name => (StatusCode::$status, $word, $title, $detail),)* }
            }
        }
    };
}

kinds! {
    Malformed = BAD_REQUEST, "malformed-request", "The request cannot be read",
        "The body is not what this path expects.";
    Invalid = BAD_REQUEST, "validation", "A field breaks its rule",
        "Nothing was done. See errors for each field and its rule.";
    KeyMissing = BAD_REQUEST, "idempotency-key-missing", "The Idempotency-Key header is missing",
        "Requests that move money need a key, so that sending one again never moves it twice.";
    NotSignedIn = UNAUTHORIZED, "not-signed-in", "Not signed in",
        "Send a bearer token or sign in.";
    SignInWrong = UNAUTHORIZED, "sign-in-refused", "Wrong user or password",
        "wrong user or password";
    NoteStale = UNAUTHORIZED, "sign-in-stale", "The first step was too long ago",
        "Sign in again.";
    CodeMissing = UNAUTHORIZED, "code-missing", "A code is needed too",
        "This user has a second factor: send user and password again with a code of it.";
    CodeWrong = UNAUTHORIZED, "code-wrong", "Wrong code",
        "Nobody was signed in. A code is good once: wait for the next.";
    RoleMissing = FORBIDDEN, "role-missing", "Your role may not do this",
        "Another role of the bank's staff may.";
    PasswordDue = FORBIDDEN, "password-due", "A password must be chosen first",
        "Sign in on the staff pages and choose a password of your own.";
    FactorDue = FORBIDDEN, "second-factor-due", "A second factor must be set up first",
        "Sign in on the staff pages and set it up under My account.";
    OwnAccount = FORBIDDEN, "own-account", "Nobody changes their own role or state",
        "Another administrator can.";
    CrossSite = FORBIDDEN, "cross-site", "The request came from another site",
        "Requests that change something must come from the bank's own pages or carry a token.";
    FormForeign = FORBIDDEN, "form-token-wrong", "The form is not of this session",
        "Nothing was done. Open the form again and send it once more.";
    NotFound = NOT_FOUND, "not-found", "There is nothing here",
        "The path or the thing it names does not exist.";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method",
        "See the Allow header.";
    TooSlow = REQUEST_TIMEOUT, "request-timeout", "The request did not arrive in time",
        "Nothing was done.";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large",
        "Nothing was done.";
    MediaType = UNSUPPORTED_MEDIA_TYPE, "media-type", "The body has the wrong type",
        "Send Content-Type: application/json.";
    KeyReused = UNPROCESSABLE_ENTITY, "idempotency-key-reused",
        "The key was used for another request",
        "Nothing was done. Use a new key for a new request.";
    SignInLocked = TOO_MANY_REQUESTS, "sign-in-locked", "Too many failed sign-ins",
        "Wait before the next attempt.";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The bank made a mistake",
        "It has been noted. If money was to move, ask again with the same key.";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The bank cannot answer now",
        "Nothing happened. Try again.";
    Unknown = GATEWAY_TIMEOUT, "outcome-unknown", "The outcome is not known yet",
        "It may or may not have happened: ask again with the same key.";
}

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) word: &'static str,
    pub(crate) title: Cow<'static, str>,
    pub(crate) detail: &'static str,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) refusal: Option<Refusal>,
    operation: Option<(i64, bool)>,
    pub(crate) retry_after_seconds: Option<i64>,
}

impl Problem {
    pub(crate) fn new(kind: Kind) -> Self {
        let (status, word, title, detail) = kind.parts();
        Self {
            status,
            word,
            title: title.into(),
            detail,
            errors: Vec::new(),
            refusal: None,
            operation: None,
            retry_after_seconds: None,
        }
    }

    /// Fields that break their rules.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(Kind::Invalid).with(errors)
    }

    /// The same problem with the fields that cause it.
    pub(crate) fn with(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// One field that breaks its rule.
    pub(crate) fn field(
        field: impl Into<Cow<'static, str>>,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::invalid(vec![FieldError::new(field, rule)])
    }

    /// A refusal of the books.
    pub(crate) fn refused(refusal: Refusal, asked: Asked) -> Self {
        Self {
            status: refusal::status(refusal, asked),
            word: refusal.word(),
            title: refusal::title(refusal).into(),
            detail: match asked {
                Asked::State => "Nothing was changed.",
                Asked::Account | Asked::Posting | Asked::Opening | Asked::Reversal => {
                    "Nothing was moved. The same key gives the same answer again."
                }
            },
            refusal: Some(refusal),
            ..Self::new(Kind::Internal)
        }
    }

    /// The operation under whose key the refusal is stored.
    pub(crate) fn of_operation(mut self, operation: i64, replayed: bool) -> Self {
        self.operation = Some((operation, replayed));
        self
    }

    pub(crate) fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The problem document.
    pub(crate) fn document(&self) -> Response {
        let body = Document {
            kind: format!("/problems/{}", self.word),
            title: &self.title,
            status: self.status.as_u16(),
            detail: self.detail,
            errors: &self.errors,
            operation: self.operation.map(|(operation, _)| operation.to_string()),
            replayed: self.operation.map(|(_, replayed)| replayed),
        };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.operation.is_some_and(|(_, replayed)| replayed) {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        self.decorate(&mut response);
        response
    }

    /// The headers that go with the status, on documents and pages alike.
    pub(crate) fn decorate(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
        }
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl From<store::Error> for Problem {
    /// Logs the cause; the client learns only which of the three it is (I7).
    fn from(error: store::Error) -> Self {
        match &error {
            store::Error::Rejected(refusal) => Self::refused(*refusal, Asked::State),
            store::Error::Unavailable { .. } => {
                tracing::warn!(error = %Chain(&error), "the store is unavailable");
                Self::new(Kind::Unavailable).retry_after(1)
            }
            store::Error::Unknown { .. } => {
                tracing::error!(error = %Chain(&error), "the outcome of a write is unknown");
                Self::new(Kind::Unknown).retry_after(1)
            }
        }
    }
}

/// The document of RFC 9457 with the extension members `errors`, `operation` and `replayed`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// Which problem it is; stable, relative to the bank's address.
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
}

/// An error with its causes on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(out, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
