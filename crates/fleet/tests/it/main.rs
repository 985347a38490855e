//! The tests of the crate from outside: topologies as text, plans as JSON, and deployments of fake
//! children (`examples/fake_child.rs`). Nothing is awaited by time alone; each wait has a condition
//! and a deadline.

#[cfg(test)]
mod control;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod link;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod roll;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod supervisor;
#[cfg(test)]
mod topology;
