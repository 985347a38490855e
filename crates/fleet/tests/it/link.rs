//! Links, over a target that sends back what it gets.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fleet::link::{Conditions, Link};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::harness::{DEADLINE, until};

const FREE: &str = "127.0.0.1:0";

/// An echo. Ends with the test.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(FREE).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                // A client that resets ends its own connection only.
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    address
}

async fn link(conditions: Conditions) -> Link {
    Link::start(FREE.parse().unwrap(), echo().await, conditions).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) -> Duration {
    let begin = Instant::now();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut back = vec![0; text.len()];
    timeout(DEADLINE, stream.read_exact(&mut back)).await.expect("an answer").unwrap();
    assert_eq!(back, text.as_bytes());
    begin.elapsed()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test]
async fn each_direction_has_its_delay_and_it_may_change() {
    let link = link(Conditions::default()).await;
    let mut stream = TcpStream::connect(link.address()).await.unwrap();
    assert!(say(&mut stream, "near").await < ms(150), "a link alone is quick");
    let delay = |to, from| Conditions {
        delay_to_target: ms(to),
        delay_from_target: ms(from),
        is_held: false,
    };
    for (to, from) in [(200, 0), (0, 200), (100, 200)] {
        link.set(delay(to, from));
        let took = say(&mut stream, "far").await;
        // Each way to the nearest millisecond.
        assert!(took + ms(1) >= ms(to + from), "{took:?}");
        assert!(took < ms(to + from) * 3, "{took:?}");
    }
}

#[tokio::test]
async fn a_round_trip_is_as_long_as_was_said() {
    for (each_way, below) in [(ms(0), ms(1)), (ms(31), ms(64))] {
        let link = link(Conditions {
            delay_to_target: each_way,
            delay_from_target: each_way,
            is_held: false,
        })
        .await;
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        // A machine that has no time makes some of them longer, and none shorter.
        let mut least = Duration::MAX;
        for _ in 0..50 {
            least = least.min(say(&mut stream, "a word").await);
        }
        assert!(each_way * 2 <= least && least < below, "{each_way:?} each way: {least:?}");
    }
}

#[tokio::test]
async fn throughput_does_not_fall_with_the_delay() {
    let far = Conditions { delay_from_target: ms(100), delay_to_target: ms(100), is_held: false };
    let link = link(far).await;
    let stream = TcpStream::connect(link.address()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sent: Vec<u8> = (0..4_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let begin = Instant::now();
    tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    timeout(DEADLINE, read.read_to_end(&mut back)).await.expect("an end").unwrap();
    let took = begin.elapsed();
    assert!(back == expected, "in order and whole");
    // Some 250 pieces: one delay for each would be 50 s.
    assert!((ms(200)..ms(3_000)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn what_is_held_waits_and_arrives() {
    let link = link(Conditions::default()).await;
    let mut stream = TcpStream::connect(link.address()).await.unwrap();
    say(&mut stream, "before").await;
    link.set(Conditions { is_held: true, ..Conditions::default() });
    stream.write_all(b"during").await.unwrap();
    let mut new = TcpStream::connect(link.address()).await.unwrap();
    new.write_all(b"new").await.unwrap();
    let mut back = [0; 6];
    assert!(timeout(ms(200), stream.read_exact(&mut back)).await.is_err(), "nothing passes");
    assert!(timeout(ms(50), new.read_u8()).await.is_err(), "nobody answers");
    link.set(Conditions::default());
    timeout(DEADLINE, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"during");
    assert_eq!(timeout(DEADLINE, new.read_u8()).await.unwrap().unwrap(), b'n');
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_nothing_else() {
    let link = link(Conditions::default()).await;
    let mut stream = TcpStream::connect(link.address()).await.unwrap();
    say(&mut stream, "before").await;
    link.cut();
    let error = timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut stream = TcpStream::connect(link.address()).await.unwrap();
    say(&mut stream, "after").await;
}

#[tokio::test]
async fn a_retired_link_lets_its_connections_end() {
    let link = link(Conditions { delay_from_target: ms(60_000), ..Conditions::default() }).await;
    let address = link.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    assert!(timeout(ms(100), stream.peek(&mut [0])).await.is_err(), "it is under way");
    let retiring = tokio::spawn(link.retire());
    assert_eq!(timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap(), b'x', "at once");
    until("nobody listens", || async { TcpStream::connect(address).await.is_err() }).await;
    assert!(!retiring.is_finished());
    say(&mut stream, "still open").await;
    stream.shutdown().await.unwrap();
    timeout(DEADLINE, retiring).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_target_that_refuses_resets_and_strangers_are_refused() {
    let nobody = TcpListener::bind(FREE).await.unwrap().local_addr().unwrap();
    let link = Link::start(FREE.parse().unwrap(), nobody, Conditions::default()).await.unwrap();
    let mut stream = TcpStream::connect(link.address()).await.unwrap();
    assert!(timeout(DEADLINE, stream.read_u8()).await.unwrap().is_err());
    for (listen, target) in [("0.0.0.0:0", "127.0.0.1:1"), (FREE, "10.0.0.1:80")] {
        let (listen, target) = (listen.parse().unwrap(), target.parse().unwrap());
        let error = Link::start(listen, target, Conditions::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "a link begins and ends on loopback");
    }
}
