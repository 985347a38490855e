//! Sessions: in the database, so that one is valid on every server and nowhere after logout (I8).

use std::sync::Arc;

use ledger::{Actor, Role, UserId};
use tokio_postgres::Row;

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{NewSession, Session, SessionKind, SessionView, TokenHash, UnixMs};
use crate::postgres::row::{self, get, word};
use crate::postgres::{Database, Params};

/// The session and its audit row. Without a server it is a token of the command line, where nobody
/// signs in.
const INSERT: &str = "with made as (insert into sessions \
         (token_hash, user_id, kind, created_at, expires_at, seen_at, address, agent, \
          password_due) \
         values ($1, $2, $3, $4, $5, $4, $6, $7, $8) returning id), \
     noted as (insert into audit_events (at, user_id, session, server, action, subject, result) \
         select $4, case when $9::text is not null then $2 end, \
             case when $9::text is not null then id end, coalesce($9::text, 'command line'), \
             case when $9::text is not null then 'sign-in' else 'token.create' end, $2, 'done' \
         from made) \
     select id from made";
/// The live ones among some; [`session`] and [`token_hash`] read it.
pub(crate) const FIND: &str = "select \
         s.id, s.user_id, t.name, t.role, s.kind, s.expires_at, s.seen_at, \
         s.password_due, exists (select 1 from second_factors f \
         where f.user_id = s.user_id and f.confirmed_at is not null), s.token_hash \
     from sessions s join staff t on t.user_id = s.user_id \
     where s.token_hash = any ($1) and s.ended_at is null and s.expires_at > $2 and not t.disabled";
const TOUCH: &str =
    "update sessions set seen_at = greatest(seen_at, $2) where id = any ($1::bigint[])";
const END_OWN: &str = "with gone as (update sessions set ended_at = $3 \
         where id = $1 and user_id = $2 and ended_at is null returning id), \
     noted as (insert into audit_events (at, user_id, session, server, action, subject, result) \
         select $3, $2, $4, $5, 'session.end', id::text, 'done' from gone) \
     select id from gone";
/// Newest first. What idled out still stands here until it expires: it is harmless, and ending it
/// does no harm either.
const OF_USER: &str = "select id, kind, created_at, seen_at, expires_at, address, agent \
     from sessions where user_id = $1 and ended_at is null and expires_at > $2 \
     order by id desc limit $3";

pub(crate) async fn create(db: &Database, session: &NewSession) -> Result<i64, Error> {
    let kind = match session.kind {
        SessionKind::Browser => "browser",
        SessionKind::Client => "client",
    };
    let params: Params<'_> = &[
        &session.token_hash.as_slice(),
        &session.user.as_str(),
        &kind,
        &now_ms(),
        &session.expires_at,
        &session.origin.address,
        &session.origin.agent,
        &session.origin.password_due,
        &session.origin.server.as_deref(),
    ];
    let rows = db.write(INSERT, params).await?;
    rows.first().map_or(Err(Error::closed()), |row| get(row, 0))
}

pub(crate) async fn find(db: &Database, token_hash: &TokenHash) -> Result<Option<Session>, Error> {
    if let Some((near, visit)) = db.copies()
        && let Some(rows) =
            near.session(visit, FIND, &[&[token_hash.as_slice()].as_slice(), &now_ms()]).await
    {
        return rows.first().map(session).transpose();
    }
    db.parts.lookups.find(*token_hash).await
}

pub(crate) async fn touch(db: &Database, ids: &[i64], now: UnixMs) -> Result<(), Error> {
    db.write(TOUCH, &[&ids, &now]).await.map(|_| ())
}

/// Ends one session of its owner's, with the audit row; `false` if it is not theirs or not live.
pub(crate) async fn end_own(db: &Database, actor: &Actor, id: i64) -> Result<bool, Error> {
    let (user, server) = (actor.user.as_str(), &*actor.server);
    let rows = db.write(END_OWN, &[&id, &user, &now_ms(), &actor.session, &server]).await?;
    Ok(!rows.is_empty())
}

pub(crate) async fn of_user(
    db: &Database,
    user: &UserId,
    limit: u32,
) -> Result<Vec<SessionView>, Error> {
    let rows = db.read(OF_USER, &[&user.as_str(), &now_ms(), &i64::from(limit)]).await?;
    rows.iter().map(view).collect()
}

pub(crate) fn token_hash(found: &Row) -> Result<TokenHash, Error> {
    get::<&[u8]>(found, 9)?.try_into().map_err(row::damaged)
}

pub(crate) fn session(found: &Row) -> Result<Session, Error> {
    Ok(Session {
        id: get(found, 0)?,
        user: row::user(found, 1)?,
        name: Arc::from(get::<&str>(found, 2)?),
        role: word(found, 3, Role::parse)?,
        kind: word(found, 4, kind)?,
        expires_at: get(found, 5)?,
        seen_at: get(found, 6)?,
        password_due: get(found, 7)?,
        has_second_factor: get(found, 8)?,
    })
}

fn view(found: &Row) -> Result<SessionView, Error> {
    Ok(SessionView {
        id: get(found, 0)?,
        kind: word(found, 1, kind)?,
        created_at: get(found, 2)?,
        seen_at: get(found, 3)?,
        expires_at: get(found, 4)?,
        address: get(found, 5)?,
        agent: get(found, 6)?,
    })
}

fn kind(text: &str) -> Option<SessionKind> {
    match text {
        "browser" => Some(SessionKind::Browser),
        "client" => Some(SessionKind::Client),
        _ => None,
    }
}
