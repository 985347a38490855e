//! The access log: one line of JSON for each request of a client.
//!
//! A line is formatted into a buffer in memory; a thread writes the buffer out ten times a second.
//! Guarantees: the request never waits for the disk (when the disk is too slow, lines are dropped
//! and counted); no query string, because it may hold a social security number; no header values
//! except the request id.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Lines wait at most this long in memory: short enough to follow by eye.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// Most bytes that wait: five seconds of 8,000 requests/s is out of reach of a working disk.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// Longest path that is written; longer ones are cut.
const PATH_BYTES_MAX: usize = 256;

/// What a line says.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) client: Option<std::net::IpAddr>,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) reason: Option<&'static str>,
    pub(crate) server: Option<&'a str>,
    pub(crate) attempts: usize,
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
    pub(crate) request_id: &'a [u8],
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The second that `stamp` stands for.
    second: u64,
    stamp: String,
}

/// The log of one process.
#[derive(Debug)]
pub(crate) struct AccessLog {
    waiting: Arc<Mutex<Waiting>>,
    stop: Arc<AtomicBool>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl AccessLog {
    /// Opens the file for appending and starts the writer.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let (waiting, stop) = (Arc::clone(&waiting), Arc::clone(&stop));
            std::thread::Builder::new()
                .name("access-log".to_owned())
                .spawn(move || write_out(file, &waiting, &stop))?
        };
        Ok(Self { waiting, stop, writer: Mutex::new(Some(writer)) })
    }

    /// Adds a line; false when it had to be dropped.
    pub(crate) fn write(&self, line: &Line<'_>) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.len() > WAITING_BYTES_MAX {
            return false;
        }
        if waiting.second != now.as_secs() {
            waiting.second = now.as_secs();
            waiting.stamp = utc(now.as_secs());
        }
        let Waiting { bytes, stamp, .. } = &mut *waiting;
        format_line(bytes, stamp, now.subsec_millis(), line);
        true
    }

    /// Writes out what waits and ends the writer.
    pub(crate) fn close(&self) {
        self.stop.store(true, Ordering::Release);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.thread().unpark();
            if writer.join().is_err() {
                tracing::error!("the writer of the access log died");
            }
        }
    }
}

fn write_out(mut file: File, waiting: &Mutex<Waiting>, stop: &AtomicBool) {
    let mut ready = Vec::new();
    let mut failed = false;
    loop {
        let last = stop.load(Ordering::Acquire);
        {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut waiting.bytes, &mut ready);
        }
        if !ready.is_empty() {
            let written = file.write_all(&ready);
            if let (Err(error), false) = (&written, failed) {
                tracing::error!(error.message = %error, "the access log cannot be written");
            }
            failed = written.is_err();
            ready.clear();
        }
        if last {
            return;
        }
        std::thread::park_timeout(FLUSH_EVERY);
    }
}

fn format_line(out: &mut Vec<u8>, stamp: &str, millis: u32, line: &Line<'_>) {
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(stamp.as_bytes());
    out.push(b'.');
    for (divisor, unit) in [(100, 10), (10, 10), (1, 10)] {
        out.push(b'0' + u8::try_from(millis / divisor % unit).unwrap_or(0));
    }
    out.extend_from_slice(b"Z\",\"client\":\"");
    if let Some(client) = line.client {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{client}");
    }
    out.extend_from_slice(b"\",\"method\":\"");
    escape(out, line.method.as_bytes());
    out.extend_from_slice(b"\",\"path\":\"");
    escape(out, line.path.as_bytes().get(..PATH_BYTES_MAX).unwrap_or(line.path.as_bytes()));
    out.extend_from_slice(b"\",\"status\":");
    out.extend_from_slice(number.format(line.status).as_bytes());
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(line.reason.unwrap_or("-").as_bytes());
    out.extend_from_slice(b"\",\"server\":\"");
    escape(out, line.server.unwrap_or("-").as_bytes());
    out.extend_from_slice(b"\",\"attempts\":");
    out.extend_from_slice(number.format(line.attempts).as_bytes());
    out.extend_from_slice(b",\"time_us\":");
    out.extend_from_slice(number.format(line.time.as_micros()).as_bytes());
    out.extend_from_slice(b",\"bytes\":");
    out.extend_from_slice(number.format(line.bytes).as_bytes());
    out.extend_from_slice(b",\"request_id\":\"");
    escape(out, line.request_id);
    out.extend_from_slice(b"\"}\n");
}

/// JSON strings may hold neither quotes, backslashes nor control characters; what is not ASCII is
/// escaped as well, because a cut path may end inside a character.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'\\' || byte == b' ' {
            out.push(byte);
        } else {
            let _ = write!(out, "\\u{byte:04x}");
        }
    }
}

/// `2026-11-23T19:30:00` of seconds since 1970 (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
pub(crate) fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_795_462_200, "2026-11-23T19:30:00"),
            (4_107_542_399, "2100-02-28T23:59:59"),
        ] {
            assert_eq!(utc(seconds), expect);
        }
    }

    #[test]
    fn a_line_is_json_whatever_the_client_sends() {
        let mut out = Vec::new();
        let line = Line {
            client: "10.1.2.3".parse().ok(),
            method: "GET",
            path: "/a\"b\\c\u{7f}é",
            status: 502,
            reason: Some("reset"),
            server: None,
            attempts: 2,
            time: Duration::from_micros(1_234),
            bytes: 5,
            request_id: b"x\ny",
        };
        format_line(&mut out, "2026-11-23T19:30:00", 7, &line);
        let parsed: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(parsed["time"], "2026-11-23T19:30:00.007Z");
        assert_eq!(parsed["reason"], "reset");
        assert_eq!(parsed["server"], "-");
        assert_eq!(parsed["time_us"], 1_234);
    }
}
