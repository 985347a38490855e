//! One request as its handler sees it: allowed, read whole, with the caller known.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::uri::Uri;
use ledger::{AccountNumber, Actor, CustomerNumber, IdempotencyKey, Refusal};
use serde::Deserialize;
use store::{AuditEvent, Store, Visit};

use crate::api::body;
use crate::app::Shared;
use crate::fields::Fields;
use crate::problem::{Asked, Kind, Problem};
use crate::route::Route;
use crate::session::Caller;

/// A request past the access rule.
pub(crate) struct Call {
    pub(crate) server: Shared,
    /// What this request reads and writes.
    pub(crate) visit: Arc<Visit>,
    /// The books as the primary has them: for changes, and for what decides.
    pub(crate) store: Store,
    /// The books as a copy near here may have them: for what is shown.
    pub(crate) books: Store,
    pub(crate) route: &'static Route,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Known on every route but the public ones.
    pub(crate) caller: Option<Caller>,
    /// The address of the client, for counting failed sign-ins.
    pub(crate) address: String,
}

impl Call {
    /// Who calls.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(|| Kind::NotSignedIn.into())
    }

    /// Who is written on what this call does.
    pub(crate) fn actor(&self) -> Result<Actor, Problem> {
        Ok(self.caller()?.actor(&self.server.name))
    }

    /// The audit row of what this call does. It has the address of this request, which may be
    /// another than the one where the session began.
    pub(crate) fn event(
        &self,
        action: &'static str,
        subject: String,
        result: &'static str,
    ) -> Result<AuditEvent, Problem> {
        let row = AuditEvent::of(&self.actor()?, action, subject, result);
        Ok(AuditEvent { address: Some(self.address.clone()), ..row })
    }

    /// The account in the path. What cannot be a number is an account that does not exist.
    pub(crate) fn account(&self) -> Result<AccountNumber, Problem> {
        AccountNumber::parse(self.parameter())
            .map_err(|_| Problem::refused(Refusal::AccountUnknown, Asked::State))
    }

    /// The customer in the path.
    pub(crate) fn customer(&self) -> Result<CustomerNumber, Problem> {
        CustomerNumber::parse(self.parameter())
            .map_err(|_| Problem::refused(Refusal::CustomerUnknown, Asked::State))
    }

    /// The segment of the path that the route has in braces (each has at most one).
    pub(crate) fn parameter(&self) -> &str {
        let place = self.route.path().split('/').position(|segment| segment.starts_with('{'));
        place.and_then(|place| self.uri.path().split('/').nth(place)).unwrap_or_default()
    }

    /// The body as JSON.
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        self.check_json()?;
        body::parse(&self.body)
    }

    /// Whether the body says that it is JSON.
    pub(crate) fn check_json(&self) -> Result<(), Problem> {
        let given = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = given.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Kind::MediaType.into());
        }
        Ok(())
    }

    /// The body as a form.
    pub(crate) fn form(&self) -> Fields {
        Fields::parse(&self.body)
    }

    /// The query.
    pub(crate) fn query(&self) -> Fields {
        Fields::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The key of a request that moves money.
    pub(crate) fn key(&self) -> Result<IdempotencyKey, Problem> {
        let mut all = self.headers.get_all("idempotency-key").iter();
        let given = all.next().ok_or(Kind::KeyMissing)?;
        if all.next().is_some() {
            return Err(Problem::field("Idempotency-Key", "must be given once"));
        }
        given.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok()).ok_or_else(|| {
            Problem::field("Idempotency-Key", "must be 1 to 128 visible ASCII characters")
        })
    }

    /// Whether a person's browser asks (it names HTML; programs do not).
    pub(crate) fn wants_page(&self) -> bool {
        let accept = self.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/html"))
    }
}
