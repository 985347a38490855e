//! The subcommands: each reads its arguments, calls one crate, and prints.

pub(crate) mod audit;
pub(crate) mod balancer;
pub(crate) mod bench;
pub(crate) mod down;
pub(crate) mod fault;
pub(crate) mod guard;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod ps;
pub(crate) mod reconcile;
pub(crate) mod replay;
pub(crate) mod roll;
pub(crate) mod seal;
pub(crate) mod serve;
pub(crate) mod staff;
pub(crate) mod switchover;
pub(crate) mod topology;
pub(crate) mod up;
