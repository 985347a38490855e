//! Staff: who may sign in, and with what.

use ledger::{Actor, Role, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AuditEvent, Staff, StaffChange, StaffChanged};
use crate::sqlite::{classify, factors, logs, row, sessions};

const FIND: &str = "select user, name, role, password_hash, password_generated, disabled \
     from staff where user = ?1";
const LIST: &str = "select user, name, role, password_hash, password_generated, disabled \
     from staff order by user";
const INSERT: &str = "insert into staff \
     (user, name, role, password_hash, password_generated, disabled, created_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (user) do nothing";
const SET_PASSWORD: &str =
    "update staff set password_hash = ?2, password_generated = ?3 where user = ?1";
const SET_DISABLED: &str = "update staff set disabled = ?2 where user = ?1";
const SET_ROLE: &str = "update staff set role = ?2 where user = ?1";

pub(crate) fn find(db: &Connection, user: &UserId) -> Result<Option<Staff>, Error> {
    db.prepare_cached(FIND)
        .and_then(|mut statement| statement.query_row([user.as_str()], staff).optional())
        .map_err(classify)
}

pub(crate) fn list(db: &mut Connection) -> Result<Vec<Staff>, Error> {
    db.prepare_cached(LIST)
        .and_then(|mut statement| statement.query_map([], staff)?.collect())
        .map_err(classify)
}

pub(crate) fn add(db: &Connection, staff: &Staff) -> Result<bool, Error> {
    changed(db.execute(
        INSERT,
        params![
            staff.user.as_str(),
            staff.name,
            staff.role.as_str(),
            staff.password_hash,
            staff.password_generated,
            staff.disabled,
            now_ms(),
        ],
    ))
}

fn set_password(
    db: &Connection,
    user: &UserId,
    password_hash: &str,
    generated: bool,
) -> Result<bool, Error> {
    changed(db.execute(SET_PASSWORD, params![user.as_str(), password_hash, generated]))
}

fn set_disabled(db: &Connection, user: &UserId, disabled: bool) -> Result<bool, Error> {
    if disabled {
        sessions::end_all(db, user)?;
    }
    changed(db.execute(SET_DISABLED, params![user.as_str(), disabled]))
}

fn set_role(db: &Connection, user: &UserId, role: Role) -> Result<bool, Error> {
    changed(db.execute(SET_ROLE, params![user.as_str(), role.as_str()]))
}

/// A change by an administrator, or by the command line (`None`), with its audit row.
pub(crate) fn change(
    db: &Connection,
    actor: Option<&Actor>,
    user: &UserId,
    change: &StaffChange,
) -> Result<StaffChanged, Error> {
    if let Some(actor) = actor {
        let may = find(db, &actor.user)?
            .is_some_and(|actor| !actor.disabled && actor.role == Role::Administrator);
        if !may || actor.user == *user {
            return Ok(StaffChanged::NotAllowed);
        }
    }
    let done = match change {
        StaffChange::Add { name, role, password_hash } => add(
            db,
            &Staff {
                user: user.clone(),
                name: name.clone(),
                role: *role,
                password_hash: password_hash.clone(),
                password_generated: true,
                disabled: false,
            },
        )?,
        StaffChange::Password { password_hash } => {
            sessions::end_all(db, user)?;
            set_password(db, user, password_hash, true)?
        }
        StaffChange::Disabled(disabled) => set_disabled(db, user, *disabled)?,
        StaffChange::Role(role) => set_role(db, user, *role)?,
        StaffChange::EndSessions => {
            sessions::end_all(db, user)?;
            find(db, user)?.is_some()
        }
        StaffChange::RemoveSecondFactor => {
            let removed = factors::remove(db, user)?;
            if removed {
                sessions::end_all_in_browsers(db, user)?;
            }
            removed
        }
    };
    if !done {
        return Ok(StaffChanged::NoSuchUser);
    }
    let subject = user.as_str().to_owned();
    let event = match actor {
        Some(actor) => AuditEvent::of(actor, change.action(), subject, "done"),
        None => AuditEvent::of_command_line(change.action(), subject),
    };
    logs::record(db, &event)?;
    Ok(StaffChanged::Done)
}

/// A password that its owner chose, with the audit row. Every session in a browser ends, the one
/// that asks too.
pub(crate) fn choose_password(
    db: &Connection,
    actor: &Actor,
    password_hash: &str,
) -> Result<bool, Error> {
    sessions::end_all_in_browsers(db, &actor.user)?;
    let done = set_password(db, &actor.user, password_hash, false)?;
    if done {
        let subject = actor.user.as_str().to_owned();
        logs::record(db, &AuditEvent::of(actor, "password.change", subject, "done"))?;
    }
    Ok(done)
}

fn changed(result: Result<usize, rusqlite::Error>) -> Result<bool, Error> {
    Ok(result.map_err(classify)? > 0)
}

fn staff(found: &Row<'_>) -> Result<Staff, rusqlite::Error> {
    Ok(Staff {
        user: row::user(found, 0)?,
        name: found.get(1)?,
        role: row::word(found, 2, Role::parse)?,
        password_hash: found.get(3)?,
        password_generated: found.get(4)?,
        disabled: found.get(5)?,
    })
}
