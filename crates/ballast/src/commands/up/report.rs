//! What `ballast up` says: progress to people, the result as data.
//!
//! Guarantees: the order of the table is the way of a request: front door, balancer, servers.

use std::collections::HashMap;

use fleet::process::Process;
use fleet::supervisor::{Deployment, Event, EventKind};
use tokio::sync::mpsc;

use crate::bank::SampleStaff;
use crate::commands::ps;
use crate::output::{self, Table};

/// The table, the one address to open, and the sample staff.
pub(super) fn ready(deployment: &Deployment, people: &[SampleStaff]) -> String {
    let mut table = Table::new(&["WHAT", "WHERE", "ADDRESS", "STATE"]);
    for process in ps::top_down(&deployment.processes()) {
        let Process { name, address, state, .. } = process;
        table.row([name.clone(), ps::place(process), address.to_string(), state.to_string()]);
    }
    let mut text = format!("{}\nOpen {}\n", table.render(), deployment.url());
    if !people.is_empty() {
        text.push('\n');
        text.push_str(&staff(people));
    }
    text
}

/// The sample staff, with the passwords that were just made.
pub(super) fn staff(people: &[SampleStaff]) -> String {
    let mut table = Table::new(&["USER", "NAME", "ROLE", "PASSWORD"]);
    for one in people {
        let password = one.password.clone().unwrap_or_else(|| "(chosen by its owner)".to_owned());
        table.row([one.user.clone(), one.name.clone(), one.role.to_string(), password]);
    }
    table.render()
}

/// Tells people what happens, until the deployment is gone. A process that starts and stops as it
/// should is not worth a line.
pub(super) async fn follow(mut events: mpsc::Receiver<Event>) {
    let mut restarted: HashMap<String, u32> = HashMap::new();
    while let Some(Event { name, kind }) = events.recv().await {
        match kind {
            EventKind::Started { .. } | EventKind::Stopped => {}
            EventKind::Restarted { pid, .. } | EventKind::Replaced { pid } => {
                restarted.insert(name, pid);
            }
            EventKind::Ready { after } => {
                let took = after.as_millis();
                match restarted.remove(&name) {
                    Some(pid) => {
                        output::note(&format!("{name} is back as pid {pid} after {took} ms"));
                    }
                    None => output::note(&format!("{name} is ready after {took} ms")),
                }
            }
            EventKind::Died { how, restart_in } => {
                let then = match restart_in {
                    Some(pause) => format!("it is started again in {} ms", pause.as_millis()),
                    None => "it is kept down until `ballast fault heal`".to_owned(),
                };
                output::note(&format!("{name} died ({how}); {then}"));
            }
            EventKind::CrashLooping { deaths, log_tail } => {
                output::note(&format!(
                    "{name} died {deaths} times in a row without doing its work; it is still \
                     tried, at most every 5 s. The end of its log:"
                ));
                for line in log_tail {
                    output::note(&format!("    {line}"));
                }
            }
        }
    }
}
