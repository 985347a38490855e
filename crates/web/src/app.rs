//! One server's parts, and its router made from the route table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::on;
use bytes::Bytes;
use store::Store;

use crate::config::Config;
use crate::meters::Meters;
use crate::password::Passwords;
use crate::route::table;
use crate::statements::Turns;
use crate::touches::Touches;
use crate::{dispatch, openapi};

/// What all requests of a server share.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) config: Config,
    /// The name as it goes on every operation.
    pub(crate) name: Arc<str>,
    pub(crate) passwords: Passwords,
    pub(crate) meters: Meters,
    pub(crate) touches: Touches,
    pub(crate) openapi: Bytes,
    /// Whose turn it is to have a statement rendered.
    pub(crate) turns: Turns,
    draining: AtomicBool,
    /// When a try to sign in under a lock was last written down, in milliseconds.
    pub(crate) locked_noted_at: AtomicI64,
}

/// A server, shared.
pub(crate) type Shared = Arc<Server>;

/// The bank's whole HTTP surface as a service.
pub fn app(store: Store, config: Config) -> Router {
    router(Server::new(store, config))
}

impl Server {
    pub(crate) fn new(store: Store, config: Config) -> Shared {
        Arc::new(Self {
            store,
            name: config.name.as_str().into(),
            config,
            passwords: Passwords::start(),
            meters: Meters::new(table().len()),
            touches: Touches::default(),
            openapi: openapi::document(),
            turns: Turns::new(),
            draining: AtomicBool::new(false),
            locked_noted_at: AtomicI64::new(0),
        })
    }

    /// From now on the server says that it is leaving.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

pub(crate) fn router(server: Shared) -> Router {
    let mut router = Router::new();
    for (index, route) in table().iter().copied().enumerate() {
        let handler = move |State(server): State<Shared>, request: Request| {
            dispatch::run(server, index, route, request)
        };
        router = router.route(route.path(), on(route.verb().filter(), handler));
    }
    router
        .fallback(dispatch::not_found)
        .method_not_allowed_fallback(dispatch::method_not_allowed)
        .with_state(server)
}
