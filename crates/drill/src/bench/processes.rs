//! CPU time and memory of the processes involved, read from `/proc`.
//!
//! Guarantees that a process that was replaced inside the window is left out rather than counted
//! wrongly: pids are compared by their start time. Linux only; elsewhere the list is empty.

use std::{fs, time::Duration};

use fleet::process::Process;

/// Clock ticks in a second. The kernel shows CPU times to programs in units of `USER_HZ`, which
/// is 100 on every platform this runs on (proc(5), time(7)).
const TICKS_PER_SECOND: u64 = 100;

/// The name of this process in reports.
pub(super) const CLIENT: &str = "client";

/// CPU time and memory of each process at one moment, or over a time.
#[derive(Debug, Default)]
pub(super) struct CpuTimes(pub(super) Vec<CpuTime>);

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CpuTime {
    pub(super) name: String,
    pub(super) cpu: Duration,
    pub(super) memory_kib: u64,
    started_at_tick: u64,
}

impl CpuTimes {
    /// Looks at the processes and at this one.
    pub(super) fn now(processes: &[Process]) -> Self {
        let client = (CLIENT, Some(std::process::id()));
        let others = processes.iter().map(|process| (process.name.as_str(), process.pid));
        let all = std::iter::once(client).chain(others);
        Self(all.filter_map(|(name, pid)| look_at(name, pid?)).collect())
    }

    /// What was used since an earlier look.
    pub(super) fn since(self, before: &Self) -> Self {
        let used = self.0.into_iter().filter_map(|mut now| {
            let was = before
                .0
                .iter()
                .find(|b| b.name == now.name && b.started_at_tick == now.started_at_tick)?;
            now.cpu = now.cpu.saturating_sub(was.cpu);
            Some(now)
        });
        Self(used.collect())
    }
}

fn look_at(name: &str, pid: u32) -> Option<CpuTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (cpu, started_at_tick) = parse_stat(&stat)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let memory_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    Some(CpuTime { name: name.to_owned(), cpu, memory_kib, started_at_tick })
}

/// User and system time, and the start time, from `/proc/PID/stat`: fields 14, 15 and 22 (proc(5)).
/// The command's name may hold spaces and brackets, so fields are counted from its last bracket.
fn parse_stat(stat: &str) -> Option<(Duration, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)?;
    Some((Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND), field(22)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4 5 6 7 8 250 50 0 0 20 0 9 0 4711 1 2 3";
        assert_eq!(super::parse_stat(stat), Some((Duration::from_secs(3), 4711)));
    }
}
