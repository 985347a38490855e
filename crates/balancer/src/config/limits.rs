//! Every limit, its default, and the reason for the number.

use serde::Deserialize;

/// Every limit. A request that meets one gets a status, a reason and a count.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Client connections at once. 4,096: with one connection to a server for each it stays well
    /// below the 20,000 file descriptors that systemd grants by default elsewhere.
    pub connections_max: usize,
    /// Connections of one client address at once; only the front door counts them. 1,024: a branch
    /// of a hundred desks behind one address needs at most 600 (browsers open six each), and four
    /// such addresses fill the limit above.
    pub connections_per_client_max: usize,
    /// Requests per second of one client address (of an IPv6 network of 64 bits), on average; only
    /// the front door counts them; `null` for no limit. 1,000: a hundred desks that each load a
    /// page of ten requests every second.
    pub client_requests_per_second_max: Option<u32>,
    /// Requests that a client may send at once after a pause. 2,000: two seconds' worth.
    pub client_requests_burst_max: u32,
    /// Requests in flight on one server. 256: a server that answers in 20 ms then still does
    /// 12,000 requests a second, and one that is overloaded makes nobody wait for long.
    pub outstanding_per_server_max: u32,
    /// Requests that wait while all servers have as many as they may have. 64: a burst passes, an
    /// overload is refused at once.
    pub queue_max: usize,
    /// Longest wait of those. 25 ms: a refusal then reaches its client within 50 ms.
    pub queue_wait_ms: u64,
    /// Request line and header together. 32 KiB: twice what browsers send with full cookies.
    pub header_bytes_max: usize,
    /// Request target. 8 KiB: RFC 9112 section 3 asks for 8,000 at least.
    pub target_bytes_max: usize,
    /// Fields of a request. 100: browsers send 20.
    pub fields_max: usize,
    /// Request body. 8 MiB: a batch of 8,000 transfers is about 1 MiB.
    pub body_bytes_max: u64,
    /// Bodies above 64 KiB that are kept for a repeat, all together. 16 MiB: two of the largest at
    /// once, and the process stays under its 40 MiB; what does not fit is not repeated.
    pub replay_bytes_max: u64,
    /// Connecting to a server. 1 s: one lost SYN is sent again after 1 s, a second is a verdict.
    pub connect_timeout_ms: u64,
    /// Silence of a server while it owes bytes. 30 s: twice the bank's own deadline.
    pub response_timeout_ms: u64,
    /// From the first byte of a head to its last. 10 s: a head is one or two packets, of which each
    /// may be lost twice.
    pub client_header_timeout_ms: u64,
    /// The time over which the rate below is measured while a client owes the rest of a body.
    /// 10 s: as long as a phone needs to change networks.
    pub client_read_timeout_ms: u64,
    /// Least rate of a body that is waited for. 500 B/s: what Apache's `mod_reqtimeout` asks for;
    /// a modem of 1990 was faster.
    pub client_body_bytes_per_second_min: u64,
    /// A client that does not take its answer. 30 s, as for reading a page over a bad line.
    pub client_write_timeout_ms: u64,
    /// Least rate at which a client takes an answer that waits for it, measured over the time
    /// above. 500 B/s, as for a body: who takes a byte now and then holds a server's answer for
    /// ever.
    pub client_answer_bytes_per_second_min: u64,
    /// A client connection without a request. 60 s, as AWS does.
    pub client_idle_seconds: u64,
    /// A server connection without a request. 50 s: less than the idle time of servers (60 s and
    /// up), so that it is this side that closes and no request meets a closed connection.
    pub upstream_idle_ms: u64,
    /// Idle connections kept to all servers together. 256: memory of about 2 KiB each.
    pub upstream_idle_max: usize,
    /// Servers tried for one request. 3: with two of them gone a third failure is not chance.
    pub attempts_max: u32,
    /// Repeats per hundred requests. 20: a dead server of two costs less, a dead region more.
    pub retry_percent: u32,
    /// Repeats allowed in a window whatever the traffic. 3: the lone client deserves them.
    pub retry_minimum: u32,
    /// The window of the two above. 10 s: long enough for thin traffic to earn a repeat.
    pub retry_window_ms: u64,
    /// First ejection by passive evidence; it doubles. 2 s: a restart takes less.
    pub eject_base_ms: u64,
    /// Longest ejection. 60 s: a repaired server must not wait for minutes.
    pub eject_max_ms: u64,
    /// Health that halves the next ejection. 30 s: six checks of the usual interval.
    pub eject_decay_ms: u64,
    /// Gateway errors (502, 503, 504, garbage, silence) in a row that eject. 3: two can be chance.
    pub gateway_errors_max: u32,
    /// How long a server that came back gets less than its share. 5 s: caches and pools fill.
    pub slow_start_ms: u64,
    /// Waiting requests without any first byte for this long put a server under suspicion and
    /// start a check at once. 500 ms: ten times a slow answer of a healthy server.
    pub suspect_after_ms: u64,
    /// Hard limit on the check of a suspect. 1 s: with the time above a frozen server is out
    /// 1.6 s after it stopped.
    pub suspect_timeout_ms: u64,
    /// Longest time between checks of a server in doubt or down. 1 s: the verdict and the return
    /// come quickly, at the price of one small request a second.
    pub doubt_interval_ms: u64,
    /// Time between checks of an ejected server. 250 ms: it cannot return unseen.
    pub ejected_interval_ms: u64,
    /// Time between checks of a server that never passed one. 100 ms: a deployment is ready as
    /// soon as its servers are.
    pub new_interval_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            connections_per_client_max: 1_024,
            client_requests_per_second_max: Some(1_000),
            client_requests_burst_max: 2_000,
            outstanding_per_server_max: 256,
            queue_max: 64,
            queue_wait_ms: 25,
            header_bytes_max: 32 * 1_024,
            target_bytes_max: 8 * 1_024,
            fields_max: 100,
            body_bytes_max: 8 * 1_024 * 1_024,
            replay_bytes_max: 16 * 1_024 * 1_024,
            connect_timeout_ms: 1_000,
            response_timeout_ms: 30_000,
            client_header_timeout_ms: 10_000,
            client_read_timeout_ms: 10_000,
            client_body_bytes_per_second_min: 500,
            client_write_timeout_ms: 30_000,
            client_answer_bytes_per_second_min: 500,
            client_idle_seconds: 60,
            upstream_idle_ms: 50_000,
            upstream_idle_max: 256,
            attempts_max: 3,
            retry_percent: 20,
            retry_minimum: 3,
            retry_window_ms: 10_000,
            eject_base_ms: 2_000,
            eject_max_ms: 60_000,
            eject_decay_ms: 30_000,
            gateway_errors_max: 3,
            slow_start_ms: 5_000,
            suspect_after_ms: 500,
            suspect_timeout_ms: 1_000,
            doubt_interval_ms: 1_000,
            ejected_interval_ms: 250,
            new_interval_ms: 100,
        }
    }
}
