//! Who may stay: limits and times, with the time passed in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::config;
use crate::client::{Connections, RequestRate};
use crate::reason::Reason;

fn connections(role: &str, limits: &str) -> Arc<Connections> {
    Arc::new(Connections::new(&config(role, limits)))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn who_waits_longest_makes_room_and_the_busy_stay() {
    let all = connections("balancer", r#""connections_max":3"#);
    let client = ip("10.0.0.1");
    let busy = all.open(client).expect("a place");
    assert!(busy.connection().begin(1));
    all.sweep(100);
    let oldest = all.open(client).expect("a place");
    oldest.connection().on_part_of_head();
    all.sweep(100);
    let young = all.open(client).expect("a place");
    all.sweep(100);
    let _third = all.open(client).expect("the oldest goes");
    assert!(oldest.connection().is_cut(), "a byte now and then does not make it younger");
    assert!(!young.connection().is_cut() && !busy.connection().is_cut());
    assert_eq!(all.evicted(), 1);
    assert!(young.connection().begin(1) && _third.connection().begin(1));
    assert_eq!(all.open(client).err(), Some(Reason::QueueFull), "all are busy");
    drop(young);
    assert!(all.open(client).is_ok());
}

#[test]
fn one_client_may_not_have_all_connections() {
    let limits = r#""connections_per_client_max":2"#;
    let all = connections("front_door", limits);
    let _one = all.open(ip("10.0.0.1")).expect("a place");
    let two = all.open(ip("::ffff:10.0.0.1")).expect("a place");
    assert_eq!(all.open(ip("10.0.0.1")).err(), Some(Reason::TooManyConnections));
    assert!(all.open(ip("10.0.0.2")).is_ok());
    drop(two);
    assert!(all.open(ip("10.0.0.1")).is_ok());
    let balancer = connections("balancer", limits);
    let places: Vec<_> = (0..5).map(|_| balancer.open(ip("10.0.0.1"))).collect();
    assert!(places.iter().all(Result::is_ok), "its client is a front door");
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let all = connections("balancer", r#""client_idle_seconds":1"#);
    let place = all.open(ip("10.0.0.1")).expect("a place");
    let connection = place.connection();
    all.sweep(900);
    assert!(connection.begin(1));
    all.sweep(5_000);
    assert!(!connection.is_cut(), "an answer may take its time");
    connection.end();
    all.sweep(900);
    assert!(!connection.is_cut());
    all.sweep(200);
    assert!(connection.is_cut());
}

#[test]
fn a_head_must_be_whole_in_its_time() {
    let all = connections("balancer", r#""client_header_timeout_ms":1000"#);
    let place = all.open(ip("10.0.0.1")).expect("a place");
    let connection = place.connection();
    all.sweep(5_000);
    for _ in 0..4 {
        connection.on_part_of_head();
        all.sweep(250);
    }
    assert!(!connection.is_too_slow());
    connection.on_part_of_head();
    all.sweep(250);
    assert!(connection.is_too_slow(), "parts do not buy time");
    assert!(connection.begin(1), "unless it has just become whole");
    assert!(!connection.is_too_slow());
}

#[test]
fn a_body_must_come_at_its_rate() {
    let limits = r#""client_read_timeout_ms":1000,"client_body_bytes_per_second_min":100"#;
    let all = connections("balancer", limits);
    let place = all.open(ip("10.0.0.1")).expect("a place");
    let connection = place.connection();
    assert!(connection.begin(1));
    let wait = |bytes: usize| {
        connection.on_body(bytes);
        connection.on_body_awaited();
        all.sweep(250);
        connection.is_too_slow()
    };
    assert!((0..50).all(|_| !wait(26)), "just quick enough");
    assert!((0..10).any(|_| wait(19)), "just too slow");
    connection.on_body(0);
    for _ in 0..50 {
        all.sweep(250);
    }
    assert!(!connection.is_too_slow(), "who is not waited for owes nothing");
}

#[test]
fn an_answer_must_be_taken() {
    let limits = r#""client_write_timeout_ms":1000,"client_answer_bytes_per_second_min":100"#;
    let all = connections("balancer", limits);
    let open = || all.open(ip("10.0.0.1")).expect("a place");
    let take = |connection: &crate::client::Connection, bytes: usize| {
        connection.on_written(bytes);
        connection.on_blocked();
        all.sweep(250);
        connection.is_cut()
    };
    let (place, other) = (open(), open());
    assert!(place.connection().begin(1) && other.connection().begin(1));
    assert!((0..50).all(|_| !take(place.connection(), 26)), "just quick enough");
    place.connection().on_written(1);
    assert!((0..10).any(|_| take(other.connection(), 19)), "just too slow");
    (0..50).for_each(|_| all.sweep(250));
    assert!(!place.connection().is_cut(), "nothing waits for it");
    place.connection().on_blocked();
    (0..10).for_each(|_| all.sweep(250));
    assert!(place.connection().is_cut(), "nothing is taken");
}

#[test]
fn a_rate_has_a_burst_and_a_steady_part() {
    let limits = r#""client_requests_per_second_max":10,"client_requests_burst_max":5"#;
    let rate = RequestRate::new(&config("front_door", limits));
    let at = Duration::from_millis;
    let sent = |client: &str, now| (0..100).filter(|_| rate.permits(ip(client), at(now))).count();
    assert_eq!(sent("10.0.0.1", 0), 5);
    assert_eq!(sent("10.0.0.1", 99), 0);
    assert_eq!(sent("10.0.0.1", 300), 3, "one for each tenth of a second");
    assert_eq!(sent("10.0.0.2", 300), 5, "others have their own");
    assert_eq!(sent("2001:db8::1", 300), 5);
    assert_eq!(sent("2001:db8::ffff:2", 300), 0, "one network");
    assert_eq!(sent("10.0.0.1", 60_000), 5, "a pause fills it, and no more than that");
    rate.forget_full(at(60_000));
    assert_eq!(sent("10.0.0.1", 60_000), 0, "what is not full is kept");
}

#[test]
fn a_rate_may_be_off() {
    let off = RequestRate::new(&config("front_door", r#""client_requests_per_second_max":null"#));
    let balancer = RequestRate::new(&config("balancer", r#""client_requests_per_second_max":1"#));
    for rate in [off, balancer] {
        assert!((0..5_000).all(|_| rate.permits(ip("10.0.0.1"), Duration::ZERO)));
    }
}
