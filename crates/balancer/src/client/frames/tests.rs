//! What a client may send that is no request, frame by frame, in passed-in time.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
    bytes.resize(HEADER_BYTES + usize::from(length), 0xff);
    bytes
}

struct Bench {
    meter: FrameMeter<()>,
    clock_ms: Arc<AtomicU64>,
}

fn bench() -> Bench {
    let clock_ms = Arc::new(AtomicU64::new(0));
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let connection = Arc::new(Connection::new(client, Arc::clone(&clock_ms)));
    let mut meter = FrameMeter::new((), connection);
    assert!(meter.permits(PREFACE));
    Bench { meter, clock_ms }
}

impl Bench {
    /// How many rounds of these frames pass, up to 100,000.
    fn rounds(&mut self, frames: &[Vec<u8>]) -> usize {
        let bytes = frames.concat();
        (0..100_000).find(|_| !self.meter.permits(&bytes)).unwrap_or(100_000)
    }
}

#[test]
fn frames_that_ask_for_nothing_have_an_end() {
    for (kind, flags, length, expect) in [
        (PING, 0, 8, 2_000),
        (SETTINGS, 0, 6, 200),
        (RST_STREAM, 0, 4, 100),
        (WINDOW_UPDATE, 0, 4, 2_000),
        (CONTINUATION, 0, 0, 2_000),
        (DATA, 0, 0, 2_000),
        (DATA, 0, 1, 2_000),
        (0xbe, 0, 200, 2_000),
        (DATA, 0, 100, 100_000),
        (DATA, END_STREAM, 1, 100_000),
        (HEADERS, 0, 9, 100_000),
    ] {
        let got = bench().rounds(&[frame(kind, flags, length)]);
        assert_eq!(got, expect, "kind {kind}, flags {flags}, {length} bytes");
    }
}

#[test]
fn requests_pay_for_what_belongs_to_them_and_not_for_giving_them_up() {
    let request = || frame(HEADERS, 5, 9);
    let usual = [request(), frame(WINDOW_UPDATE, 0, 4), frame(PING, 0, 8)];
    assert_eq!(bench().rounds(&usual), 100_000);
    assert_eq!(bench().rounds(&[request(), frame(RST_STREAM, 0, 4)]), 199);
}

#[test]
fn answers_pay_for_the_windows_they_need() {
    let mut bench = bench();
    for _ in 0..100_000 {
        // Go's client: a grant for the stream and one for the connection each 4 KiB.
        bench.meter.on_written(4 * 1_024);
        assert!(bench.meter.permits(&frame(WINDOW_UPDATE, 0, 4).repeat(2)));
    }
}

#[test]
fn time_pays_for_a_keep_alive() {
    let mut bench = bench();
    assert_eq!(bench.rounds(&[frame(PING, 0, 8)]), 2_000);
    for second in 1..1_000 {
        bench.clock_ms.store(second * 1_000, Relaxed);
        assert!(bench.meter.permits(&frame(PING, 0, 8).repeat(90)), "{second}");
    }
    bench.clock_ms.store(10_000_000, Relaxed);
    let again = bench.rounds(&[frame(PING, 0, 8)]);
    assert!((2_000..2_300).contains(&again), "no more than at first and what was left: {again}");
}

#[test]
fn frames_are_the_same_in_every_split() {
    let frames = [frame(HEADERS, 4, 20), frame(DATA, 1, 70), frame(PING, 0, 8)].concat();
    let whole = [PREFACE, &frames].concat();
    for size in 1..=whole.len() {
        let mut reader = Frames::new();
        let mut seen = Vec::new();
        for part in whole.chunks(size) {
            let mut rest = part;
            while let Some((header, behind)) = reader.next(rest) {
                seen.push((header.kind, header.flags, header.length));
                rest = behind;
            }
        }
        assert_eq!(seen, [(1, 4, 20), (0, 1, 70), (6, 0, 8)], "in parts of {size}");
    }
}
