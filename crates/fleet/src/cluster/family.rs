//! The descendants of a process, as `/proc` shows them.
//!
//! Guarantees: parents come before their children, so whoever stops them in this order lets no one
//! be reaped meanwhile; the process itself is not in the list.
//!
//! Only a process that adopts orphans (`PR_SET_CHILD_SUBREAPER`, as `guard` does) keeps those whose
//! parent has left: PostgreSQL leaves Patroni at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fault::Part;

/// Who is whose child, at this moment.
#[derive(Debug, Default)]
pub struct Family {
    parents: BTreeMap<u32, u32>,
}

impl Family {
    /// Looks at every process of this machine.
    #[must_use]
    pub fn look() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        Self { parents: pids.filter_map(|pid| Some((pid, parent(pid)?))).collect() }
    }

    /// The children of a process, theirs, and so on; nearest first.
    #[must_use]
    pub fn descendants(&self, root: u32) -> Vec<u32> {
        let mut generation = vec![root];
        let mut found = Vec::new();
        while !generation.is_empty() {
            let is_next = |parent: &u32| generation.contains(parent);
            let next = self.parents.iter().filter(|(_, parent)| is_next(parent));
            let next: Vec<u32> = next.map(|(pid, _)| *pid).collect();
            found.extend(&next);
            generation = next;
        }
        found
    }
}

/// Signals every descendant, parents first.
pub(crate) fn signal_descendants(root: u32, signal: Signal) {
    for pid in Family::look().descendants(root) {
        if let Ok(pid) = i32::try_from(pid) {
            // Who has left meanwhile needs no signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Signals one half of a database node: the PostgreSQL that its data folder names, with all of its
/// processes, or everything else behind the guard. Says whether there was anybody.
pub(crate) fn signal_part(data: &Path, guard: u32, part: Part, signal: Signal) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let named = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok());
    let family = Family::look();
    let all = family.descendants(guard);
    // A number that a dead PostgreSQL left in the file may be a stranger's by now.
    let mut postgres: Vec<u32> = named.filter(|pid| all.contains(pid)).into_iter().collect();
    if let [first] = postgres[..] {
        postgres.extend(family.descendants(first));
    }
    let meant: Vec<u32> = match part {
        Part::Postgres => postgres,
        Part::Agent => all.into_iter().filter(|pid| !postgres.contains(pid)).collect(),
    };
    for pid in meant.iter().filter_map(|pid| i32::try_from(*pid).ok()) {
        // Who has left meanwhile needs no signal.
        let _ = kill(Pid::from_raw(pid), signal);
    }
    !meant.is_empty()
}

/// The second field after the name, proc(5) `/proc/PID/stat`.
fn parent(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_before_children() {
        let parents = [(2, 1), (3, 9), (5, 2), (9, 2), (4, 8), (8, 1)].into();
        let family = Family { parents };
        assert_eq!(family.descendants(2), [5, 9, 3]);
        assert_eq!(family.descendants(3), [0_u32; 0]);
    }

    #[test]
    fn this_process_is_a_child_of_its_parent() {
        let family = Family::look();
        assert!(
            family.descendants(std::os::unix::process::parent_id()).contains(&std::process::id())
        );
    }
}
