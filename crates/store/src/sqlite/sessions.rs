//! Sessions: in the database, so that one is valid on every server and nowhere after logout (I8).

use std::sync::Arc;

use ledger::{Actor, Role, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AuditEvent, NewSession, Session, SessionKind, SessionView, TokenHash, UnixMs};
use crate::sqlite::{classify, logs, row};

const INSERT: &str = "insert into sessions \
     (token_hash, user, kind, created_at, expires_at, seen_at, address, agent, password_due) \
     values (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7, ?8)";
const FIND: &str = "select s.id, s.user, t.name, t.role, s.kind, s.expires_at, s.seen_at, \
     s.password_due, exists (select 1 from second_factors f \
         where f.user = s.user and f.confirmed_at is not null) \
     from sessions s join staff t on t.user = s.user \
     where s.token_hash = ?1 and s.ended_at is null and s.expires_at > ?2 and t.disabled = 0";
const TOUCH: &str = "update sessions set seen_at = max(seen_at, ?2) where id = ?1";
const END_OF_USER: &str =
    "update sessions set ended_at = ?3 where id = ?1 and user = ?2 and ended_at is null";
/// Newest first. What idled out still stands here until it expires: it is harmless, and ending it
/// does no harm either.
const OF_USER: &str = "select id, kind, created_at, seen_at, expires_at, address, agent \
     from sessions where user = ?1 and ended_at is null and expires_at > ?2 \
     order by id desc limit ?3";
const END_ALL: &str = "update sessions set ended_at = ?2 where user = ?1 and ended_at is null";
const END_ALL_IN_BROWSERS: &str = "update sessions set ended_at = ?2 \
     where user = ?1 and (kind = 'browser' or password_due = 1) and ended_at is null";

pub(crate) fn create(db: &Connection, session: &NewSession) -> Result<i64, Error> {
    let kind = match session.kind {
        SessionKind::Browser => "browser",
        SessionKind::Client => "client",
    };
    let origin = &session.origin;
    let id = db
        .prepare_cached(INSERT)
        .and_then(|mut statement| {
            statement.insert(params![
                session.token_hash,
                session.user.as_str(),
                kind,
                now_ms(),
                session.expires_at,
                origin.address,
                origin.agent,
                origin.password_due,
            ])
        })
        .map_err(classify)?;
    let subject = session.user.as_str().to_owned();
    let event = match &origin.server {
        Some(server) => AuditEvent {
            user: Some(session.user.clone()),
            session: Some(id),
            server: Arc::clone(server),
            ..AuditEvent::of_command_line("sign-in", subject)
        },
        None => AuditEvent::of_command_line("token.create", subject),
    };
    logs::record(db, &event)?;
    Ok(id)
}

pub(crate) fn find(db: &Connection, token_hash: &TokenHash) -> Result<Option<Session>, Error> {
    db.prepare_cached(FIND)
        .and_then(|mut statement| {
            statement.query_row(params![token_hash, now_ms()], session).optional()
        })
        .map_err(classify)
}

pub(crate) fn touch(db: &Connection, ids: &[i64], now: UnixMs) -> Result<(), Error> {
    ids.iter().try_for_each(|id| execute(db, TOUCH, params![id, now]))
}

/// Ends one session of its owner's, with the audit row; `false` if it is not theirs or not live.
pub(crate) fn end_own(db: &Connection, actor: &Actor, id: i64) -> Result<bool, Error> {
    let ended =
        db.execute(END_OF_USER, params![id, actor.user.as_str(), now_ms()]).map_err(classify)?;
    if ended > 0 {
        logs::record(db, &AuditEvent::of(actor, "session.end", id.to_string(), "done"))?;
    }
    Ok(ended > 0)
}

pub(crate) fn of_user(
    db: &Connection,
    user: &UserId,
    limit: u32,
) -> Result<Vec<SessionView>, Error> {
    db.prepare_cached(OF_USER)
        .and_then(|mut statement| {
            statement.query_map(params![user.as_str(), now_ms(), limit], view)?.collect()
        })
        .map_err(classify)
}

pub(crate) fn end_all(db: &Connection, user: &UserId) -> Result<(), Error> {
    execute(db, END_ALL, params![user.as_str(), now_ms()])
}

/// A new password ends what was signed in with the old one; tokens of programs live on.
pub(crate) fn end_all_in_browsers(db: &Connection, user: &UserId) -> Result<(), Error> {
    execute(db, END_ALL_IN_BROWSERS, params![user.as_str(), now_ms()])
}

fn execute(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<(), Error> {
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(classify)?;
    Ok(())
}

fn session(found: &Row<'_>) -> Result<Session, rusqlite::Error> {
    Ok(Session {
        id: found.get(0)?,
        user: row::user(found, 1)?,
        name: Arc::from(found.get_ref(2)?.as_str()?),
        role: row::word(found, 3, Role::parse)?,
        kind: row::word(found, 4, kind)?,
        expires_at: found.get(5)?,
        seen_at: found.get(6)?,
        password_due: found.get(7)?,
        has_second_factor: found.get(8)?,
    })
}

fn view(found: &Row<'_>) -> Result<SessionView, rusqlite::Error> {
    Ok(SessionView {
        id: found.get(0)?,
        kind: row::word(found, 1, kind)?,
        created_at: found.get(2)?,
        seen_at: found.get(3)?,
        expires_at: found.get(4)?,
        address: found.get(5)?,
        agent: found.get(6)?,
    })
}

fn kind(text: &str) -> Option<SessionKind> {
    match text {
        "browser" => Some(SessionKind::Browser),
        "client" => Some(SessionKind::Client),
        _ => None,
    }
}
