//! The client's side: strict, bounded, and patient only for so long.
//!
//! [`Guard`] stands between a client's bytes and the HTTP library, [`Connections`] decides how many
//! connections there are and how long each may take, [`RequestRate`] how many requests a client may
//! send, [`FrameMeter`] how much of HTTP/2 that is no request. Guarantees: a request that the
//! library sees is whole and unambiguous in its head and framing; a connection costs a buffer only
//! while a part of a head is there; nobody who merely holds connections locks others out. Not here:
//! the grammar of HTTP/2, TLS, the answers.

mod chunked;
mod connection;
mod connections;
mod field;
mod frames;
mod guard;
mod head;
mod message;
mod rate;
mod request_line;
mod stream;
#[cfg(test)]
mod tests;
mod turn_away;
mod under_way;
mod violation;

pub(crate) use connection::{Connection, Refused};
pub(crate) use connections::{Connections, Place, sweep};
pub(crate) use frames::FrameMeter;
pub(crate) use guard::{Guard, REFUSED_METHOD};
pub(crate) use rate::RequestRate;
pub(crate) use request_line::is_offered;
pub(crate) use stream::Streams;
pub(crate) use turn_away::turn_away;
pub(crate) use under_way::{Tracked, UnderWay};
pub(crate) use violation::{Violation, violation_in};
