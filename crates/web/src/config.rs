//! What a server is told about itself. Reading it from a file is the binary's work.

use std::sync::Arc;
use std::time::Duration;

use ledger::receipt::Durability;

use crate::receipts::Receipts;

/// The settings of one server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name in answers and on every operation, such as `applicationServer01-east`.
    pub name: String,
    /// `east` or `west`.
    pub region: String,
    /// Such as `us-east-1a`.
    pub zone: String,
    /// Whether browsers come over TLS: cookies are `Secure` and carry the `__Host-` prefix.
    pub secure_cookies: bool,
    /// How many proxies of ours stand before this server and append to `X-Forwarded-For`: two
    /// locally (front door, balancer), one behind a cloud's balancer.
    pub proxy_hops: usize,
    /// How long requests in flight may take when the server is asked to leave.
    pub drain: Duration,
    /// How long a browser may be left alone before it must sign in again. OWASP's Session
    /// Management Cheat Sheet: 15 to 30 minutes for such data.
    pub idle: Duration,
    /// How long a session lives whatever happens: a working day and its overtime.
    pub session_life: Duration,
    /// Whether administrators must set up a second factor before they do anything else.
    pub administrators_need_second_factor: bool,
    /// With what postings are attested; without it answers carry no receipts.
    pub receipts: Option<Arc<Receipts>>,
    /// What a commit has reached when the database acknowledges it.
    pub durability: Durability,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "server".to_owned(),
            region: "east".to_owned(),
            zone: "local".to_owned(),
            secure_cookies: false,
            proxy_hops: 2,
            drain: Duration::from_secs(5),
            idle: Duration::from_secs(15 * 60),
            session_life: Duration::from_secs(12 * 60 * 60),
            administrators_need_second_factor: false,
            receipts: None,
            durability: Durability::Machine,
        }
    }
}
