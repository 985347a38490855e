//! The one route table: every path of the bank with its method, who may call it and what answers.
//!
//! Guarantees: a [`Route`] cannot be made without an [`Access`] rule, and the router is made from
//! the table alone, so there is no way in past it (I9). A test walks it with every role.

use std::sync::LazyLock;

use axum::response::Response;
use axum::routing::MethodFilter;
use futures::future::BoxFuture;
use http::Method;
use ledger::Role;

use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::Problem;
use crate::{api, health, openapi, pages, receipts, statements};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Those who run the bank: private peers that do not come through a balancer; others get 404.
    Operator,
    /// Anybody who is signed in.
    SignedIn,
    /// Only these roles.
    Roles(&'static [Role]),
}

impl Access {
    /// Customers, and the opening and closing of accounts.
    pub const EXECUTIVE: Self = Self::Roles(&[Role::Executive]);
    /// Reading customers.
    pub const CUSTOMERS: Self = Self::Roles(&[Role::Executive, Role::Auditor]);
    /// Money.
    pub const COUNTER: Self = Self::Roles(&[Role::Cashier, Role::Teller]);
    /// Reading what moved on an account.
    pub const ENTRIES: Self = Self::Roles(&[Role::Cashier, Role::Teller, Role::Auditor]);
    /// Reading accounts: all but those who keep the staff.
    pub const BOOKS: Self =
        Self::Roles(&[Role::Executive, Role::Cashier, Role::Teller, Role::Auditor]);
    /// Taking back transfers; how far each role reaches is the books' to judge.
    pub const REVERSERS: Self = Self::Roles(&[Role::Executive, Role::Cashier, Role::Teller]);
    /// Reading who did what.
    pub const AUDITOR: Self = Self::Roles(&[Role::Auditor]);
    /// Who may sign in, and as what.
    pub const ADMINISTRATOR: Self = Self::Roles(&[Role::Administrator]);

    /// Whether a signed-in member of staff may call.
    #[must_use]
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Public | Self::Operator | Self::SignedIn => true,
            Self::Roles(roles) => roles.contains(&role),
        }
    }
}

/// The methods the bank answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads; `HEAD` too.
    Get,
    /// Does.
    Post,
    /// Changes.
    Patch,
    /// Ends.
    Delete,
}

impl Verb {
    /// The HTTP method.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    pub(crate) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// Whether a call may change something.
    pub(crate) const fn changes_state(self) -> bool {
        match self {
            Self::Get => false,
            Self::Post | Self::Patch | Self::Delete => true,
        }
    }
}

/// What a handler gives.
pub(crate) type Handled = Result<Response, Problem>;

/// What answers a route.
pub(crate) type Handler = fn(Call) -> BoxFuture<'static, Handled>;

/// A body of a form or of one operation; the largest legal one is far below.
const BODY_BYTES_MAX: usize = 2 << 20;

/// A row of the table.
pub struct Route {
    verb: Verb,
    path: &'static str,
    access: Access,
    /// Whether a session may call that is good for choosing a password only.
    pub(crate) before_password: bool,
    /// Whether an administrator may call who must set up a second factor first.
    pub(crate) before_factor: bool,
    pub(crate) handler: Handler,
    pub(crate) body_bytes_max: usize,
    pub(crate) doc: Option<Doc>,
}

/// Makes an `async fn(Call) -> Handled` fit for the table.
macro_rules! handler {
    ($function:expr) => {
        |call| Box::pin($function(call))
    };
}
pub(crate) use handler;

impl Route {
    /// What it answers to.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        self.verb
    }

    /// The path; a segment in braces is a parameter.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Who may call it.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether it speaks JSON to programs (else it is a page for people).
    #[must_use]
    pub fn is_api(&self) -> bool {
        is_api_path(self.path)
    }

    pub(crate) const fn get(path: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Get, path, access, handler)
    }

    pub(crate) const fn post(path: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Post, path, access, handler)
    }

    pub(crate) const fn patch(path: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Patch, path, access, handler)
    }

    pub(crate) const fn delete(path: &'static str, access: Access, handler: Handler) -> Self {
        Self::new(Verb::Delete, path, access, handler)
    }

    /// Lets those in who must choose a password first.
    pub(crate) const fn before_password(mut self) -> Self {
        self.before_password = true;
        self.before_factor()
    }

    /// Lets those in who must set up a second factor first.
    pub(crate) const fn before_factor(mut self) -> Self {
        self.before_factor = true;
        self
    }

    pub(crate) const fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    pub(crate) const fn doc(mut self, doc: Doc) -> Self {
        self.doc = Some(doc);
        self
    }

    const fn new(verb: Verb, path: &'static str, access: Access, handler: Handler) -> Self {
        Self {
            verb,
            path,
            access,
            before_password: false,
            before_factor: false,
            handler,
            body_bytes_max: BODY_BYTES_MAX,
            doc: None,
        }
    }
}

/// Whether a path belongs to the API, so that its errors are problem documents and not pages.
pub(crate) fn is_api_path(path: &str) -> bool {
    let prefixes = ["/api/", "/.well-known/"];
    path == "/api"
        || path == "/openapi.json"
        || prefixes.iter().any(|prefix| path.starts_with(prefix))
}

static TABLE: LazyLock<Vec<&'static Route>> = LazyLock::new(|| {
    [health::ROUTES, openapi::ROUTES, receipts::ROUTES]
        .into_iter()
        .chain(api::routes())
        .chain(statements::routes())
        .chain(pages::routes())
        .flatten()
        .collect()
});

/// Every route of the bank.
#[must_use]
pub fn table() -> &'static [&'static Route] {
    &TABLE
}
