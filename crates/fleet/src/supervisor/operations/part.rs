//! Faults of one half of a database node: PostgreSQL alone, its agent alone.
//!
//! Guarantees: the signals are sent by the node's keeper, like all others.

use super::{Action, BeginError, Member, OperationError, Operations};
use crate::fault::{ActionKind, ActiveFault, Fault, Part};
use crate::process::Role;
use crate::supervisor::keeper::Deed;

/// Reads `database01-east/agent`: the node, and which part of it.
pub(super) fn split(target: &str) -> Result<(&str, Option<Part>), OperationError> {
    let Some((node, word)) = target.split_once('/') else { return Ok((target, None)) };
    let part = Part::ALL.into_iter().find(|part| part.name() == word);
    let refuse = || {
        let sentence =
            format!("a node of the database has the parts postgres and agent, no `{word}`");
        OperationError::Target(sentence)
    };
    Ok((node, Some(part.ok_or_else(refuse)?)))
}

impl Operations {
    pub(super) async fn begin_on_part(
        &self,
        member: &Member,
        part: Part,
        active: &ActiveFault,
    ) -> Result<Vec<Action>, BeginError> {
        if member.role() != Role::Database {
            return Err(BeginError::NoParts);
        }
        let (deed, what) = match active.fault {
            Fault::Kill { stay_down: false } => (Deed::KillPart(part), ActionKind::Killed),
            Fault::Freeze => (Deed::Freeze(active.clone()), ActionKind::Frozen),
            _ => return Err(BeginError::NotOfParts),
        };
        let at = member.orders.carry_out(deed).await?;
        let process = format!("{}/{}", member.name(), part.name());
        Ok(vec![Action { process, ..member.action(what, at) }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_behind_a_slash() {
        assert_eq!(split("east").unwrap(), ("east", None));
        assert_eq!(split("database01-e/agent").unwrap(), ("database01-e", Some(Part::Agent)));
        let error = split("database01-east/disk").unwrap_err().to_string();
        assert!(error.contains("no `disk`"), "{error}");
    }
}
