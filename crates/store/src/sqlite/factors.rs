//! Second factors and recovery codes. A code is spent where it is checked, so that of two servers
//! that are shown the same one, one accepts it.

use ledger::{Actor, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::model::{AuditEvent, CodeHash, Factor};
use crate::sqlite::{classify, logs};

const FIND: &str = "select secret, confirmed_at is not null, \
     (select count(*) from recovery_codes c where c.user = f.user and c.used_at is null) \
     from second_factors f where user = ?1";
const BEGIN: &str = "insert into second_factors (user, secret, last_step) values (?1, ?2, 0) \
     on conflict (user) do update set secret = excluded.secret where confirmed_at is null";
const CONFIRM: &str = "update second_factors set confirmed_at = ?4, last_step = ?3 \
     where user = ?1 and secret = ?2 and confirmed_at is null";
const INSERT_CODE: &str = "insert into recovery_codes (user, code) values (?1, ?2)";
const ACCEPT_STEP: &str = "update second_factors set last_step = ?2 \
     where user = ?1 and confirmed_at is not null and last_step < ?2";
const SPEND_CODE: &str = "update recovery_codes set used_at = ?3 \
     where user = ?1 and code = ?2 and used_at is null";
const REMOVE: &str = "delete from second_factors where user = ?1";
const REMOVE_CODES: &str = "delete from recovery_codes where user = ?1";

pub(crate) fn find(db: &Connection, user: &UserId) -> Result<Option<Factor>, Error> {
    let factor = |row: &rusqlite::Row<'_>| {
        Ok(Factor { sealed: row.get(0)?, confirmed: row.get(1)?, recovery_codes_left: row.get(2)? })
    };
    db.prepare_cached(FIND)
        .and_then(|mut statement| statement.query_row([user.as_str()], factor).optional())
        .map_err(classify)
}

pub(crate) fn begin(db: &Connection, user: &UserId, sealed: &[u8]) -> Result<bool, Error> {
    Ok(db.execute(BEGIN, params![user.as_str(), sealed]).map_err(classify)? > 0)
}

pub(crate) fn confirm(
    db: &Connection,
    actor: &Actor,
    sealed: &[u8],
    step: i64,
    codes: &[CodeHash],
) -> Result<bool, Error> {
    let user = actor.user.as_str();
    let confirm = || -> Result<bool, rusqlite::Error> {
        if db.execute(CONFIRM, params![user, sealed, step, now_ms()])? == 0 {
            return Ok(false);
        }
        for code in codes {
            db.execute(INSERT_CODE, params![user, code])?;
        }
        Ok(true)
    };
    let done = confirm().map_err(classify)?;
    if done {
        logs::record(db, &AuditEvent::of(actor, "factor.enable", user.to_owned(), "done"))?;
    }
    Ok(done)
}

pub(crate) fn accept_step(db: &Connection, user: &UserId, step: i64) -> Result<bool, Error> {
    Ok(db.execute(ACCEPT_STEP, params![user.as_str(), step]).map_err(classify)? > 0)
}

pub(crate) fn spend_code(
    db: &Connection,
    user: &UserId,
    code: &CodeHash,
    event: &AuditEvent,
) -> Result<bool, Error> {
    let spent = db.execute(SPEND_CODE, params![user.as_str(), code, now_ms()]).map_err(classify)?;
    if spent > 0 {
        logs::record(db, event)?;
    }
    Ok(spent > 0)
}

/// Removes one's own factor, with the audit row.
pub(crate) fn remove_own(db: &Connection, actor: &Actor) -> Result<bool, Error> {
    let done = remove(db, &actor.user)?;
    if done {
        let subject = actor.user.as_str().to_owned();
        logs::record(db, &AuditEvent::of(actor, "factor.disable", subject, "done"))?;
    }
    Ok(done)
}

/// Removes a factor with its codes; `false`: there was none.
pub(crate) fn remove(db: &Connection, user: &UserId) -> Result<bool, Error> {
    db.execute(REMOVE_CODES, [user.as_str()]).map_err(classify)?;
    Ok(db.execute(REMOVE, [user.as_str()]).map_err(classify)? > 0)
}
