//! The balancer as its clients and servers see it: real sockets, hand-made servers.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod amplification;
mod bench;
mod client;
mod control;
mod dashboard;
mod drain;
mod faults;
mod floods;
mod forwarding;
mod front_door;
mod handover;
mod limits;
mod origin;
mod replies;
mod seeing;
mod sharing;
mod slow;
mod strict;
mod tls;
