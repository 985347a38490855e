//! The process as Linux sees it (proc_pid_status(5), proc_pid_stat(5)), under the names that every
//! Prometheus client uses. What cannot be read is left out, not zero.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Clock ticks a second in `/proc`: 100 on every Linux that Rust runs on (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn text(started_at: SystemTime, out: &mut String) {
    let started = started_at.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64());
    let stat = std::fs::read_to_string("/proc/self/stat").ok();
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let files = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    for (name, kind, help, value) in [
        (
            "start_time_seconds",
            "gauge",
            "Start of the process since 1970.",
            started.map(|seconds| format!("{seconds:.3}")),
        ),
        (
            "cpu_seconds_total",
            "counter",
            "User and system time of the process.",
            stat.as_deref().and_then(cpu_seconds).map(|seconds| seconds.to_string()),
        ),
        (
            "resident_memory_bytes",
            "gauge",
            "Memory of the process that is in RAM.",
            status.as_deref().and_then(resident_bytes).map(|bytes| bytes.to_string()),
        ),
        (
            "open_fds",
            "gauge",
            "File descriptors that are open.",
            files.map(|count| count.to_string()),
        ),
    ] {
        let Some(value) = value else { continue };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP process_{name} {help}\n# TYPE process_{name} {kind}");
        let _ = writeln!(out, "process_{name} {value}");
    }
}

/// Fields 14 and 15; the name in field 2 may hold spaces, so counting begins behind it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some((f64::from(ticks()?) + f64::from(ticks()?)) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_understood() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 99 0 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"), Some(2_097_152));
        assert_eq!((cpu_seconds("7 (x"), resident_bytes("VmRSS: many")), (None, None));
    }
}
