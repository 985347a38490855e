//! Staff: who may sign in, and with what. Each change is one statement, its sessions' end included.

use ledger::{Actor, Role, UserId};
use tokio_postgres::Row;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AuditEvent, Staff, StaffChange, StaffChanged};
use crate::postgres::row::{self, get, word};
use crate::postgres::{Database, Params};

const FIND: &str = "select user_id, name, role, password_hash, password_generated, disabled \
     from staff where user_id = $1";
const LIST: &str = "select user_id, name, role, password_hash, password_generated, disabled \
     from staff order by user_id collate \"C\"";
const INSERT: &str = "insert into staff \
     (user_id, name, role, password_hash, password_generated, disabled, created_at) \
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (user_id) do nothing returning user_id";
/// A change by an administrator, or by the command line (no user), in one statement. `own` is the
/// administrator's own row, locked, so that of two who deactivate each other at once one fails;
/// `may` has a row if the change is allowed; `done` is the change; `noted` its row.
macro_rules! change {
    ($done:literal) => {
        concat!(
            "with own as materialized (select 1 from staff where user_id = $1 and user_id <> $2 ",
            "and not disabled and role = 'administrator' for update), ",
            "may as materialized (select from own union all select where $1::text is null), ",
            $done,
            ", noted as (insert into audit_events ",
            "(at, user_id, session, server, action, subject, result) ",
            "select $3::bigint, $1, $4::bigint, $5::text, $6::text, user_id, 'done' from done) ",
            "select exists (select from may), exists (select from done)"
        )
    };
}

const CHANGE_ADD: &str = change!(
    "done as (insert into staff \
         (user_id, name, role, password_hash, password_generated, disabled, created_at) \
     select $2, $7::text, $8::text, $9::text, true, false, $3 from may \
     on conflict (user_id) do nothing returning user_id)"
);
const CHANGE_PASSWORD: &str = change!(
    "done as (update staff set password_hash = $7, password_generated = true \
         where user_id = $2 and exists (select from may) returning user_id), \
     ended as (update sessions set ended_at = $3 where user_id in (select user_id from done) \
         and ended_at is null)"
);
const CHANGE_DISABLED: &str = change!(
    "done as (update staff set disabled = $7 \
         where user_id = $2 and exists (select from may) returning user_id), \
     ended as (update sessions set ended_at = $3 where user_id in (select user_id from done) \
         and $7 and ended_at is null)"
);
const CHANGE_ROLE: &str = change!(
    "done as (update staff set role = $7 \
         where user_id = $2 and exists (select from may) returning user_id)"
);
const CHANGE_SESSIONS: &str = change!(
    "done as (select user_id from staff where user_id = $2 and exists (select from may)), \
     ended as (update sessions set ended_at = $3 where user_id in (select user_id from done) \
         and ended_at is null)"
);
const CHANGE_FACTOR: &str = change!(
    "done as (delete from second_factors \
         where user_id = $2 and exists (select from may) returning user_id), \
     codes as (delete from recovery_codes where user_id in (select user_id from done)), \
     ended as (update sessions set ended_at = $3 where user_id in (select user_id from done) \
         and (kind = 'browser' or password_due) and ended_at is null)"
);
const CHOOSE_PASSWORD: &str = "with done as (update staff \
         set password_hash = $2, password_generated = false where user_id = $1 returning user_id), \
     ended as (update sessions set ended_at = $3 where user_id in (select user_id from done) \
         and (kind = 'browser' or password_due) and ended_at is null), \
     noted as (insert into audit_events (at, user_id, session, server, action, subject, result) \
         select $3, $1, $4::bigint, $5::text, 'password.change', user_id, 'done' from done) \
     select user_id from done";

pub(crate) async fn find(db: &Database, user: &UserId) -> Result<Option<Staff>, Error> {
    db.read(FIND, &[&user.as_str()]).await?.first().map(staff).transpose()
}

pub(crate) async fn list(db: &Database) -> Result<Vec<Staff>, Error> {
    db.read(LIST, &[]).await?.iter().map(staff).collect()
}

pub(crate) async fn add(db: &Database, staff: &Staff) -> Result<bool, Error> {
    let params: Params<'_> = &[
        &staff.user.as_str(),
        &staff.name,
        &staff.role.as_str(),
        &staff.password_hash,
        &staff.password_generated,
        &staff.disabled,
        &now_ms(),
    ];
    changed(db, INSERT, params).await
}

/// A change by an administrator, or by the command line (`None`), with its audit row.
pub(crate) async fn change(
    db: &Database,
    actor: Option<&Actor>,
    user: &UserId,
    change: &StaffChange,
) -> Result<StaffChanged, Error> {
    let (whom, now) = (user.as_str(), now_ms());
    let event = match actor {
        Some(actor) => AuditEvent::of(actor, change.action(), String::new(), "done"),
        None => AuditEvent::of_command_line(change.action(), String::new()),
    };
    let who = event.user.as_ref().map(UserId::as_str);
    let common: Params<'_> = &[&who, &whom, &now, &event.session, &&*event.server, &event.action];
    let rows = match change {
        StaffChange::Add { name, role, password_hash } => {
            let own: Params<'_> = &[name, &role.as_str(), password_hash];
            db.write(CHANGE_ADD, &[common, own].concat()).await?
        }
        StaffChange::Password { password_hash } => {
            db.write(CHANGE_PASSWORD, &[common, &[password_hash]].concat()).await?
        }
        StaffChange::Disabled(disabled) => {
            db.write(CHANGE_DISABLED, &[common, &[disabled]].concat()).await?
        }
        StaffChange::Role(role) => {
            db.write(CHANGE_ROLE, &[common, &[&role.as_str()]].concat()).await?
        }
        StaffChange::EndSessions => db.write(CHANGE_SESSIONS, common).await?,
        StaffChange::RemoveSecondFactor => db.write(CHANGE_FACTOR, common).await?,
    };
    let row = rows.first().ok_or_else(Error::closed)?;
    Ok(match (get(row, 0)?, get(row, 1)?) {
        (false, _) => StaffChanged::NotAllowed,
        (true, false) => StaffChanged::NoSuchUser,
        (true, true) => StaffChanged::Done,
    })
}

/// A password that its owner chose, with the audit row. Every session in a browser ends, the one
/// that asks too.
pub(crate) async fn choose_password(
    db: &Database,
    actor: &Actor,
    password_hash: &str,
) -> Result<bool, Error> {
    let (user, server) = (actor.user.as_str(), &*actor.server);
    let params: Params<'_> = &[&user, &password_hash, &now_ms(), &actor.session, &server];
    changed(db, CHOOSE_PASSWORD, params).await
}

async fn changed(db: &Database, sql: &'static str, params: Params<'_>) -> Result<bool, Error> {
    Ok(!db.write(sql, params).await?.is_empty())
}

fn staff(found: &Row) -> Result<Staff, Error> {
    Ok(Staff {
        user: row::user(found, 0)?,
        name: get(found, 1)?,
        role: word(found, 2, Role::parse)?,
        password_hash: get(found, 3)?,
        password_generated: get(found, 4)?,
        disabled: get(found, 5)?,
    })
}
