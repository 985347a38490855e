//! Second factors and recovery codes. A code is spent where it is checked, so that of two servers
//! that are shown the same one, one accepts it.

use ledger::{Actor, UserId};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AuditEvent, CodeHash, Factor};
use crate::postgres::row::{self, get};
use crate::postgres::{Database, Params};

const FIND: &str = "select secret, confirmed_at is not null, \
     (select count(*) from recovery_codes c where c.user_id = f.user_id and c.used_at is null) \
     from second_factors f where user_id = $1";
const BEGIN: &str = "insert into second_factors as f (user_id, secret, last_step) \
     values ($1, $2, 0) \
     on conflict (user_id) do update set secret = excluded.secret where f.confirmed_at is null \
     returning user_id";
const CONFIRM: &str = "with done as (update second_factors set confirmed_at = $4, last_step = $3 \
         where user_id = $1 and secret = $2 and confirmed_at is null returning user_id), \
     codes as (insert into recovery_codes (user_id, code) \
         select user_id, unnest($5::bytea[]) from done), \
     noted as (insert into audit_events (at, user_id, session, server, action, subject, result) \
         select $4, $1, $6::bigint, $7::text, 'factor.enable', user_id, 'done' from done) \
     select user_id from done";
const ACCEPT_STEP: &str = "update second_factors set last_step = $2 \
     where user_id = $1 and confirmed_at is not null and last_step < $2 returning user_id";
const SPEND_CODE: &str = "with done as (update recovery_codes set used_at = $3 \
         where user_id = $1 and code = $2 and used_at is null returning user_id), \
     noted as (insert into audit_events \
             (at, user_id, session, server, action, subject, result, address) \
         select $3, $4::text, $5::bigint, $6::text, $7::text, $8::text, $9::text, $10::text \
         from done) \
     select user_id from done";
const REMOVE_OWN: &str = "with codes as (delete from recovery_codes where user_id = $1), \
     done as (delete from second_factors where user_id = $1 returning user_id), \
     noted as (insert into audit_events (at, user_id, session, server, action, subject, result) \
         select $2, $1, $3::bigint, $4::text, 'factor.disable', user_id, 'done' from done) \
     select user_id from done";

pub(crate) async fn find(db: &Database, user: &UserId) -> Result<Option<Factor>, Error> {
    let rows = db.read(FIND, &[&user.as_str()]).await?;
    let factor = |row| {
        Ok(Factor {
            sealed: get(row, 0)?,
            confirmed: get(row, 1)?,
            recovery_codes_left: u32::try_from(get::<i64>(row, 2)?).map_err(row::damaged)?,
        })
    };
    rows.first().map(factor).transpose()
}

pub(crate) async fn begin(db: &Database, user: &UserId, sealed: &[u8]) -> Result<bool, Error> {
    Ok(!db.write(BEGIN, &[&user.as_str(), &sealed]).await?.is_empty())
}

pub(crate) async fn confirm(
    db: &Database,
    actor: &Actor,
    sealed: &[u8],
    step: i64,
    codes: &[CodeHash],
) -> Result<bool, Error> {
    let codes: Vec<&[u8]> = codes.iter().map(<[u8; 32]>::as_slice).collect();
    let params: Params<'_> =
        &[&actor.user.as_str(), &sealed, &step, &now_ms(), &codes, &actor.session, &&*actor.server];
    Ok(!db.write(CONFIRM, params).await?.is_empty())
}

pub(crate) async fn accept_step(db: &Database, user: &UserId, step: i64) -> Result<bool, Error> {
    Ok(!db.write(ACCEPT_STEP, &[&user.as_str(), &step]).await?.is_empty())
}

pub(crate) async fn spend_code(
    db: &Database,
    user: &UserId,
    code: &CodeHash,
    event: &AuditEvent,
) -> Result<bool, Error> {
    let params: Params<'_> = &[
        &user.as_str(),
        &code.as_slice(),
        &now_ms(),
        &event.user.as_ref().map(UserId::as_str),
        &event.session,
        &&*event.server,
        &event.action,
        &event.subject,
        &event.result,
        &event.address,
    ];
    Ok(!db.write(SPEND_CODE, params).await?.is_empty())
}

/// Removes one's own factor, with the audit row.
pub(crate) async fn remove_own(db: &Database, actor: &Actor) -> Result<bool, Error> {
    let (user, server) = (actor.user.as_str(), &*actor.server);
    let params: Params<'_> = &[&user, &now_ms(), &actor.session, &server];
    Ok(!db.write(REMOVE_OWN, params).await?.is_empty())
}
