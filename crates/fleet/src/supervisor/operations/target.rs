//! Whom a person means by `applicationServer01-east`, `ALB-e`, `us-east-1a` or `east`.
//!
//! Guarantees: pure. A whole word wins over the beginning of another one; what means nobody, or
//! more than one thing, is refused with a list of what there is.

use crate::process::{Process, Role};

/// The processes that a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One process.
    Process,
    /// The servers of a zone.
    Zone,
    /// A region.
    Region,
}

/// Finds the processes, in the order given.
///
/// # Errors
/// The sentence that lists what there is.
pub(crate) fn resolve<'a>(
    word: &str,
    processes: &'a [Process],
) -> Result<(Scope, Vec<&'a Process>), String> {
    let known = words(processes);
    let whole = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    let found = match whole {
        Some(found) => found,
        None => match known.iter().filter(|(known, _)| begins(known, word)).collect::<Vec<_>>()[..]
        {
            [found] => found,
            [] => return Err(format!("there is no `{word}`; {}", list(&known))),
            ref several => {
                let several: Vec<_> = several.iter().map(|(word, _)| word.as_str()).collect();
                return Err(format!("`{word}` may mean {}", several.join(", ")));
            }
        },
    };
    let (word, scope) = found;
    let is_meant = |process: &&Process| match scope {
        Scope::Process => process.name == *word,
        Scope::Zone => process.zone.as_ref() == Some(word),
        Scope::Region => process.region.as_ref() == Some(word),
    };
    Ok((*scope, processes.iter().filter(is_meant).collect()))
}

fn begins(known: &str, word: &str) -> bool {
    let start = known.get(..word.len());
    !word.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Everything that can be meant: processes from the front door down, zones, regions.
fn words(processes: &[Process]) -> Vec<(String, Scope)> {
    let mut words: Vec<(String, Scope)> = Vec::new();
    for role in [Role::FrontDoor, Role::Balancer, Role::Server, Role::Database, Role::Etcd] {
        let names = processes.iter().filter(|process| process.role == role);
        words.extend(names.map(|process| (process.name.clone(), Scope::Process)));
    }
    let zones = processes.iter().filter_map(|process| process.zone.clone());
    let regions = processes.iter().filter_map(|process| process.region.clone());
    let places = zones.map(|zone| (zone, Scope::Zone));
    for place in places.chain(regions.map(|region| (region, Scope::Region))) {
        if !words.contains(&place) {
            words.push(place);
        }
    }
    words
}

fn list(known: &[(String, Scope)]) -> String {
    let of = |wanted: Scope| {
        let words = known.iter().filter(|(_, scope)| *scope == wanted);
        words.map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(", ")
    };
    format!(
        "there are the processes {}; the zones {}; the regions {}",
        of(Scope::Process),
        of(Scope::Zone),
        of(Scope::Region)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, role: Role, region: Option<&str>, zone: Option<&str>) -> Process {
        Process {
            region: region.map(str::to_owned),
            zone: zone.map(str::to_owned),
            ..Process::new(name.to_owned(), role, "127.0.0.1:1".parse().unwrap())
        }
    }

    #[track_caller]
    fn check(word: &str, expected: Result<&[&str], &str>) {
        let processes = [
            process("server01-east", Role::Server, Some("east"), Some("us-east-1a")),
            process("server02-east", Role::Server, Some("east"), Some("us-east-1b")),
            process("server01-west", Role::Server, Some("west"), Some("us-west-2a")),
            process("ALB-east", Role::Balancer, Some("east"), None),
            process("front-door", Role::FrontDoor, None, None),
        ];
        let found = resolve(word, &processes);
        let found = found.map(|(_, found)| {
            found.iter().map(|process| process.name.as_str()).collect::<Vec<_>>()
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(found, expected),
            (found, expected) => panic!("{word}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn names_beginnings_zones_and_regions() {
        check("server01-west", Ok(&["server01-west"]));
        check("ALB-east", Ok(&["ALB-east"]));
        check("alb", Ok(&["ALB-east"]));
        check("front", Ok(&["front-door"]));
        check("server02", Ok(&["server02-east"]));
        check("us-east-1b", Ok(&["server02-east"]));
        check("us-w", Ok(&["server01-west"]));
        check("east", Ok(&["server01-east", "server02-east", "ALB-east"]));
        check("west", Ok(&["server01-west"]));
        check("server01", Err("`server01` may mean server01-east, server01-west"));
        check("us-east", Err("`us-east` may mean us-east-1a, us-east-1b"));
        let there_are = "there are the processes front-door, ALB-east, server01-east, \
             server02-east, server01-west; the zones us-east-1a, us-east-1b, us-west-2a; \
             the regions east, west";
        check("nobody", Err(&format!("there is no `nobody`; {there_are}")));
        check("", Err(&format!("there is no ``; {there_are}")));
    }
}
